"""The routes of the contract, exactly; each once for oneself and once for whom one acts."""

from django.urls import URLPattern, include, path, register_converter
from django.urls.converters import StringConverter
from drf_spectacular.views import SpectacularJSONAPIView

from notifications.api import views


class AnythingConverter(StringConverter):
    """Whatever else somebody may ask for, line breaks and all."""

    regex = "(?s:.*)"


register_converter(AnythingConverter, "anything")

one = "patient-notifications/<uuid:notification_id>"
contract: list[URLPattern] = [
    path("patient-notifications", views.Notifications.as_view()),
    path("patient-notifications/read-all", views.ReadAll.as_view()),
    path("patient-notifications/read-all/<uuid:batch>/undo", views.UndoReadAll.as_view()),
    path("patient-notifications/preferences", views.Preferences.as_view()),
    path("patient-notifications/preferences/<str:type_key>", views.Preference.as_view()),
    path(f"{one}/read", views.Read.as_view()),
    path(f"{one}/unread", views.Unread.as_view()),
    path(f"{one}/dismiss", views.Dismiss.as_view()),
    path(f"{one}/archive", views.Archive.as_view()),
    path(f"{one}/restore", views.Restore.as_view()),
    path(f"{one}/snooze", views.Snooze.as_view()),
]

urlpatterns = [
    *contract,
    path("for/<uuid:patient_id>/", include(contract)),
    path("schema/", SpectacularJSONAPIView.as_view()),
    path("<anything:rest>", views.Nothing.as_view()),
]

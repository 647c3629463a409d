"""The pages. Those of a patient exist twice: for oneself, and below /for/<id>/ for a ward."""

from django.urls import include, path

from portal.views import centre, contacts, devices, home, message, settings, unsubscribe, worker

settings_pages = [
    path("", settings.NotificationSettingsPage.as_view(), name="settings"),
    path("language/", settings.language_and_zone, name="language"),
    path("general/", settings.general, name="general"),
    path("cells/<str:cell>/", settings.cell, name="cell"),
    path("devices/", devices.register, name="devices"),
    path("devices/not-now/", devices.not_now, name="device-not-now"),
    path("devices/<uuid:contact_id>/name/", devices.rename, name="device-name"),
    path("devices/<uuid:contact_id>/test/", devices.send_test, name="device-test"),
    path("devices/<uuid:contact_id>/remove/", devices.remove, name="device-remove"),
    path("contacts/add/<str:kind>/", contacts.add, name="contact-add"),
    path("contacts/<uuid:contact_id>/", contacts.contact, name="contact"),
    path("contacts/<uuid:contact_id>/code/", contacts.send_code, name="contact-code"),
    path("contacts/<uuid:contact_id>/verify/", contacts.verify, name="contact-verify"),
    path("contacts/<uuid:contact_id>/consent/", contacts.agree, name="contact-consent"),
    path("contacts/<uuid:contact_id>/remove/", contacts.remove, name="contact-remove"),
]

patient_pages = [
    path("", home.home, name="home"),
    path("visits/", home.visits, name="visits"),
    path("visits/<uuid:visit_id>/confirm/", home.confirm_visit, name="visit-confirm"),
    path("notifications/", centre.centre, name="centre"),
    path("notifications/popover/", centre.popover, name="popover"),
    path("notifications/sync/", centre.sync, name="sync"),
    path("notifications/read-all/", centre.read_all, name="read-all"),
    path("notifications/read-all/<uuid:batch>/undo/", centre.read_all_undo, name="read-all-undo"),
    path("notifications/settings/", include(settings_pages)),
    path("notifications/<uuid:notification_id>/", message.message, name="message"),
    path(
        "notifications/<uuid:notification_id>/<slug:action>/",
        message.change,
        name="message-action",
    ),
]

urlpatterns = [
    path("accounts/login/", devices.SignIn.as_view(), name="login"),
    path("accounts/logout/", devices.SignOut.as_view(), name="logout"),
    path("sw.js", worker.service_worker, name="service-worker"),
    path("look/", settings.look, name="look"),
    path("m", centre.short_link, name="short-link"),
    path("unsubscribe/<str:token>/", unsubscribe.unsubscribe, name="unsubscribe"),
    path("", include(patient_pages)),
    path("for/<uuid:patient_id>/", include(patient_pages)),
]

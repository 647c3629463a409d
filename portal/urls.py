"""The pages. Those of a patient exist twice: for oneself, and below /for/<id>/ for a ward."""

from django.urls import include, path

from portal.views import home, unsubscribe, visits, worker
from portal.views.messages import bulk, centre, message, sent
from portal.views.paperwork import questionnaires, statements
from portal.views.preview import page as preview
from portal.views.settings import changes, contacts, devices, general, private
from portal.views.settings import sheet as settings

settings_pages = [
    path("", settings.NotificationSettingsPage.as_view(), name="settings"),
    path("cells/<str:cell>/", settings.cell, name="cell"),
    path("texts-off/", settings.texts_off, name="texts-off"),
    path("reset/", settings.reset, name="settings-reset"),
    path("undo/<uuid:change>/", settings.undo, name="settings-undo"),
    path("pause/", general.pause, name="pause"),
    path("resume/", general.resume, name="resume"),
    path("quiet/", general.quiet, name="quiet"),
    path("summary/", general.summary, name="summary"),
    path("language/", general.language_and_zone, name="language"),
    path("preview/", preview.preview, name="preview"),
    path("changes/", changes.changes, name="changes"),
    path("private/", private.private, name="private"),
    path("private/wish/", private.wish, name="private-wish"),
    path("private/<uuid:request_id>/end/", private.end, name="private-end"),
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
    path("forms/", questionnaires.forms, name="forms"),
    path("forms/<uuid:form_id>/", questionnaires.form, name="form"),
    path("statements/", statements.statements, name="statements"),
    path("statements/<uuid:statement_id>/", statements.statement, name="statement"),
    path("statements/<uuid:statement_id>/question/", statements.ask, name="statement-question"),
    path("statements/<uuid:statement_id>/question/undo/", statements.unask, name="question-undo"),
    path("visits/", visits.visits, name="visits"),
    path("visits/<uuid:visit_id>/confirm/", visits.confirm_visit, name="visit-confirm"),
    path("visits/<uuid:visit_id>/calendar.ics", visits.calendar, name="visit-calendar"),
    path("visits/<uuid:visit_id>/move/", visits.move, name="visit-move"),
    path("visits/<uuid:visit_id>/move/never-mind/", visits.stay, name="visit-stay"),
    path("notifications/", centre.centre, name="centre"),
    path("notifications/popover/", centre.popover, name="popover"),
    path("notifications/sync/", centre.sync, name="sync"),
    path("notifications/read-all/", centre.read_all, name="read-all"),
    path("notifications/read-all/<uuid:batch>/undo/", centre.read_all_undo, name="read-all-undo"),
    path("notifications/bulk/<slug:action>/", bulk.bulk, name="bulk"),
    path("notifications/sent/", sent.sent, name="sent"),
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

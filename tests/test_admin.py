"""The admin: what staff find there, what is not shown, and that no rule is gone round."""

import re
from dataclasses import dataclass
from datetime import timedelta
from html import unescape

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from notifications import calls, clock
from notifications.channels.base import Channel
from notifications.enums import (
    AuditAction,
    CallReason,
    ContactKind,
    ContactStatus,
    PatientNotificationChannel,
    PatientNotificationType,
    PlanStatus,
)
from notifications.models import (
    AuditEvent,
    AuditSeal,
    CarrierEvent,
    Consent,
    ContactPoint,
    Delivery,
    DeliveryAttempt,
    Heartbeat,
    InboundText,
    InboxEvent,
    InboxState,
    PatientNotification,
    PatientNotificationPreference,
    ScheduledNotification,
    Switch,
    TextUse,
)
from notifications.scheduler import tick
from portal.models import Appointment, ExternalId, Guardianship, RecallSchedule, ReminderRule, User
from portal.services import default_reminder_rules
from tests.clinic import DENVER, a_visit, wall
from tests.conftest import PASSWORD, make_patient, signed_in
from tests.engine import (
    ANAS_NUMBER,
    BENS_NUMBER,
    NotePayload,
    device_of,
    email_of,
    phone_of,
    run,
    send,
)

pytestmark = pytest.mark.django_db

OURS = [
    model for app in ("notifications", "portal") for model in apps.get_app_config(app).get_models()
]
NEVER_CHANGED = [
    "notifications.patientnotification",
    "notifications.delivery",
    "notifications.deliveryattempt",
    "notifications.inboxevent",
    "notifications.inboxstate",
    "notifications.auditevent",
    "notifications.auditseal",
    "notifications.consent",
    "notifications.schedulednotification",
    "notifications.patientnotificationpreference",
    "notifications.patientkey",
    "notifications.outboxmessage",
    "notifications.carrierevent",
    "notifications.inboundtext",
    "notifications.calltask",
    "notifications.switch",
]
CANARY = "canary-root-canal-on-tooth-14"


def page(model, view, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=args)


@pytest.fixture
def chief(db):
    """Somebody with every right there is."""
    return User.objects.create_superuser(username="chief@example.com", password=PASSWORD)


@pytest.fixture
def chief_client(chief):
    return signed_in(chief)


def staff_with(*names):
    """A clerk who holds these permissions and no other."""
    clerk = User.objects.create_user(username="clerk@example.com", is_staff=True)
    for name in names:
        app, codename = name.split(".")
        permission = Permission.objects.get(content_type__app_label=app, codename=codename)
        clerk.user_permissions.add(permission)
    return clerk


@pytest.fixture
def lived(ana, ben, location, provider, chief):
    """A clinic with a row of everything."""
    default_reminder_rules(location)
    email_of(ana)
    phone_of(ana)
    device_of(ana)
    with clock.at(timezone.now() - timedelta(minutes=3)):  # its news has left by now
        visit = a_visit(
            ana,
            timezone.now() + timedelta(days=5),
            location=location,
            provider=provider,
            reason=CANARY,
            notes=CANARY,
        )
    note = send(ana, NotePayload(text=CANARY))
    run()
    tick()
    text = note.deliveries.get(channel="sms")  # held, if this runs at night
    use = {"number_index": text.contact.value_index, "used_at": timezone.now()}
    TextUse.objects.get_or_create(delivery=text, defaults=use)
    Guardianship.objects.create(guardian=ben, patient=ana)
    AuditSeal(number=1, event_ids=[], key_version=1, mac="0" * 64).save()
    RecallSchedule.objects.create(patient=ana, kind="hygiene", months=6, due_on="2026-12-01")
    ExternalId.objects.create(source="pms", resource="Patient", external_id="1", object_id=ana.pk)
    a_text_came_in()
    calls.open_call(
        patient_id=ana.pk,
        reason=CallReason.ASKED,
        key="1",
        due_at=timezone.now(),
        notification=note,
    )
    Switch.objects.create(name="sms", off_at=timezone.now(), off_by="system:test", why="20003")
    ana.notification_preferences.create(
        type="lab_results", channel="email", enabled=False, changed_by=f"user:{ana.pk}"
    )
    return visit


def a_text_came_in():
    event = CarrierEvent.objects.create(channel="sms", kind="reply", key="1", content={})
    InboundText.objects.create(
        event=event, number=ANAS_NUMBER, number_index="0", text="Running late", meaning="unclear"
    )


@pytest.fixture(autouse=True)
def note():
    """The engine's own small type, for as long as the test runs."""
    PatientNotificationType.register(NotePayload)
    yield
    PatientNotificationType.unregister("note")


# -- what is there ------------------------------------------------------------------------------


def test_every_table_of_ours_can_be_looked_at():
    assert set(OURS) <= set(admin.site._registry)


@pytest.mark.req("S-14")
@pytest.mark.parametrize("app", ["django_q", "axes", "sessions"])
def test_the_queue_sessions_and_lockouts_are_not_there(chief_client, app):
    assert not [model for model in admin.site._registry if model._meta.app_label == app]
    assert app.encode() not in chief_client.get("/admin/").content
    for model in apps.get_app_config(app).get_models():
        assert chief_client.get(f"/admin/{app}/{model._meta.model_name}/").status_code == 404


def in_line(html):
    """What a policy without 'unsafe-inline' would block."""
    scripts = re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", html)
    return scripts + re.findall(r"<style\b|\sstyle=\"|\son\w+=\"|javascript:", html)


@pytest.mark.req("S-16")
def test_every_page_opens_and_keeps_the_content_policy(chief_client, lived):
    addresses = ["/admin/", "/admin/notifications/", "/admin/portal/", "/admin/password_change/"]
    for model, model_admin in admin.site._registry.items():
        addresses.append(page(model, "changelist"))
        row = model._base_manager.first()
        if row is not None:
            addresses += [page(model, "change", row.pk), page(model, "history", row.pk)]
        if type(model_admin).has_add_permission is not type(model_admin).has_delete_permission:
            addresses.append(page(model, "add"))
    for address in addresses:
        answer = chief_client.get(address)
        assert answer.status_code in (200, 403), address
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not in_line(answer.content.decode()), address


def test_a_list_takes_as_many_queries_for_twenty_rows_as_for_two(
    chief_client, ana, ben, django_assert_max_num_queries
):
    for patient in (ana, ben):
        email_of(patient)
        send(patient)
    run()
    models = [PatientNotification, Delivery, ContactPoint, User]
    before = [queries(chief_client, model) for model in models]
    for number in range(18):
        patient = make_patient(f"p{number}@example.com", "Pat", ana.home_location)
        email_of(patient)
        send(patient)
    run()
    assert [queries(chief_client, model) for model in models] == before


def queries(client, model):
    with CaptureQueriesContext(connection) as seen:
        assert client.get(page(model, "changelist")).status_code == 200
    return len([query for query in seen.captured_queries if "audit_events" not in query["sql"]])


# -- open work ----------------------------------------------------------------------------------


def work_on(client) -> dict[str, str]:
    """What the first page says is open: the count and the list it leads to, by its words."""
    html = client.get("/admin/").content.decode()
    found = re.findall(r'<a href="([^"]+)"><strong>(\d+)</strong> ([^<]+)</a>', html)
    return {words: (int(count), unescape(url)) for url, count, words in found}


def test_the_first_page_counts_what_waits_and_leads_to_it(chief_client, ana, ben):
    phone = phone_of(ana)
    mine, other = send(ana), send(ben)
    Delivery.objects.filter(notification=mine, channel="sms").update(status="failed")
    Delivery.objects.filter(notification=other, channel="sms").update(
        status="failed", status_at=timezone.now() - timedelta(days=9)
    )
    ContactPoint.objects.filter(pk=phone.pk).update(status=ContactStatus.NEEDS_UPDATE)
    found = work_on(chief_client)
    assert {words: count for words, (count, _url) in found.items()} == {
        "calls to make": 0,
        "texts that wait for an answer": 0,
        "message of the last 7 days that did not get through": 1,
        "address that does not work": 1,
    }
    for count, url in found.values():
        listed = chief_client.get(url).context_data["cl"]
        assert listed.result_count == count
    assert "Open work" not in chief_client.get("/admin/notifications/").content.decode()


@pytest.mark.req("H-02")
@pytest.mark.parametrize(
    ("rights", "seen"),
    [
        ((), []),
        (("notifications.view_contactpoint",), ["addresses that do not work"]),
        (("notifications.view_inboundtext",), ["texts that wait for an answer"]),
    ],
)
def test_the_first_page_counts_only_what_somebody_may_see(db, rights, seen):
    assert list(work_on(signed_in(staff_with(*rights)))) == seen


# -- who may come in ----------------------------------------------------------------------------


@pytest.mark.req("H-02")
def test_a_patient_is_refused_and_the_try_is_kept(ana, ana_client):
    for _ in range(2):
        assert ana_client.get("/admin/", follow=True).status_code == 403
    [row] = AuditEvent.objects.filter(action=AuditAction.DENIED)
    assert (row.actor, row.details) == (f"user:{ana.pk}", {"route": "admin"})


@pytest.mark.req("H-02")
def test_a_stranger_is_sent_to_the_one_sign_in_page(client):
    answer = client.get("/admin/portal/user/")
    assert answer.status_code == 302
    answer = client.get(answer.url)
    assert answer.url == "/accounts/login/?next=/admin/portal/user/"


@pytest.mark.req("H-02")
def test_staff_without_permissions_see_nothing_at_all(lived):
    client = signed_in(staff_with())
    for model in admin.site._registry:
        assert client.get(page(model, "changelist")).status_code == 403
        row = model._base_manager.first()
        if row is not None:
            answer = client.get(page(model, "change", row.pk))
            assert answer.status_code == 403, model


@pytest.mark.req("H-02")
def test_staff_see_what_they_may_and_no_other_table(lived):
    client = signed_in(staff_with("notifications.view_delivery"))
    assert client.get(page(Delivery, "changelist")).status_code == 200
    for model in (AuditEvent, PatientNotification, User, Consent):
        assert client.get(page(model, "changelist")).status_code == 403


@pytest.mark.req("S-19")
def test_staff_cannot_give_rights_to_themselves_or_others(ana):
    clerk = staff_with("portal.view_user", "portal.change_user")
    Group.objects.create(name="Everything")
    for person in (clerk, ana):
        sent = {
            "username": person.username,
            "language": "en",
            "is_active": "on",
            "is_staff": "on",
            "is_superuser": "on",
            "groups": [Group.objects.get().pk],
        }
        answer = signed_in(clerk).post(page(User, "change", person.pk), sent)
        assert answer.status_code == 302
        person.refresh_from_db()
        assert not person.is_superuser
        assert not person.groups.exists()
    assert not ana.is_staff


def test_staff_cannot_touch_the_account_of_somebody_with_every_right(chief):
    client = signed_in(staff_with("portal.view_user", "portal.change_user"))
    client.post(page(User, "change", chief.pk), {"username": "mine@example.com"})
    password = reverse("admin:auth_user_password_change", args=[chief.pk])
    assert client.get(password).status_code == 403
    chief.refresh_from_db()
    assert chief.username == "chief@example.com"


# -- read-only ----------------------------------------------------------------------------------


@pytest.mark.req("H-06")
@pytest.mark.parametrize("name", NEVER_CHANGED)
def test_what_was_sent_said_or_agreed_is_read_only_for_everybody(chief_client, lived, name):
    model = apps.get_model(name)
    before = list(model._base_manager.order_by("pk").values())
    row = model._base_manager.first()
    assert chief_client.post(page(model, "add"), {}).status_code == 403
    assert chief_client.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert chief_client.post(page(model, "change", row.pk), {"_save": "1"}).status_code == 403
    sent = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
    chief_client.post(page(model, "changelist"), sent)
    after = list(model._base_manager.order_by("pk").values())
    added = AuditEvent if model is AuditEvent else None
    assert after[: len(before)] == before if added else after == before


@pytest.mark.parametrize("model", [User, Appointment, Guardianship, ContactPoint])
def test_people_visits_and_addresses_are_not_deleted(chief_client, lived, model):
    row = model.objects.first()
    assert chief_client.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert b"delete_selected" not in chief_client.get(page(model, "changelist")).content


# -- what is not shown --------------------------------------------------------------------------


@pytest.mark.req("H-02")
@pytest.mark.req("CANARY")
def test_no_page_shows_a_body_a_reason_or_a_whole_address(chief_client, lived, ana):
    for model in admin.site._registry:
        texts = [chief_client.get(page(model, "changelist")).content.decode()]
        for row in model._base_manager.all()[:5]:
            texts.append(chief_client.get(page(model, "change", row.pk)).content.decode())
        for text in texts:
            assert CANARY not in text, model
            assert ANAS_NUMBER not in text, model
    shown = chief_client.get(page(ContactPoint, "changelist")).content.decode()
    assert "a***@example.com" in shown
    assert "***-0142" in shown


@pytest.mark.req("H-06")
def test_the_admins_own_log_keeps_ids_only(chief_client, ana, location):
    sent = {
        "username": "ana@example.com",
        "first_name": "Canary",
        "last_name": "Secret",
        "language": "en",
        "is_active": "on",
        "date_of_birth": "1990-05-04",
    }
    assert chief_client.post(page(User, "change", ana.pk), sent).status_code == 302
    ana.refresh_from_db()
    assert ana.date_of_birth == "1990-05-04"
    entry = LogEntry.objects.get()
    assert entry.object_repr == str(ana.pk)
    for secret in ("Canary", "Secret", "1990", "ana@"):
        assert secret not in entry.object_repr + entry.change_message
    assert "Canary" in chief_client.get(page(User, "changelist")).content.decode()


def test_choosing_a_patient_shows_names_where_the_log_has_ids(chief_client, ana):
    url = reverse("admin:autocomplete")
    asked = {"app_label": "portal", "model_name": "appointment", "field_name": "patient"}
    found = chief_client.get(url, asked | {"term": "Ana"}).json()["results"]
    assert found == [{"id": str(ana.pk), "text": "Ana Example"}]


# -- finding ------------------------------------------------------------------------------------


def found(client, model, term):
    answer = client.get(page(model, "changelist"), {"q": term})
    return list(answer.context_data["cl"].result_list)


@pytest.mark.parametrize("term", ["Ana", "Exam Ana", "ana@example.com", "(212) 555-0142"])
def test_a_message_is_found_by_name_or_by_a_whole_address(chief_client, ana, ben, term):
    email_of(ana)
    phone_of(ana)
    mine, _other = send(ana), send(ben)
    assert found(chief_client, PatientNotification, term) == [mine]


@pytest.mark.req("H-05")
@pytest.mark.parametrize("term", ["555-0142", "ana@exam", "@example.com", "5550142", "nobody"])
def test_half_an_address_finds_nothing(chief_client, ana, term):
    email_of(ana)
    phone_of(ana)
    send(ana)
    for model in (PatientNotification, ContactPoint, User):
        assert not [row for row in found(chief_client, model, term) if row != ana or "@" in term]


OF_PATIENTS = [
    PatientNotification,
    Delivery,
    DeliveryAttempt,
    TextUse,
    InboxEvent,
    InboxState,
    ScheduledNotification,
    PatientNotificationPreference,
    ContactPoint,
    Consent,
    AuditEvent,
    Appointment,
    RecallSchedule,
    Guardianship,
    User,
]


@pytest.mark.parametrize("model", OF_PATIENTS, ids=[each.__name__ for each in OF_PATIENTS])
def test_every_table_of_patients_is_searched_by_a_whole_address_and_shows_no_other(
    chief_client, lived, ana, ben, provider, location, model
):
    phone_of(ben, BENS_NUMBER)
    a_visit(ben, timezone.now() + timedelta(days=6), location=location, provider=provider)
    send(ben)
    for term in ("ana@example.com", "(212) 555-0142", str(ana.pk)):
        rows = found(chief_client, model, term)
        assert rows, term
        whose = {admin.site._registry[model].patient_id_of(row) for row in rows}
        assert whose == {ana.pk}
    assert not found(chief_client, model, "212 555 0199")


def test_rows_are_found_by_an_id(chief_client, ana, ben):
    mine, _other = send(ana), send(ben)
    assert found(chief_client, PatientNotification, str(mine.pk)) == [mine]
    assert found(chief_client, PatientNotification, str(ana.pk)) == [mine]


@pytest.mark.req("H-06")
def test_who_saw_a_patient_is_found_by_her_address(chief_client, chief, ana, ben):
    email_of(ana)
    chief_client.get(page(PatientNotification, "change", send(ana).pk))
    chief_client.get(page(PatientNotification, "change", send(ben).pk))
    rows = found(chief_client, AuditEvent, "ana@example.com")
    assert {row.patient_id for row in rows} == {ana.pk}
    assert [row.actor for row in rows if row.action == "viewed"] == [f"user:{chief.pk}"]


def test_a_new_type_and_channel_are_in_the_filters(chief_client):
    @PatientNotificationChannel.register
    class Pigeon(Channel):
        key, label = "pigeon", "Carrier pigeon"

        def send(self, *, envelope, content):
            """Fly."""

    @PatientNotificationType.register
    @dataclass(frozen=True, kw_only=True)
    class CoffeePayload(NotePayload):
        type_key, label = "coffee", "Coffee is ready"

    try:
        messages = chief_client.get(page(PatientNotification, "changelist")).content.decode()
        sent = chief_client.get(page(Delivery, "changelist")).content.decode()
    finally:
        PatientNotificationChannel.unregister("pigeon")
        PatientNotificationType.unregister("coffee")
    assert "Coffee is ready" in messages
    assert "Carrier pigeon" in sent


# -- views are kept -----------------------------------------------------------------------------


def views():
    rows = AuditEvent.objects.filter(action=AuditAction.VIEWED)
    return [(row.actor, row.patient_id, row.object_type) for row in rows.order_by("at", "pk")]


@pytest.mark.req("H-06")
def test_opening_a_message_is_one_row_that_names_the_patient(chief_client, chief, ana, ben):
    mine, _other = send(ana), send(ben)
    chief_client.get(page(PatientNotification, "change", mine.pk))
    assert views() == [(f"user:{chief.pk}", ana.pk, "patientnotification")]


@pytest.mark.req("H-06")
def test_a_list_is_one_row_a_patient_shown(chief_client, chief, ana, ben):
    send(ana)
    send(ana)
    send(ben)
    chief_client.get(page(PatientNotification, "changelist"), {"q": "Ana"})
    assert views() == [(f"user:{chief.pk}", ana.pk, "")]


@pytest.mark.req("H-06")
@pytest.mark.parametrize(
    "model", [Delivery, ContactPoint, Consent, Appointment, Guardianship, User]
)
def test_whatever_table_a_patient_is_seen_through(chief_client, lived, ana, model):
    row = ana if model is User else model.objects.first()
    chief_client.get(page(model, "change", row.pk))
    assert [patient for _actor, patient, _type in views()] == [ana.pk]


def test_who_may_only_look_at_a_patient_sees_nothing_of_the_password(ana):
    clerk = signed_in(staff_with("portal.view_user"))
    page = clerk.get(f"/admin/portal/user/{ana.pk}/change/").content.decode()
    assert "Example" in page
    assert "algorithm" not in page and "password" not in page.lower().replace("password_change", "")


def test_a_refused_page_is_not_a_view(ana):
    client = signed_in(staff_with())
    client.get(page(PatientNotification, "change", send(ana).pk))
    assert views() == []


@pytest.mark.req("H-01")
def test_adding_and_changing_are_rows_with_their_actor(chief_client, chief, location, practice):
    sent = {"name": "week", "location": location.pk, "minutes_before": 60, "is_active": "on"}
    sent |= {"what": "remind", "audience": "everyone", "until": "stands"}
    assert chief_client.post(page(ReminderRule, "add"), sent).status_code == 302
    rule = ReminderRule.objects.get()
    chief_client.post(page(ReminderRule, "change", rule.pk), sent | {"minutes_before": 90})
    chief_client.post(page(ReminderRule, "delete", rule.pk), {"post": "yes"})
    rows = AuditEvent.objects.filter(object_type="reminderrule").exclude(action="viewed")
    kept = [(row.action, row.actor) for row in rows.order_by("at", "pk")]
    actor = f"user:{chief.pk}"
    assert kept == [("created", actor), ("changed", actor), ("deleted", actor)]


# -- visits -------------------------------------------------------------------------------------


def booking(ana, provider, location, **changed):
    return {
        "patient": ana.pk,
        "provider": provider.pk,
        "location": location.pk,
        "starts_at_0": "2030-11-26",
        "starts_at_1": "09:30",
        "ends_at_0": "2030-11-26",
        "ends_at_1": "10:00",
        "reason": CANARY,
        "notes": "",
    } | changed


def act(client, model, name, rows, *, confirmed=True):
    sent = {"action": name, "_selected_action": [str(row.pk) for row in rows], "index": "0"}
    return client.post(
        page(model, "changelist"), sent | ({"confirmed": "yes"} if confirmed else {}), follow=True
    )


def titles(patient):
    rows = PatientNotification.objects.filter(patient=patient).order_by("seq")
    return [row.type for row in rows]


def test_booking_in_the_admin_plans_reminders_and_tells_the_patient(
    chief_client, chief, ana, provider, location
):
    location.zone = DENVER
    location.save()
    default_reminder_rules(location)
    answer = chief_client.post(page(Appointment, "add"), booking(ana, provider, location))
    assert answer.status_code == 302
    visit = Appointment.objects.get()
    assert visit.starts_at == wall("2030-11-26 09:30", DENVER)
    assert visit.reason == CANARY
    assert titles(ana) == ["appointment_confirmed"]
    # Years ahead there is also a date to save.
    assert ScheduledNotification.objects.filter(subject=visit.subject).count() == 4
    assert PatientNotification.objects.get().created_by == f"user:{chief.pk}"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ends_at_1": "09:00"}, "A visit must end after it starts."),
        ({"patient": ""}, "This field is required"),
        ({"starts_at_1": "soon"}, "Enter a valid time"),
    ],
)
def test_a_booking_that_cannot_be_is_refused_on_the_form(
    chief_client, ana, provider, location, changed, said
):
    answer = chief_client.post(
        page(Appointment, "add"), booking(ana, provider, location, **changed)
    )
    assert answer.status_code in (200, 302)
    assert not Appointment.objects.exists()
    if answer.status_code == 200:
        assert said in answer.content.decode()


def test_a_visit_is_never_edited_in_place(chief_client, lived):
    sent = {"status": "completed", "starts_at_0": "2031-01-01", "starts_at_1": "09:00"}
    assert chief_client.post(page(Appointment, "change", lived.pk), sent).status_code == 403
    lived.refresh_from_db()
    assert lived.status == Appointment.Status.BOOKED


def test_an_action_first_says_how_many_and_changes_nothing(chief_client, lived, ana):
    told = len(titles(ana))
    answer = act(chief_client, Appointment, "cancel", [lived], confirmed=False)
    assert "1 row is selected." in answer.content.decode()
    lived.refresh_from_db()
    assert lived.status == Appointment.Status.BOOKED
    assert len(titles(ana)) == told


@pytest.mark.req("H-01")
def test_cancelling_visits_cancels_their_reminders_and_tells_each_patient(
    chief_client, chief, lived, ana, ben, location, provider
):
    with clock.at(timezone.now() - timedelta(minutes=3)):
        in_six_days = timezone.now() + timedelta(days=6)
        other = a_visit(ben, in_six_days, location=location, provider=provider)
    run()
    answer = act(chief_client, Appointment, "cancel", [lived, other])
    assert "2 visits changed." in answer.content.decode()
    for visit in (lived, other):
        visit.refresh_from_db()
        assert visit.status == Appointment.Status.CANCELLED
        plans = ScheduledNotification.objects.filter(subject=visit.subject)
        assert {plan.status for plan in plans} <= {PlanStatus.CANCELLED, PlanStatus.SENT}
    assert titles(ana)[-1] == titles(ben)[-1] == "appointment_cancelled"
    changed = AuditEvent.objects.filter(action=AuditAction.CHANGED, object_type="appointment")
    assert {row.actor for row in changed} == {f"user:{chief.pk}"}
    assert changed.count() == 2


def test_what_cannot_be_done_to_one_visit_is_said_and_done_to_the_others(
    chief_client, lived, ben, location, provider
):
    other = a_visit(ben, timezone.now() + timedelta(days=6), location=location, provider=provider)
    with clock.at(lived.starts_at):
        act(chief_client, Appointment, "complete", [lived])
    answer = act(chief_client, Appointment, "cancel", [lived, other])
    text = answer.content.decode()
    assert "1 visit changed." in text
    lived.refresh_from_db()
    assert lived.status == Appointment.Status.COMPLETED


def test_moving_a_visit_asks_for_the_wall_clock_of_its_place(chief_client, lived, location, ana):
    location.zone = DENVER
    location.save()
    url = page(Appointment, "move", lived.pk)
    assert DENVER in chief_client.get(url).content.decode()
    day = {"starts_at_0": "2030-12-03", "ends_at_0": "2030-12-03"}
    refused = chief_client.post(url, day | {"starts_at_1": "14:00", "ends_at_1": "13:00"})
    assert refused.status_code == 200
    moved = chief_client.post(url, day | {"starts_at_1": "14:00", "ends_at_1": "14:30"})
    assert moved.status_code == 302
    lived.refresh_from_db()
    assert lived.starts_at == wall("2030-12-03 14:00", DENVER)
    assert lived.revision == 2
    assert titles(ana).count("appointment_rescheduled") == 1
    assert "Tue, Dec 3 at 2:00 PM MST" in chief_client.get(moved.url).content.decode()


@pytest.mark.req("H-02")
def test_who_may_only_look_at_visits_neither_moves_nor_cancels_them(lived):
    client = signed_in(staff_with("portal.view_appointment"))
    assert client.get(page(Appointment, "move", lived.pk)).status_code == 403
    act(client, Appointment, "cancel", [lived])
    lived.refresh_from_db()
    assert lived.status == Appointment.Status.BOOKED


# -- addresses ----------------------------------------------------------------------------------


def test_an_address_is_added_unverified_and_masked(chief_client, chief, ana):
    sent = {"patient": ana.pk, "kind": "phone", "address": "(212) 555-0142"}
    assert chief_client.post(page(ContactPoint, "add"), sent).status_code == 302
    contact = ContactPoint.objects.get()
    assert contact.value == {"address": ANAS_NUMBER}
    assert contact.verified_at is None
    [row] = AuditEvent.objects.filter(action=AuditAction.CONTACT)
    assert (row.actor, row.patient_id) == (f"user:{chief.pk}", ana.pk)


@pytest.mark.parametrize("typed", ["", "12", "ana@", "call me"])
def test_an_address_that_is_none_is_refused_on_the_form(chief_client, ana, typed):
    sent = {"patient": ana.pk, "kind": "phone", "address": typed}
    answer = chief_client.post(page(ContactPoint, "add"), sent)
    assert answer.status_code == 200
    assert answer.context_data["adminform"].form.errors["address"]
    assert not ContactPoint.objects.exists()


def test_an_address_is_verified_in_person_by_whoever_saw_it(chief_client, chief, ana):
    phone = phone_of(ana, verified=False, agreed=False)
    act(chief_client, ContactPoint, "verify_in_person", [phone])
    phone.refresh_from_db()
    assert phone.verified_by == f"user:{chief.pk}"
    assert not Consent.objects.exists()


def test_an_address_is_no_longer_used_but_its_row_stays(chief_client, ana):
    phone = phone_of(ana)
    act(chief_client, ContactPoint, "stop_using", [phone])
    act(chief_client, ContactPoint, "stop_using", [phone])
    phone.refresh_from_db()
    assert phone.status == ContactStatus.REMOVED
    assert phone.kind == ContactKind.PHONE


def test_heartbeats_are_there_to_be_looked_at(chief_client):
    Heartbeat.objects.create(name="tick", beat_at=timezone.now())
    assert "tick" in chief_client.get(page(Heartbeat, "changelist")).content.decode()

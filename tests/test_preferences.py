"""A patient's choices: what the settings page shows is what the sender does, always."""

import json
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from notifications import clock, contacts, preferences
from notifications.enums import (
    AuditAction,
    ContactStatus,
    DeliveryStatus,
    PatientNotificationChannel,
    PatientNotificationType,
    Purpose,
    Reason,
)
from notifications.models import AuditEvent, ContactPoint, PatientNotificationPreference
from notifications.services import patient_notification_service
from notifications.types import Refused
from portal.notification_types.appointment_cancelled import AppointmentCancelledPayload
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.notification_types.lab_results import LabResultsPayload
from tests.clinic import DESK
from tests.engine import NOON, NotePayload, device_of, email_of, phone_of, run, send, status_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
DAY = timedelta(days=1)
CHANNELS = PatientNotificationChannel.values


@dataclass(frozen=True, kw_only=True)
class NewsPayload(NotePayload):
    """Nobody gets it by e-mail unless they ask."""

    type_key = "news"
    label = "News"
    purpose = Purpose.MARKETING
    channels = ("in_app",)


@pytest.fixture(autouse=True)
def news():
    PatientNotificationType.register(NewsPayload)
    yield
    PatientNotificationType.unregister("news")


def chosen(patient, type_key="note"):
    return preferences.effective(patient_id=patient.pk)[type_key]


def change(patient, changes, type_key="note"):
    return preferences.change(
        patient_id=patient.pk, type_key=type_key, changes=changes, actor=f"user:{patient.pk}"
    )


def reachable(patient):
    """Give a patient every kind of address, so that only choices can object."""
    email_of(patient)
    phone_of(patient)
    device_of(patient)


def what_the_sender_does(patient, payload) -> dict[str, bool]:
    """Return, by channel, whether a message really goes out."""
    made = send(patient, payload)
    run()
    went = (DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED)
    return {channel: status_of(made, channel)[0] in went for channel in CHANNELS}


def test_a_patient_who_never_chose_sees_the_defaults_and_gets_what_they_see(ana):
    reachable(ana)
    assert not PatientNotificationPreference.objects.exists()
    assert chosen(ana).enabled == dict.fromkeys(CHANNELS, True)
    assert what_the_sender_does(ana, NotePayload.example()) == chosen(ana).enabled


def test_what_nobody_asked_for_is_shown_off_and_does_not_go(ana):
    reachable(ana)
    shown = chosen(ana, "news").enabled
    assert shown == {"email": False, "in_app": True, "push": False, "sms": False}
    made = send(ana, NewsPayload.example())
    run()
    assert status_of(made, "email") == (DeliveryStatus.SKIPPED, Reason.DEFAULT_OFF)
    assert what_the_sender_does(ana, NewsPayload.example()) == shown


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(choices=some.dictionaries(some.sampled_from(["email", "sms", "push"]), some.booleans()))
def test_whatever_a_patient_chooses_the_page_and_the_sender_agree(ana, choices):
    if not ContactPoint.objects.filter(patient=ana).exists():
        reachable(ana)
    preferences.reset(patient_id=ana.pk, actor=DESK)
    change(ana, choices)
    assert what_the_sender_does(ana, NotePayload.example()) == chosen(ana).enabled


@pytest.mark.req("P-18")
def test_text_off_means_no_text_and_the_timeline_says_since_when(ana, carrier):
    reachable(ana)
    change(ana, {"sms": False})
    made = send(ana)
    run()
    assert status_of(made, "sms") == (DeliveryStatus.SKIPPED, Reason.PREF_OFF)
    assert carrier.texts() == []
    history = patient_notification_service.history(patient_id=ana.pk, notification_id=made.pk)
    [line] = [line for line in history if line.channel == "sms"]
    assert line.sentence == "Not sent. Patient turned this off for this type on Nov 24"


def test_anas_choice_is_not_bens(ana, ben):
    reachable(ben)
    change(ana, {"email": False})
    assert chosen(ben).enabled["email"]
    assert what_the_sender_does(ben, NotePayload.example())["email"]


@pytest.mark.req("P-19")
def test_a_locked_cell_cannot_be_turned_off_and_the_refusal_names_it(ana):
    for channel in ("in_app", "email"):
        with pytest.raises(Refused, match="always on") as refusal:
            change(ana, {"sms": True, channel: False}, "appointment_cancelled")
        assert refusal.value.field == f"{channel}_enabled"
    assert not PatientNotificationPreference.objects.exists()  # not even the text


def test_a_locked_cell_is_on_whatever_an_old_row_says(ana):
    reachable(ana)
    PatientNotificationPreference.objects.create(
        patient=ana, type="appointment_cancelled", channel="email", enabled=False, changed_by=DESK
    )
    assert chosen(ana, "appointment_cancelled").enabled["email"]
    cancelled = AppointmentCancelledPayload.example()
    assert what_the_sender_does(ana, cancelled)["email"]


def test_saying_on_to_a_locked_cell_is_taken_and_keeps_no_row(ana):
    change(ana, {"in_app": True})
    assert not PatientNotificationPreference.objects.exists()


@pytest.mark.req("S-19")
def test_an_unknown_channel_is_refused_with_the_known_ones(ana):
    with pytest.raises(Refused, match="email_enabled, in_app_enabled, push_enabled") as refusal:
        change(ana, {"fax": True})
    assert refusal.value.field == "fax_enabled"


def test_an_unknown_type_is_refused_with_the_known_ones(ana):
    with pytest.raises(ValueError, match="appointment_reminder"):
        change(ana, {"email": False}, "no_such_type")


def test_saying_the_same_twice_is_one_change(ana):
    for _time in range(2):
        change(ana, {"email": False})
    assert AuditEvent.objects.filter(action=AuditAction.PREFERENCE).count() == 1
    assert PatientNotificationPreference.objects.get().changed_by == f"user:{ana.pk}"


def test_back_to_what_is_recommended_forgets_every_choice(ana):
    change(ana, {"email": False, "sms": False})
    change(ana, {"email": True}, "news")
    assert preferences.reset(patient_id=ana.pk, actor=DESK).count == 3
    assert chosen(ana).enabled["sms"]
    assert not chosen(ana, "news").enabled["email"]


def kept(patient) -> list[tuple]:
    rows = PatientNotificationPreference.objects.filter(patient=patient).order_by("type", "channel")
    return list(rows.values_list("type", "channel", "enabled", "changed_by", "changed_at"))


def test_all_texts_go_off_at_once_audited_once_and_nobody_elses(ana, ben):
    change(ana, {"email": True, "sms": False}, "note")
    before = preferences.turn_off(patient_id=ana.pk, channel="sms", actor=DESK)
    now = preferences.effective(patient_id=ana.pk)
    assert not any(each.enabled["sms"] for each in now.values() if "sms" not in each.locked)
    assert now["appointment_cancelled"].enabled["email"]
    assert preferences.effective(patient_id=ben.pk)["appointment_reminder"].enabled["sms"]
    row = AuditEvent.objects.order_by("at").last()
    assert (row.details["turned_off"], row.details["count"]) == ("sms", before.count)
    again = preferences.turn_off(patient_id=ana.pk, channel="sms", actor=DESK)
    assert (again.count, AuditEvent.objects.filter(details__turned_off="sms").count()) == (0, 1)


@pytest.mark.parametrize("whole", [preferences.reset, partial(preferences.turn_off, channel="sms")])
def test_an_undo_puts_back_exactly_what_was_and_only_that(ana, ben, whole):
    change(ana, {"email": False, "sms": False})
    change(ana, {"sms": True}, "news")
    change(ben, {"sms": False})
    was, bens = kept(ana), kept(ben)
    with clock.at(NOON + DAY):
        before = whole(patient_id=ana.pk, actor=DESK)
    assert kept(ana) != was
    before = preferences.SheetBefore.load(json.loads(json.dumps(before.dump())))
    assert preferences.put_back(patient_id=ana.pk, before=before, actor=DESK) > 0
    assert kept(ana) == was
    assert preferences.put_back(patient_id=ana.pk, before=before, actor=DESK) == 0
    assert kept(ben) == bens


def test_an_undo_of_texts_leaves_what_was_said_of_emails_since(ana):
    before = preferences.turn_off(patient_id=ana.pk, channel="sms", actor=DESK)
    change(ana, {"email": False})
    preferences.put_back(patient_id=ana.pk, before=before, actor=DESK)
    assert [(row[1], row[2]) for row in kept(ana)] == [("email", False)]


def test_no_channel_that_does_not_exist_is_turned_off(ana):
    with pytest.raises(Refused):
        preferences.turn_off(patient_id=ana.pk, channel="fax", actor=DESK)


# -- what can be used now -----------------------------------------------------------------------


def test_without_any_address_only_the_inbox_is_available(ana):
    assert chosen(ana).available == ["in_app"]


def test_a_text_is_available_once_the_number_is_verified_and_agreed_to(ana):
    number = phone_of(ana, verified=False, agreed=False)
    assert "sms" not in chosen(ana).available
    contacts.mark_verified(contact_id=number.pk, actor=DESK)
    assert "sms" not in chosen(ana).available
    phone_of(ana)
    assert "sms" in chosen(ana).available


@pytest.mark.parametrize("status", [ContactStatus.OPTED_OUT, ContactStatus.NEEDS_UPDATE])
def test_an_address_that_cannot_be_used_makes_no_channel_available(ana, status):
    contacts.set_status(contact=phone_of(ana), status=status, reason="test", actor=DESK)
    assert "sms" not in chosen(ana).available


def test_a_channel_that_is_not_set_up_is_not_available(ana, settings):
    reachable(ana)
    settings.NOTIFICATIONS_SMS_PROVIDER = ""
    assert chosen(ana).available == ["email", "in_app", "push"]


def test_the_whole_sheet_is_read_in_a_fixed_number_of_queries(ana, django_assert_max_num_queries):
    reachable(ana)
    change(ana, {"email": False})
    with django_assert_max_num_queries(3):
        preferences.effective(patient_id=ana.pk)


# -- leaving by a link --------------------------------------------------------------------------


@pytest.mark.req("S-20")
def test_a_link_out_names_one_patient_and_one_type_and_cannot_be_altered(ana):
    token = preferences.unsubscribe_token(patient_id=ana.pk, type_key="note")
    assert preferences.read_token(token) == (ana.pk, "note")
    for forged in (token[:-1], token[1:], "", "x" * 200, token.replace(token[5], "_", 1)):
        with pytest.raises(Refused, match="damaged") as refusal:
            preferences.read_token(forged)
        assert refusal.value.field == "token"


def test_a_link_out_of_a_summary_names_each_kind_in_it_that_may_be_turned_off(ana):
    kinds = [LabResultsPayload, AppointmentCancelledPayload, AppointmentReminderPayload]
    url = preferences.unsubscribe_url(patient_id=ana.pk, payload_classes=kinds)
    token = url.rstrip("/").rpartition("/")[2]
    assert preferences.read_types(token) == (ana.pk, ["lab_results", "appointment_reminder"])


def test_what_is_locked_has_no_link_out():
    url = preferences.unsubscribe_url(
        patient_id=uuid4(), payload_classes=[AppointmentCancelledPayload]
    )
    assert url == ""

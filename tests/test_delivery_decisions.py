"""What the sender does at the moment it claims a message, and what the timeline says of it."""

from datetime import timedelta

import pytest

from notifications import clock, contacts, preferences
from notifications.enums import (
    ContactStatus,
    DeliveryStatus,
    PatientNotificationPriority,
    Reason,
)
from notifications.models import Delivery, DeliveryAttempt
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.services import cancel, confirm
from tests.clinic import DESK, a_visit, wall
from tests.engine import (
    NOON,
    NotePayload,
    ToldMail,
    email_of,
    phone_of,
    run,
    said_to_patient,
    send,
    send_at,
    status_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
HOUR = timedelta(hours=1)
NIGHT, MORNING = wall("2026-11-24 23:30"), wall("2026-11-25 08:00")
SENT, SKIPPED = DeliveryStatus.ACCEPTED, DeliveryStatus.SKIPPED


def reminder_of(visit, **changes):
    """The reminder a plan would make of a visit."""
    fields = {
        "appointment_id": visit.pk,
        "revision": visit.revision,
        "appointment_date": visit.starts_at,
        "provider_name": "Dr. Lee",
    }
    return AppointmentReminderPayload(**fields | changes)


# -- held ---------------------------------------------------------------------------------------


@pytest.mark.req("M-09")
@pytest.mark.req("P-20")
def test_a_text_made_at_night_is_held_and_goes_at_eight_in_the_morning_once(ana, carrier):
    phone_of(ana)
    made = send_at(NIGHT, ana)
    assert status_of(made, "sms") == (DeliveryStatus.HELD, Reason.QUIET_HOURS)
    assert said_to_patient(made, "sms") == ["Held until 8:00 AM EST (patient's quiet hours)"]
    run(at=MORNING - timedelta(seconds=1))
    assert carrier.texts() == []
    for _run in range(2):
        run(at=MORNING)
    assert len(carrier.texts()) == 1
    assert status_of(made, "sms") == (SENT, "")


def test_the_email_of_the_same_message_does_not_wait(ana):
    email_of(ana)
    phone_of(ana)
    made = send_at(NIGHT, ana)
    assert status_of(made, "email") == (SENT, "")


def test_what_changes_while_a_text_is_held_is_heard_in_the_morning(ana, carrier):
    phone_of(ana)
    made = send_at(NIGHT, ana)
    preferences.change(patient_id=ana.pk, type_key="note", changes={"sms": False}, actor=DESK)
    run(at=MORNING)
    assert status_of(made, "sms") == (SKIPPED, Reason.PREF_OFF)
    assert carrier.texts() == []


def test_a_patient_who_moves_west_overnight_is_not_woken(ana, carrier):
    phone_of(ana)
    made = send_at(NIGHT, ana)
    ana.zone = "America/Los_Angeles"
    ana.save()
    run(at=MORNING)
    assert status_of(made, "sms")[0] == DeliveryStatus.HELD
    run(at=MORNING + 3 * HOUR)
    assert len(carrier.texts()) == 1


# -- too late, no longer true -------------------------------------------------------------------


@pytest.mark.req("R-10")
def test_what_was_not_sent_in_time_is_never_sent(ana, carrier):
    email_of(ana)
    phone_of(ana)
    made = send(ana, NotePayload(good_until=NOON + HOUR))
    run(at=NOON + 3 * 24 * HOUR)
    assert status_of(made, "email") == (DeliveryStatus.EXPIRED, Reason.EXPIRED)
    assert (carrier.texts(), ToldMail.handed) == ([], [])
    assert said_to_patient(made, "email") == ["Too late, not sent. The time to act had passed"]


def test_the_carrier_is_told_until_when_a_message_is_worth_sending(ana, carrier):
    phone_of(ana)
    send(ana, NotePayload(good_until=NOON + HOUR))
    run()
    [(_channel, envelope, _text)] = carrier.handed
    assert envelope.expires_at == NOON + HOUR


@pytest.mark.req("R-10")
def test_a_reminder_of_a_visit_that_is_off_by_now_is_called_off(ana, location, provider, carrier):
    phone_of(ana)
    visit = a_visit(ana, NOON + 48 * HOUR, location=location, provider=provider, announce=False)
    made = send(ana, reminder_of(visit))
    cancel(appointment_id=visit.pk, actor=DESK, announce=False)
    run()
    assert status_of(made, "sms") == (DeliveryStatus.CANCELLED, Reason.CANCELLED)
    assert carrier.texts() == []


def test_a_reminder_that_asks_is_over_once_the_patient_confirmed(ana, location, provider, carrier):
    phone_of(ana)
    visit = a_visit(ana, NOON + 48 * HOUR, location=location, provider=provider, announce=False)
    asks = send(ana, reminder_of(visit, asks_to_confirm=True))
    reminds = send(ana, reminder_of(visit))
    confirm(appointment_id=visit.pk, actor=DESK)
    run()
    assert status_of(asks, "sms")[0] == DeliveryStatus.CANCELLED
    assert status_of(reminds, "sms")[0] == SENT


# -- whose address, which address ---------------------------------------------------------------


def test_what_is_anas_never_goes_to_ben(ana, ben, carrier):
    phone_of(ana)
    phone_of(ben, "212-555-0143")
    send(ana)
    run()
    assert carrier.numbers() == ["+12125550142"]


@pytest.mark.req("M-07")
def test_stop_before_the_claim_is_heard_whatever_the_priority(ana, carrier):
    number = phone_of(ana)
    made = send(ana, priority=PatientNotificationPriority.URGENT)
    contacts.set_status(contact=number, status=ContactStatus.OPTED_OUT, reason="stop", actor=DESK)
    run()
    assert status_of(made, "sms") == (SKIPPED, Reason.OPTED_OUT_STOP)
    assert carrier.texts() == []
    assert status_of(made, "in_app") == (DeliveryStatus.DELIVERED, "")


def test_an_unverified_number_gets_no_text(ana, carrier):
    phone_of(ana, verified=False, agreed=False)
    made = send(ana, priority=PatientNotificationPriority.URGENT)
    run()
    assert status_of(made, "sms") == (SKIPPED, Reason.UNVERIFIED)
    assert carrier.texts() == []


def test_an_address_added_after_the_message_was_made_still_gets_it(ana, carrier):
    made = send(ana)
    phone_of(ana)
    run()
    assert status_of(made, "sms") == (SENT, "")


# -- in which order, how often -----------------------------------------------------------------


def test_urgent_messages_go_before_all_others_and_older_before_newer(ana, carrier):
    phone_of(ana)
    for minutes, priority in enumerate(["low", "medium", "high", "urgent", "medium"]):
        with clock.at(NOON + minutes * timedelta(minutes=1)):
            send(ana, NotePayload(reference=f"{priority}-{minutes}"), priority=priority)
    run(at=NOON + HOUR)
    order = [to.priority for channel, to, _text in carrier.handed]
    assert order == ["urgent", "high", "medium", "medium", "low"]
    sent = DeliveryAttempt.objects.order_by("id").values_list("delivery__notification__seq")
    assert [seq for (seq,) in sent] == [4, 3, 2, 5, 1]


def test_nothing_is_done_twice_however_often_the_clock_runs(ana, carrier):
    email_of(ana)
    phone_of(ana)
    send(ana)
    run()
    assert run().deliveries == {}
    assert (len(carrier.texts()), len(ToldMail.handed)) == (1, 1)
    assert Delivery.objects.filter(attempts__gt=1).count() == 0

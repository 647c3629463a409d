"""A visit that has to be confirmed: asked for on one channel after the other, until it is."""

import io
from datetime import timedelta

import pytest
from django.core.management import call_command

from notifications import calls, clock, incoming
from notifications.enums import CallOutcome, DeliveryStatus, Reason
from notifications.models import CallTask, Delivery
from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service
from notifications.types import Reply
from portal.models import ReminderRule
from portal.notification_types._visit import visit_fields
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.services import answer, cancel, confirm, reschedule
from tests.clinic import DESK, HALF_AN_HOUR, a_visit, wall
from tests.engine import (
    ANAS_NUMBER,
    BENS_NUMBER,
    device_of,
    email_of,
    phone_of,
    run,
    status_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("carrier")]
TUESDAY = wall("2026-11-24 09:30")
# Counted back from Wednesday at five: text on Tuesday at three, e-mail at nine, a call at one.
REACH_BY = wall("2026-11-25 17:00")
TEXT, EMAIL, CALL = (
    wall(each) for each in ("2026-11-24 15:00", "2026-11-24 21:00", "2026-11-25 13:00")
)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def visits(ana, ben, location, provider):
    """Ana and Ben can be reached in every way, and come on Thursday at half past nine."""
    made = {}
    for patient, number in ((ana, ANAS_NUMBER), (ben, BENS_NUMBER)):
        device_of(patient, f"https://push.example/{patient.first_name}")
        phone_of(patient, number)
        email_of(patient)
        with clock.at(TUESDAY - timedelta(days=1)):
            made[patient] = a_visit(
                patient,
                wall("2026-11-26 09:30"),
                location=location,
                provider=provider,
                announce=False,
            )
    return made


@pytest.fixture
def anas(ana, visits):
    return visits[ana]


def ask(visit, *, key="ask", due_at=TUESDAY, ladder=ReminderRule.Ladder.STANDARD, asks=True):
    """Plan the question whether a patient is coming, and let its moment come."""
    payload = AppointmentReminderPayload(
        **visit_fields(visit),
        asks_to_confirm=asks,
        ladder=ladder,
        asks_from=due_at,
        reach_by=REACH_BY,
    )
    plan = notification_scheduler_service.plan(
        patient_id=visit.patient_id,
        payload=payload,
        subject=visit.subject,
        rule="confirm",
        due_at=due_at,
        key=f"{key}:{visit.pk}",
    )
    run(at=due_at)
    plan.refresh_from_db()
    return plan.notification


def sent(made) -> list[str]:
    gone = Delivery.objects.filter(notification=made, status=DeliveryStatus.ACCEPTED)
    return list(gone.order_by("step").values_list("channel", flat=True))


def to_call(moment) -> list:
    with clock.at(moment):
        return [call.patient_id for call in calls.to_make()]


def test_who_does_not_answer_is_pushed_texted_mailed_and_called(ana, anas):
    made = ask(anas)
    for moment, gone in ((TUESDAY, 1), (TEXT, 2), (EMAIL, 3), (CALL, 3)):
        run(at=moment - MINUTE)
        assert to_call(moment - MINUTE) == []
        run(at=moment)
        assert sent(made) == ["push", "sms", "email"][:gone]
    assert to_call(CALL) == [ana.pk]
    assert CallTask.objects.get().call_by == REACH_BY


def test_mail_first_begins_with_the_email(anas):
    made = ask(anas, ladder=ReminderRule.Ladder.MAIL_FIRST)
    run(at=wall("2026-11-25 08:00"))
    assert sent(made) == ["email", "sms"]
    assert set(made.deliveries.values_list("channel", flat=True)) == {"in_app", "email", "sms"}


# -- confirmed, on any message and in any way -----------------------------------------------------


def by_the_desk(visit, _made):
    confirm(appointment_id=visit.pk, actor=DESK)


def on_the_page(visit, made):
    answer(
        patient_id=visit.patient_id,
        notification_id=made.pk,
        action="confirm",
        actor=f"user:{visit.patient_id}",
    )


def by_text(_visit, _made):
    incoming.take_reply(channel="sms", reply=Reply(event_key="1", sender=ANAS_NUMBER, text="1"))


@pytest.mark.parametrize("say_yes", [by_the_desk, on_the_page, by_text])
def test_a_yes_ends_the_ladder_and_its_call_at_once(ana, ben, visits, say_yes):
    made, bens = ask(visits[ana]), ask(visits[ben])
    run(at=TEXT)
    with clock.at(TEXT + MINUTE):
        say_yes(visits[ana], made)
    call = CallTask.objects.get(notification=made)
    assert (call.outcome, call.settled_at) == (CallOutcome.ANSWERED, TEXT + MINUTE)
    assert status_of(made, "email") == (DeliveryStatus.SKIPPED, Reason.ANSWERED)
    run(at=EMAIL)
    assert (sent(made), sent(bens)) == (["push", "sms"], ["push", "sms", "email"])
    assert to_call(CALL) == [ben.pk]


def test_a_yes_to_an_earlier_message_ends_the_ladder_of_the_later_one(anas):
    earlier = ask(anas, key="a week before", due_at=TUESDAY - MINUTE, ladder="")
    made = ask(anas)
    with clock.at(TUESDAY + MINUTE):
        on_the_page(anas, earlier)
    run(at=CALL)
    assert sent(made) == ["push"]
    assert status_of(made, "sms") == (DeliveryStatus.SKIPPED, Reason.ANSWERED)
    assert to_call(CALL) == []


def test_a_confirmed_visit_is_still_reminded_of(anas):
    ask(anas)
    with clock.at(TEXT):
        confirm(appointment_id=anas.pk, actor=DESK)
    reminder = ask(anas, key="remind", due_at=CALL, ladder="", asks=False)
    assert set(sent(reminder)) == {"push", "sms", "email"}


def test_who_reads_it_in_the_portal_gets_no_email_and_no_call(ana, anas):
    made = ask(anas)
    run(at=TEXT)
    with clock.at(TEXT + MINUTE):
        patient_notification_service.open(patient_id=ana.pk, notification_id=made.pk)
    run(at=CALL)
    assert sent(made) == ["push", "sms"]
    assert to_call(CALL) == []


def test_who_marks_it_as_unread_after_a_yes_is_not_called_all_the_same(ana, anas):
    made = ask(anas)
    with clock.at(TEXT):
        confirm(appointment_id=anas.pk, actor=DESK)
        patient_notification_service.open(patient_id=ana.pk, notification_id=made.pk)
        patient_notification_service.mark_unread(patient_id=ana.pk, notification_id=made.pk)
        batch = patient_notification_service.mark_all_read(patient_id=ana.pk).batch
        patient_notification_service.undo_read(patient_id=ana.pk, batch=batch)
    assert to_call(CALL) == []


# -- called off -----------------------------------------------------------------------------------


def test_who_has_cancelled_is_not_called_about_it(ana, ben, visits):
    asked = [ask(each) for each in visits.values()]
    with clock.at(TEXT):
        cancel(appointment_id=visits[ana].pk, actor=DESK)
    assert CallTask.objects.get(notification=asked[0]).outcome == CallOutcome.CANCELLED
    assert to_call(CALL) == [ben.pk]


def test_a_moved_visit_is_asked_about_anew(ana, anas):
    made = ask(anas)
    with clock.at(TEXT):
        moved = reschedule(
            appointment_id=anas.pk,
            starts_at=anas.starts_at + timedelta(hours=1),
            ends_at=anas.starts_at + timedelta(hours=1) + HALF_AN_HOUR,
            actor=DESK,
        )
    again = ask(moved, key="ask again", due_at=TEXT)
    assert CallTask.objects.get(notification=made).outcome == CallOutcome.CANCELLED
    assert CallTask.objects.get(notification=again).settled_at is None
    assert to_call(CALL) == [ana.pk]


# -- told -----------------------------------------------------------------------------------------


def test_an_engineer_reads_the_rungs_their_times_and_the_call(anas):
    made, said = ask(anas), io.StringIO()
    with clock.at(CALL):
        call_command("explain", str(made.pk), stdout=said)
    told = said.getvalue()
    assert "rung 2  sms  from 2026-11-24T15:00:00-05:00 until 2026-11-24T21:00:00-05:00" in told
    assert "rung 4  call  from 2026-11-25T13:00:00-05:00 until 2026-11-25T17:00:00-05:00" in told
    assert "call  2026-11-25T13:00:00-05:00  Call to make, until Nov 25, 5:00 PM EST" in told

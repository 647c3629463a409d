"""Plans: made once, kept on time, cancelled with their reason, caught up after an outage."""

from contextvars import Context
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from notifications import clock, inbox
from notifications.enums import DeliveryStatus, PatientNotificationType, PlanStatus, Reason
from notifications.models import (
    AuditEvent,
    Heartbeat,
    InboxState,
    PatientNotification,
    ScheduledNotification,
)
from notifications.scheduler import notification_scheduler_service as scheduler
from notifications.scheduler import tick
from notifications.services import patient_notification_service
from portal.models import Appointment
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from tests.clinic import a_visit
from tests.engine import NOON, NotePayload, email_of, phone_of, run, send, status_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SUBJECT = "appointment:1"


def plan(patient, *, due=HOUR, key="reminder:1", subject=SUBJECT, payload=None, **options):
    return scheduler.plan(
        patient_id=patient.pk,
        payload=payload or NotePayload.example(),
        subject=subject,
        rule=options.pop("rule", "2-days"),
        due_at=NOON + due,
        key=key,
        **options,
    )


def state_of(row):
    row.refresh_from_db()
    return row.status, row.reason


def messages(patient):
    return patient_notification_service.inbox(patient_id=patient.pk).items


# -- made once ----------------------------------------------------------------------------------


def test_a_plan_becomes_a_message_when_it_is_due_and_not_before(ana):
    email_of(ana)
    planned = plan(ana)
    run(at=NOON + HOUR - timedelta(seconds=1))
    assert messages(ana) == []
    report = run(at=NOON + HOUR)
    [message] = messages(ana)
    assert report.plans == {"sent": 1}
    assert state_of(planned) == (PlanStatus.SENT, "")
    assert (planned.notification, planned.settled_at) == (message, NOON + HOUR)
    assert (message.key, message.subject) == ("reminder:1", SUBJECT)
    assert status_of(message, "email") == (DeliveryStatus.ACCEPTED, "")


@pytest.mark.req("R-02")
def test_planning_the_same_key_again_is_the_same_plan(ana):
    first = plan(ana)
    assert plan(ana, due=5 * HOUR).pk == first.pk
    assert state_of(first)[0] == PlanStatus.PLANNED
    assert first.due_at == NOON + HOUR


@pytest.mark.req("R-02")
def test_a_key_that_was_sent_or_cancelled_is_not_planned_anew(ana):
    plan(ana)
    run(at=NOON + HOUR)
    assert plan(ana, due=2 * HOUR).status == PlanStatus.SENT
    plan(ana, key="reminder:2", subject="appointment:2")
    scheduler.cancel(subject="appointment:2")
    assert plan(ana, key="reminder:2").status == PlanStatus.CANCELLED
    run(at=NOON + 3 * HOUR)
    assert len(messages(ana)) == 1


@pytest.mark.req("R-02")
def test_running_twice_makes_nothing_twice(ana, ben):
    for number, patient in enumerate([ana, ben, ana]):
        plan(patient, key=f"reminder:{number}")
    first, second = run(at=NOON + HOUR), run(at=NOON + HOUR)
    assert (first.plans, second.total) == ({"sent": 3}, 0)
    assert (len(messages(ana)), len(messages(ben))) == (2, 1)


def test_more_plans_than_a_batch_are_all_made_in_one_run(ana):
    for number in range(120):
        plan(ana, key=f"reminder:{number}")
    assert run(at=NOON + HOUR).plans == {"sent": 120}


def test_a_message_that_was_already_made_by_its_key_is_taken_as_the_plans_own(ana):
    made = send(ana, key="reminder:1")
    planned = plan(ana)
    run(at=NOON + HOUR)
    assert state_of(planned)[0] == PlanStatus.SENT
    assert planned.notification == made
    assert len(messages(ana)) == 1


# -- too late, no longer true, called off -------------------------------------------------------


@pytest.mark.req("R-10")
def test_a_plan_whose_time_has_passed_is_not_made(ana):
    planned = plan(ana, expires_at=NOON + 2 * HOUR)
    run(at=NOON + 2 * HOUR)
    assert state_of(planned) == (PlanStatus.EXPIRED, Reason.EXPIRED)
    assert messages(ana) == []


@pytest.mark.req("R-10")
def test_after_an_outage_of_days_only_the_reminder_of_now_goes(ana):
    steps = [("7-days", 0, 5), ("2-days", 5, 7), ("2-hours", 7, 8)]
    plans = [
        plan(ana, due=begins * DAY, expires_at=NOON + ends * DAY, rule=rule, key=f"r:{rule}")
        for rule, begins, ends in steps
    ]
    report = run(at=NOON + 6 * DAY)
    assert report.plans == {"expired": 1, "sent": 1}
    assert [state_of(each)[0] for each in plans] == ["expired", "sent", "planned"]
    assert len(messages(ana)) == 1


def test_a_plan_about_a_visit_that_is_off_is_not_made(ana, location, provider):
    visit = a_visit(ana, NOON + 2 * DAY, location=location, provider=provider, announce=False)
    payload = replace(
        AppointmentReminderPayload.example(),
        appointment_id=visit.pk,
        revision=visit.revision,
        appointment_date=visit.starts_at,
    )
    ScheduledNotification.objects.all().delete()
    planned = plan(ana, payload=payload)
    Appointment.objects.update(status=Appointment.Status.CANCELLED)
    run(at=NOON + HOUR)
    assert state_of(planned) == (PlanStatus.CANCELLED, Reason.CANCELLED)
    assert messages(ana) == []


def test_cancelling_a_subject_ends_its_plans_and_what_has_not_left(ana, ben, carrier):
    phone_of(ana)
    night = NOON + 11 * HOUR
    held = plan(ana, due=11 * HOUR, key="a")
    waiting = plan(ana, due=3 * DAY, key="b")
    bens = plan(ben, due=3 * DAY, key="c", subject="appointment:2")
    run(at=night)
    made = messages(ana)[0]
    assert status_of(made, "sms")[0] == DeliveryStatus.HELD
    with clock.at(night):
        assert scheduler.cancel(subject=SUBJECT) == 1
    run(at=NOON + 4 * DAY)
    assert status_of(made, "sms") == (DeliveryStatus.CANCELLED, Reason.CANCELLED)
    assert carrier.texts() == []
    assert [state_of(each)[0] for each in (held, waiting, bens)] == ["sent", "cancelled", "sent"]


def test_cancelling_some_rules_leaves_the_others(ana):
    asks, reminds = plan(ana, rule="ask", key="a"), plan(ana, rule="remind", key="b")
    assert scheduler.cancel(subject=SUBJECT, rules=["ask"]) == 1
    assert [state_of(each)[0] for each in (asks, reminds)] == ["cancelled", "planned"]
    assert scheduler.cancel(subject=SUBJECT, rules=["ask"]) == 0


# -- one that cannot be made --------------------------------------------------------------------


def test_a_plan_of_a_type_that_was_taken_out_is_called_off(ana):
    planned = plan(ana)
    PatientNotificationType.unregister("note")
    run(at=NOON + HOUR)
    assert state_of(planned)[0] == PlanStatus.CANCELLED


# -- what is to come, and the tick ---------------------------------------------------------------


def test_the_forecast_names_what_is_planned_in_order_and_nothing_else(ana, ben):
    late, soon = plan(ana, due=3 * DAY, key="b"), plan(ana, due=DAY, key="a")
    bens = plan(ben, due=2 * DAY, key="c")
    plan(ana, due=20 * DAY, key="d")
    assert scheduler.planned() == [soon, bens, late]
    assert scheduler.planned(patient_id=ana.pk) == [soon, late]
    assert scheduler.planned(days=1) == [soon]
    scheduler.cancel(subject=SUBJECT)
    assert scheduler.planned(patient_id=ana.pk) == []


def test_a_plan_that_cannot_be_written_does_not_keep_the_forecast_from_the_others(ana, ben):
    plan(ben, due=2 * DAY, key="b")
    broken = plan(ana, due=DAY, key="a")
    broken.payload = NotePayload(link="https://elsewhere.example/").dump()
    broken.save()
    seen = {(each.patient_id, each.status, each.reason) for each in scheduler.forecast(days=3)}
    run(at=NOON + DAY)
    broken.refresh_from_db()
    assert (broken.status, broken.reason) == (PlanStatus.CANCELLED, Reason.UNWRITABLE)
    assert (ana.pk, broken.status, broken.reason) in seen
    assert (ben.pk, "delivered", Reason.NONE) in seen


@pytest.mark.req("R-16")
def test_the_tick_shows_that_the_clock_runs_and_mends_a_counter(ana):
    send(ana)
    InboxState.objects.update(unread=9)
    Context().run(tick)  # by the real clock: a rehearsal is no sign of life
    assert Heartbeat.objects.get(name="tick").beat_at > timezone.now() - HOUR
    assert patient_notification_service.unread_count(patient_id=ana.pk) == 1
    assert inbox.recount() == 0


@pytest.mark.req("H-06")
def test_what_became_of_a_plan_that_was_not_made_is_audited(ana):
    planned = plan(ana, expires_at=NOON + HOUR)
    run(at=NOON + HOUR)
    row = AuditEvent.objects.get(object_id=str(planned.pk))
    assert (row.actor, row.details) == ("system:scheduler", {"status": "expired"})
    assert PatientNotification.objects.count() == 0

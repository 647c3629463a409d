"""The steps of an import about one visit, each a call of one of the practice's services."""

from collections.abc import Callable

from notifications.enums import Reason
from notifications.scheduler import notification_scheduler_service
from portal import services
from portal.importers.addresses import ACTOR
from portal.importers.decisions import Decision, Situation, Status, Step
from portal.importers.records import Outcome
from portal.models import Appointment

RECORDED_AS = {
    Outcome.PLANNED: Status.BOOKED,
    Outcome.CONFIRMED: Status.CONFIRMED,
    Outcome.ARRIVED: Status.CONFIRMED,
    Outcome.COMPLETED: Status.COMPLETED,
    Outcome.CANCELLED: Status.CANCELLED,
    Outcome.MISSED: Status.MISSED,
}


def carry_out(
    situation: Situation, decision: Decision, *, announce: bool, past: list[Appointment]
) -> Appointment | None:
    """Take every step; return the visit, or None when there is none.

    What is only to be written down is added to `past`. Raises Refused when a service does.
    """
    visit = situation.visit
    for step in decision.steps:
        if step == Step.RECORD:
            visit = _recorded(situation)
            past.append(visit)
        elif step == Step.CREATE:
            visit = _booked(situation, announce=announce)
        else:
            STEPS[step](visit, situation, announce)
    return visit


def _recorded(situation: Situation) -> Appointment:
    """Return a row for what is over or off: it has no plan and no message, so no service."""
    record = situation.record
    return Appointment(
        patient_id=situation.patient_id,
        provider_id=situation.provider_id,
        location_id=situation.location_id,
        starts_at=record.starts_at,
        ends_at=record.ends_at,
        status=RECORDED_AS[record.outcome],
        reason=record.reason or None,
        notes=record.notes or None,
        created_at=situation.now,
    )


def _booked(situation: Situation, *, announce: bool) -> Appointment:
    record = situation.record
    return services.book(
        patient_id=situation.patient_id,
        provider_id=situation.provider_id,
        location_id=situation.location_id,
        starts_at=record.starts_at,
        ends_at=record.ends_at,
        reason=record.reason,
        notes=record.notes,
        actor=ACTOR,
        announce=announce,
    )


def _move(visit: Appointment, situation: Situation, announce: bool) -> None:
    provider_id, location_id = situation.whom_and_where()
    services.reschedule(
        appointment_id=visit.pk,
        starts_at=situation.record.starts_at or visit.starts_at,
        ends_at=situation.record.ends_at or visit.ends_at,
        provider_id=provider_id,
        location_id=location_id,
        actor=ACTOR,
        announce=announce,
    )


def _correct(visit: Appointment, situation: Situation, _announce: bool) -> None:
    _move(visit, situation, False)


def _cancel(visit: Appointment, _situation: Situation, announce: bool) -> None:
    services.cancel(appointment_id=visit.pk, actor=ACTOR, announce=announce)


def _withdraw(visit: Appointment, _situation: Situation, _announce: bool) -> None:
    services.cancel(appointment_id=visit.pk, actor=ACTOR, announce=False)


def _confirm(visit: Appointment, _situation: Situation, _announce: bool) -> None:
    """What was confirmed here is no news, and takes back no wish to move that came later."""
    now = Appointment.objects.only("status").get(pk=visit.pk)  # a step before may have moved it
    if now.status != Status.CONFIRMED:
        services.confirm(appointment_id=visit.pk, actor=ACTOR)


def _arrive(visit: Appointment, _situation: Situation, _announce: bool) -> None:
    """Who is in the waiting room needs no reminder."""
    notification_scheduler_service.cancel(subject=visit.subject, reason=Reason.ANSWERED)


def _complete(visit: Appointment, _situation: Situation, _announce: bool) -> None:
    services.complete(appointment_id=visit.pk, actor=ACTOR, of_any_day=True)


def _miss(visit: Appointment, _situation: Situation, _announce: bool) -> None:
    services.mark_missed(appointment_id=visit.pk, actor=ACTOR)


def _reword(visit: Appointment, situation: Situation, _announce: bool) -> None:
    record = situation.record
    services.reword(appointment_id=visit.pk, reason=record.reason, notes=record.notes)


STEPS: dict[Step, Callable[[Appointment, Situation, bool], None]] = {
    Step.MOVE: _move,
    Step.CORRECT: _correct,
    Step.REOPEN: _move,
    Step.CANCEL: _cancel,
    Step.WITHDRAW: _withdraw,
    Step.CONFIRM: _confirm,
    Step.ARRIVE: _arrive,
    Step.COMPLETE: _complete,
    Step.MISS: _miss,
    Step.REWORD: _reword,
}

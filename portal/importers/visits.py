"""Visits of an import: decided one by one, carried out through the practice's own services."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from notifications import clock
from notifications.enums import PlanStatus, Reason
from notifications.scheduler import notification_scheduler_service
from notifications.types import Refused
from portal import services
from portal.importers.addresses import ACTOR
from portal.importers.decisions import Decision, Situation, Status, Step, decide
from portal.importers.known import Known, batched
from portal.importers.places import TEAM
from portal.importers.records import Batch, Key, Outcome, VisitRecord
from portal.models import Appointment, User

RECORDED_AS = {
    Outcome.PLANNED: Status.BOOKED,
    Outcome.CONFIRMED: Status.CONFIRMED,
    Outcome.ARRIVED: Status.CONFIRMED,
    Outcome.COMPLETED: Status.COMPLETED,
    Outcome.CANCELLED: Status.CANCELLED,
    Outcome.MISSED: Status.MISSED,
}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all visits of a file share. `elsewhere` is the place of visits that name none."""

    batch: Batch
    announce: bool
    elsewhere: Key | UUID | None = None


def decide_all(
    visits: Collection[VisitRecord], *, setting: Setting, known: Known
) -> list[tuple[Situation, Decision]]:
    """Return what each visit asks for, in a fixed number of queries a thousand visits."""
    ids = {known.id_of(visit.key) for visit in visits} - {None}
    here: dict[UUID, Appointment] = {}
    for some in batched(ids, 500):
        here |= Appointment.objects.defer("reason", "notes").in_bulk(some)
    situations = [_situation(visit, setting=setting, known=known, here=here) for visit in visits]
    return [(situation, decide(situation)) for situation in situations]


def _situation(
    record: VisitRecord, *, setting: Setting, known: Known, here: dict[UUID, Appointment]
) -> Situation:
    patient = setting.batch.people.get(record.patient)
    visit_id = known.id_of(record.key)
    return Situation(
        record=record,
        now=clock.now(),
        is_known=visit_id is not None,
        digest=known.digest_of(record.key) or "",
        visit=here.get(visit_id),
        patient_id=known.id_of(record.patient),
        provider_id=known.id_of(record.provider or TEAM),
        location_id=_location_id(record, setting=setting, known=known),
        has_died=patient is not None and patient.has_died,
    )


def _location_id(record: VisitRecord, *, setting: Setting, known: Known) -> UUID | None:
    place = record.location or setting.elsewhere
    return place if isinstance(place, UUID) else known.id_of(place)


# -- carrying out --------------------------------------------------------------------------------


@dataclass
class Written:
    """What was done: steps by name, and new plans by rule."""

    steps: Counter[str]
    plans: Counter[str]


def write_visits(
    decided: Iterable[tuple[Situation, Decision]], *, setting: Setting, known: Known
) -> Written:
    """Carry out decisions in the caller's transaction and count them, a step each.

    In the order of patients, so that two imports lock inboxes in the same order. A step that a
    service refuses is noted with its reason, and tried again by the next import.
    """
    counts: Counter[str] = Counter()
    past: list[Appointment] = []
    planned: list[Appointment] = []
    for situation, decision in sorted(decided, key=_by_patient):
        try:
            visit = _take_steps(situation, decision, setting=setting, past=past)
        except Refused as refusal:
            setting.batch.note(situation.record.where, f"PLEASE LOOK: {refusal.message}")
            counts["skipped"] += 1
            continue
        counts.update(names_of(situation, decision))
        planned += [visit] if PLANNING & set(decision.steps) else []
        if visit is not None:
            digest = situation.record.digest
            known.remember(situation.record.key, object_id=visit.pk, digest=digest)
    Appointment.objects.bulk_create(past)
    return Written(steps=counts, plans=_plans_of(planned))


PLANNING = {Step.CREATE, Step.MOVE, Step.REOPEN}


def _plans_of(planned: Collection[Appointment]) -> Counter[str]:
    """Return how many reminders now stand for these visits, by rule."""
    rows = User.objects.filter(
        pk__in={visit.patient_id for visit in planned},
        schedulednotifications__subject__in=[visit.subject for visit in planned],
        schedulednotifications__status=PlanStatus.PLANNED,
    )
    return Counter(rows.values_list("schedulednotifications__rule", flat=True))


def _by_patient(pair: tuple[Situation, Decision]) -> tuple:
    situation = pair[0]
    return (situation.patient_id, situation.record.starts_at or situation.now)


def names_of(situation: Situation, decision: Decision) -> list[str]:
    """Return what a decision is counted as: its steps, or why there is none."""
    if decision.steps:
        return [step.value for step in decision.steps]
    if situation.visit is None:
        return ["skipped"]
    return ["left"] if decision.note else ["unchanged"]


def _take_steps(
    situation: Situation, decision: Decision, *, setting: Setting, past: list[Appointment]
) -> Appointment | None:
    """Return the visit after all its steps, or after none: a refusal takes them all back."""
    if not set(decision.steps) - {Step.RECORD}:
        return _carry_out(situation, decision, setting=setting, past=past)
    with transaction.atomic():
        return _carry_out(situation, decision, setting=setting, past=past)


def _carry_out(
    situation: Situation, decision: Decision, *, setting: Setting, past: list[Appointment]
) -> Appointment | None:
    """Return the visit as it stands after every step; None when there is none."""
    visit = situation.visit
    for step in decision.steps:
        if step == Step.RECORD:
            visit = _recorded(situation)
            past.append(visit)
        elif step == Step.CREATE:
            visit = _booked(situation, announce=setting.announce)
        else:
            STEPS[step](visit, situation, setting.announce)
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
    services.confirm(appointment_id=visit.pk, actor=ACTOR)


def _arrive(visit: Appointment, _situation: Situation, _announce: bool) -> None:
    """Who is in the waiting room needs no reminder."""
    notification_scheduler_service.cancel(subject=visit.subject, reason=Reason.ANSWERED)


def _complete(visit: Appointment, _situation: Situation, _announce: bool) -> None:
    services.complete(appointment_id=visit.pk, actor=ACTOR)


def _miss(visit: Appointment, _situation: Situation, _announce: bool) -> None:
    services.mark_missed(appointment_id=visit.pk, actor=ACTOR)


def _reword(visit: Appointment, situation: Situation, _announce: bool) -> None:
    row = Appointment.objects.get(pk=visit.pk)
    row.reason, row.notes = situation.record.reason or None, situation.record.notes or None
    row.save(update_fields=["reason", "notes"])


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

"""Visits of an import: looked up together, decided one by one, written patient by patient."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from notifications import audit, clock
from notifications.enums import AuditAction, PlanStatus
from notifications.types import Refused
from portal import services
from portal.importers.addresses import ACTOR
from portal.importers.clashes import said_twice
from portal.importers.decisions import Decision, Note, Situation, Step, decide
from portal.importers.known import Known, batched
from portal.importers.places import TEAM
from portal.importers.records import Batch, Key, VisitRecord
from portal.importers.steps import carry_out
from portal.models import Appointment, Departure, User


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
    twice, gone = said_twice(visits, known=known), _gone(visits, setting=setting, known=known)
    situations = [
        replace(
            _situation(visit, setting=setting, known=known, here=here),
            is_said_twice=visit.key in twice,
            gone=gone.get(visit.patient, Note.NONE),
        )
        for visit in visits
    ]
    return [(situation, decide(situation)) for situation in situations]


def _situation(
    record: VisitRecord, *, setting: Setting, known: Known, here: dict[UUID, Appointment]
) -> Situation:
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
    )


def _gone(visits: Collection[VisitRecord], *, setting: Setting, known: Known) -> dict[Key, Note]:
    """Return which patients died or left, by what the file says or else by what stands here."""
    named = {visit.patient for visit in visits}
    ids = {patient_id: key for key in named if (patient_id := known.id_of(key)) is not None}
    gone: dict[Key, Note] = {}
    for some in batched(ids, 500):
        departed = User.objects.filter(pk__in=some).exclude(departure="")
        gone |= {ids[pk]: Note.GONE_HERE for pk in departed.values_list("pk", flat=True)}
    said = {key: setting.batch.people[key].departure for key in named & setting.batch.people.keys()}
    return gone | {key: GONE[departure] for key, departure in said.items() if departure}


GONE = {Departure.DIED: Note.DIED, Departure.LEFT: Note.LEFT}


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
    rows = [(visit.patient_id, visit) for visit in past]
    audit.record_many(action=AuditAction.IMPORTED, actor=ACTOR, rows=rows, change="recorded")
    _know_who_was_here(past)
    return Written(steps=counts, plans=_plans_of(planned))


def _know_who_was_here(past: Collection[Appointment]) -> None:
    """Let the visits ahead go by it that their patients no longer come for the first time."""
    kept = {visit.patient_id for visit in past if visit.status == Appointment.Status.COMPLETED}
    if kept:
        ahead = Q(patient__in=kept, status__in=Appointment.UPCOMING)
        services.replan_visits(ahead, actor=ACTOR)


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
        return carry_out(situation, decision, announce=setting.announce, past=past)
    with transaction.atomic():
        return carry_out(situation, decision, announce=setting.announce, past=past)

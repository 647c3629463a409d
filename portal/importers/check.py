"""Reads a whole file and compares it with what is known, before anything is written."""

import re
from collections import Counter
from dataclasses import dataclass

from notifications import clock
from portal.importers import csv, fhir, people, places, visits
from portal.importers.clashes import overlapping
from portal.importers.decisions import Decision, Situation, Step
from portal.importers.household import Household, look_at_people
from portal.importers.known import Known, is_first, zones_of_source
from portal.importers.records import Batch, Ground, Key
from portal.importers.report import Report
from portal.models import Location

FORMATS = {"csv": csv.read, "fhir": fhir.read}
SOURCE = re.compile(r"[a-z][a-z0-9._-]{0,63}")
NO_PLACE = "is empty, and the practice has no single location to take instead"
STUB = "a patient known by a reference alone: kept without an address until a file describes them"


Decided = tuple[Situation, Decision]


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A file that was read and compared. `report` is what writing it would do.

    `risky` counts the moves and cancellations that patients would be told of.
    """

    source: str
    batch: Batch
    setting: visits.Setting
    household: Household
    report: Report
    risky: Counter[str]


def check(*, source: str, data: bytes, format: str) -> Checked:
    """Return what a file would do; `report.problems` is what is wrong with it.

    `source` names the system whose ids these are, `format` is one of FORMATS. Raises NotReadable
    when it is no such file at all.
    """
    batch = FORMATS[format](data, ground=_ground(source))
    known = Known.load(source=source, keys=_keys_of(batch))
    setting = _settle_places(batch=batch, known=known, source=source)
    household = look_at_people(batch=batch, known=known)
    decided = visits.decide_all(batch.visits.values(), setting=setting, known=known)
    for situation, decision in decided:
        if decision.note:
            batch.note(situation.record.where, decision.note)
    taken = [situation.record for situation, decision in decided if not _is_left_out(decision)]
    for record, odd in overlapping(taken):
        batch.note(record.where, odd)
    return Checked(
        source=source,
        batch=batch,
        setting=setting,
        household=household,
        report=_foresee(source=source, setting=setting, known=known, decided=decided),
        risky=Counter(name for pair in decided for name in _risks(*pair)),
    )


def _is_left_out(decision: Decision) -> bool:
    return bool(decision.note) and not decision.steps


def _ground(source: str) -> Ground:
    ids = zones_of_source(source=source)
    zones = dict(Location.objects.filter(pk__in=ids.values()).values_list("pk", "zone"))
    named = {external_id: zones[pk] for external_id, pk in ids.items() if pk in zones}
    return Ground(zone=places.the_practice().zone, zones=named)


def _keys_of(batch: Batch) -> list[Key]:
    ties = [key for tie in batch.ties for key in (tie.guardian, tie.patient)]
    named = [*batch.people, *batch.visits, *batch.locations, *batch.providers]
    return [*named, *ties, places.TEAM]


def _settle_places(*, batch: Batch, known: Known, source: str) -> visits.Setting:
    """Say where visits are that name no place, and refuse those for which nothing says it."""
    places.note_zones(batch=batch, known=known)
    if not places.is_set_up():
        batch.note("practice", places.NEW_PRACTICE)
    elsewhere = places.only_location(batch=batch)
    for visit in [visit for visit in batch.visits.values() if visit.location is None]:
        if elsewhere is None and visit.starts_at is not None:
            batch.refuse(visit.where, "location", NO_PLACE)
            batch.drop(visit.key)
    return visits.Setting(batch=batch, announce=not is_first(source=source), elsewhere=elsewhere)


def _foresee(
    *, source: str, setting: visits.Setting, known: Known, decided: list[Decided]
) -> Report:
    """Return the report of what writing the file would do."""
    batch = setting.batch
    return Report(
        source=source,
        is_first=not setting.announce,
        people=_foresee_people(batch=batch, known=known),
        visits=Counter(name for pair in decided for name in visits.names_of(*pair)),
        ignored=batch.ignored,
        notes=batch.notes,
        problems=batch.problems,
    )


def _foresee_people(*, batch: Batch, known: Known) -> Counter[str]:
    patients = {visit.patient for visit in batch.visits.values()}
    outcomes = {person: people.outcome_of(person, known=known) for person in batch.people.values()}
    for person, outcome in outcomes.items():
        if outcome == "created" and person.is_stub and person.key in patients:
            batch.note(person.where, STUB)
    return Counter(outcomes.values())


def _risks(situation: Situation, decision: Decision) -> list[str]:
    """Return what a patient would be told at once about a visit still ahead."""
    if Step.MOVE in decision.steps:
        return ["moves"]
    is_off = Step.CANCEL in decision.steps and situation.visit.starts_at > clock.now()
    return ["cancellations"] if is_off else []

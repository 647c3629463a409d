"""Appointments of a FHIR file, and stubs for whom they name without describing them."""

from datetime import timedelta
from typing import Any

from portal.importers import cells
from portal.importers.fhir_entries import Entry, Names
from portal.importers.fhir_places import text_of
from portal.importers.records import (
    FHIR_STATUSES,
    Batch,
    Key,
    LocationRecord,
    PersonRecord,
    ProviderRecord,
    VisitRecord,
)

WORDS = 10_000  # characters of a reason or a note that are kept


def read_visit(resource: Any, *, entry: Entry, batch: Batch, names: Names) -> None:
    """Add a visit, or say what it lacks."""
    before = len(batch.problems)
    outcome = FHIR_STATUSES.get(resource.status)
    if outcome is None:
        known = ", ".join(FHIR_STATUSES)
        batch.refuse(entry.where, "status", f"is not a known status; known are: {known}")
    actors = _actors(resource, entry=entry, batch=batch, names=names)
    if outcome and outcome.needs_time and resource.start is None:
        batch.refuse(entry.where, "start", "is required for this status")
    elif resource.start and (refusal := _refusal_of_times(resource)):
        batch.refuse(entry.where, *refusal)
    if len(batch.problems) > before:
        return
    _add_stubs(actors, where=entry.where, batch=batch)
    batch.visits[entry.key] = VisitRecord(
        key=entry.key,
        where=entry.where,
        patient=_first(actors, "Patient"),
        provider=_first(actors, "Practitioner"),
        location=_first(actors, "Location"),
        starts_at=resource.start,
        ends_at=_end(resource) if resource.start else None,
        outcome=outcome,
        reason=_reason(resource),
        notes=_notes(resource),
    )


def _refusal_of_times(resource: Any) -> tuple[str, str] | None:
    """Return the element and what is wrong with it, of a visit that has a start."""
    starts_at = resource.start
    if starts_at.year not in cells.YEARS:
        return "start", cells.OUT_OF_YEARS
    ends_at = _end(resource)
    if ends_at is None:
        return "end", "is required, or minutesDuration"
    if not starts_at < ends_at <= starts_at + cells.LONGEST_VISIT:
        return "end", "must follow start within 24 hours"
    return None


def _end(resource: Any) -> Any:
    if resource.end is None and resource.start and resource.minutesDuration:
        return resource.start + timedelta(minutes=resource.minutesDuration)
    return resource.end


def _actors(resource: Any, *, entry: Entry, batch: Batch, names: Names) -> dict[Key, str]:
    """Return who and what takes part, with the display text. Exactly one of them is a patient."""
    actors: dict[Key, str] = {}
    for number, participant in enumerate(resource.participant):
        actor = participant.actor
        if actor is None or (participant.status == "declined" and not _is_patient(actor)):
            continue
        try:
            actors.setdefault(names.key_of(actor.reference), text_of(actor.display))
        except cells.Bad as error:
            batch.refuse(entry.where, f"participant[{number}].actor", str(error))
            return actors
    patients = sum(kind == "Patient" for kind, _id in actors)
    if patients != 1:
        batch.refuse(entry.where, "participant", f"must name one patient, not {patients}")
    return actors


def _is_patient(actor: Any) -> bool:
    return (actor.reference or "").rpartition("/")[0].endswith("Patient")


def _first(actors: dict[Key, str], kind: str) -> Key | None:
    return next((key for key in actors if key[0] == kind), None)


def _add_stubs(actors: dict[Key, str], *, where: str, batch: Batch) -> None:
    """Keep a name for those the file describes nowhere; a full resource later fills them in."""
    for key, display in actors.items():
        if key[0] == "Patient" and key not in batch.people:
            first, _blank, last = display[:150].rpartition(" ")
            batch.people[key] = PersonRecord(
                key=key, where=where, first_name=first, last_name=last, is_stub=True
            )
        elif key[0] == "Practitioner" and key not in batch.providers:
            batch.providers[key] = ProviderRecord(key=key, name=display[:120], is_stub=True)
        elif key[0] == "Location" and key not in batch.locations:
            batch.locations[key] = LocationRecord(
                key=key, where=where, name=display[:120], is_stub=True
            )


def _reason(resource: Any) -> str:
    """Return why the visit is: clinical, kept sealed, shown to the signed-in patient alone."""
    concepts = [*(resource.serviceType or ()), *(resource.reasonCode or ())]
    said = [concept.text or _display(concept) for concept in concepts]
    said += [reference.display for reference in resource.reasonReference or ()]
    return _joined([resource.description, *said])


def _notes(resource: Any) -> str:
    return _joined([resource.comment, resource.patientInstruction])


def _display(concept: Any) -> str:
    return next((coding.display for coding in concept.coding or () if coding.display), "")


def _joined(texts: list[Any]) -> str:
    return "; ".join(text_of(text) for text in texts if text)[:WORDS]

"""Visits that cannot both be: the same patient twice at one time, a provider with two patients.

Two rows for one patient and one time are one visit, whatever made them two: the patient is not to
hear of it twice. What only overlaps may be meant, so it is taken over and a person is asked to
look. Here nothing is written.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from uuid import UUID

from notifications import clock
from portal.importers.known import Known, batched
from portal.importers.places import TEAM
from portal.importers.records import Key, VisitRecord
from portal.models import Appointment

Taken = tuple[Key, datetime]  # a patient, by the source's id, and a start

OVERLAPS = "PLEASE LOOK: the patient has another visit that overlaps: both are taken over"
TWO_PATIENTS = "the provider has another patient at this time: both are taken over"


def said_twice(visits: Collection[VisitRecord], *, known: Known) -> set[Key]:
    """Return which new visits are of a patient who has another at that very start.

    Of two new ones the first in the file stays. A fixed number of queries a thousand visits.
    """
    upcoming = [visit for visit in visits if visit.outcome.is_upcoming and visit.starts_at]
    taken = _in_the_book(upcoming, known=known)
    twice: set[Key] = set()
    for visit in sorted(upcoming, key=lambda each: known.id_of(each.key) is None):
        place = (visit.patient, visit.starts_at)
        if place in taken and known.id_of(visit.key) is None:
            twice.add(visit.key)
        taken.add(place)
    return twice


def _in_the_book(visits: Iterable[VisitRecord], *, known: Known) -> set[Taken]:
    """Return where these patients are booked already, but for the visits the file speaks of."""
    visits = list(visits)
    of_file = {known.id_of(visit.key) for visit in visits}
    patients: dict[UUID, Key] = {
        patient_id: visit.patient
        for visit in visits
        if (patient_id := known.id_of(visit.patient)) is not None
    }
    taken: set[Taken] = set()
    for some in batched(patients, 500):
        ahead = Appointment.objects.filter(
            patient__in=some, status__in=Appointment.UPCOMING, starts_at__gt=clock.now()
        )
        rows = ahead.values_list("pk", "patient_id", "starts_at")
        taken |= {(patients[who], starts_at) for pk, who, starts_at in rows if pk not in of_file}
    return taken


def overlapping(visits: Iterable[VisitRecord]) -> Iterator[tuple[VisitRecord, str]]:
    """Yield the visits ahead that begin while another is under way, and what is odd about it."""
    now = clock.now()
    ahead = [
        visit
        for visit in visits
        if visit.outcome.is_upcoming and visit.starts_at and visit.starts_at > now
    ]
    for visit in _begun_during_another(ahead, by=lambda visit: visit.patient):
        yield visit, OVERLAPS
    named = [visit for visit in ahead if visit.provider not in (None, TEAM)]
    for visit in _begun_during_another(named, by=lambda visit: visit.provider):
        yield visit, TWO_PATIENTS


def _begun_during_another(visits: Iterable[VisitRecord], *, by) -> Iterator[VisitRecord]:
    groups: dict[Key, list[VisitRecord]] = defaultdict(list)
    for visit in visits:
        groups[by(visit)].append(visit)
    for group in groups.values():
        ends_at = None
        for visit in sorted(group, key=lambda each: each.starts_at):
            if ends_at is not None and visit.starts_at < ends_at:
                yield visit
            ends_at = max(ends_at, visit.ends_at) if ends_at else visit.ends_at

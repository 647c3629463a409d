"""Writes a file that was checked, in pieces that can be repeated.

Fifty people at a time are committed, each with their visits, plans and messages. A run that is
cut off is finished by running it again: what is committed is known by its id and its fingerprint,
so nobody is told twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from notifications import audit
from notifications.crypto import keys_loaded
from notifications.enums import AuditAction
from portal.importers import people, places, visits
from portal.importers.addresses import ACTOR
from portal.importers.check import Checked
from portal.importers.known import Known, batched, finish, hold_source
from portal.importers.records import Key, PersonRecord, TieRecord, VisitRecord
from portal.importers.report import Report

CHUNK = 50  # people a transaction


def write(checked: Checked, *, on_progress: Callable[[int], None] = lambda count: None) -> Report:
    """Write a checked file and return what was done. Safe to repeat after a crash.

    `on_progress` hears how many more people are done.
    """
    writer = _Writer(checked)
    writer.write_places()
    for some in batched(_in_order(checked), CHUNK):
        writer.write_chunk(some)
        on_progress(len(some))
    writer.close()
    return writer.report


def _in_order(checked: Checked) -> list[PersonRecord]:
    """Return guardians, then the others, each in the order of their ids."""
    guardians = {tie.guardian for ties in checked.household.ties.values() for tie in ties}
    people_of_file = checked.batch.people.values()
    return sorted(people_of_file, key=lambda each: (each.key not in guardians, each.key))


@dataclass
class _Writer:
    """Writes the pieces of one file, one transaction each."""

    checked: Checked
    report: Report = field(init=False)
    _visits: dict[Key, list[VisitRecord]] = field(init=False, default_factory=dict)
    _ties: dict[Key, list[TieRecord]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        foreseen = self.checked.report
        self.report = Report(
            source=foreseen.source,
            is_first=foreseen.is_first,
            ignored=foreseen.ignored,
            notes=foreseen.notes,
            problems=foreseen.problems,
        )
        for visit in self.checked.batch.visits.values():
            self._visits.setdefault(visit.patient, []).append(visit)
        for tie in (tie for ties in self.checked.household.ties.values() for tie in ties):
            in_file = tie.patient in self.checked.batch.people  # else known from an earlier one
            self._ties.setdefault(tie.patient if in_file else tie.guardian, []).append(tie)

    @transaction.atomic
    def write_places(self) -> None:
        hold_source(source=self.checked.source)
        known = Known.load(source=self.checked.source, keys=self._place_keys())
        places.write_places(batch=self.checked.batch, known=known)
        known.save()

    @transaction.atomic
    def write_chunk(self, some: Sequence[PersonRecord]) -> None:
        """Write some people with all that is theirs. Decides anew, on what stands there now."""
        hold_source(source=self.checked.source)
        known = Known.load(source=self.checked.source, keys=self._keys_of(some))
        setting, ties = self.checked.setting, self._ties_of(some)
        leaving = people.leaving(some, known=known)
        counts = people.write_people(some, household=self.checked.household, known=known)
        named = {person.key for person in some} | {tie.patient for tie in ties}
        with keys_loaded([known.id_of(key) for key in named], create=True):
            people.write_ties(ties, known=known)
            decided = visits.decide_all(self._visits_of(some), setting=setting, known=known)
            written = visits.write_visits(decided, setting=setting, known=known)
            people.write_departures(leaving, batch=self.checked.batch, known=known)
        known.save()
        self.report.people += counts
        self.report.visits += written.steps
        self.report.plans += written.plans

    @transaction.atomic
    def close(self) -> None:
        """Note that the file is whole, for the next import and for the audit trail."""
        finish(source=self.checked.source)
        counts = {f"people_{name}": count for name, count in self.report.people.items()}
        counts |= {f"visits_{name}": count for name, count in self.report.visits.items()}
        source = self.checked.source
        audit.record(action=AuditAction.IMPORTED, actor=ACTOR, source=source, **counts)
        self.report.is_written = True

    def _visits_of(self, some: Sequence[PersonRecord]) -> list[VisitRecord]:
        return [visit for person in some for visit in self._visits.get(person.key, ())]

    def _ties_of(self, some: Sequence[PersonRecord]) -> list[TieRecord]:
        return [tie for person in some for tie in self._ties.get(person.key, ())]

    def _place_keys(self) -> list[Key]:
        batch = self.checked.batch
        return [*batch.locations, *batch.providers, places.TEAM]

    def _keys_of(self, some: Sequence[PersonRecord]) -> list[Key]:
        ties = self._ties_of(some)
        addresses = [contact.slot for person in some for contact in person.contacts]
        addresses += [slot for tie in ties for slot in tie.address_slots]
        names = [key for tie in ties for key in (tie.guardian, tie.patient, tie.slot)]
        own = [person.key for person in some] + [visit.key for visit in self._visits_of(some)]
        return [*own, *addresses, *names, *self._place_keys()]

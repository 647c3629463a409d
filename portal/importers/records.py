"""What a file says, in the project's own words, whatever format it came in.

A reader (`csv.py`, `fhir.py`) turns a file into one `Batch`; `run.py` compares it with what is
known and writes it. Nothing here reads or writes the database.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from notifications.crypto import blind_index
from notifications.enums import ContactKind

Key = tuple[str, str]  # (resource, the source's own id)


class Outcome(StrEnum):
    """What the source says of a visit."""

    PLANNED = "planned"
    CONFIRMED = "confirmed"  # the patient said so
    ARRIVED = "arrived"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    MISSED = "missed"
    NOT_AGREED = "not agreed"  # asked for, or on a waiting list: no visit yet
    MISTAKE = "entered in error"

    @property
    def is_upcoming(self) -> bool:
        return self in (Outcome.PLANNED, Outcome.CONFIRMED, Outcome.ARRIVED)

    @property
    def needs_time(self) -> bool:
        return self not in (Outcome.CANCELLED, Outcome.MISTAKE, Outcome.NOT_AGREED)


FHIR_STATUSES = {
    "proposed": Outcome.NOT_AGREED,
    "pending": Outcome.NOT_AGREED,
    "waitlist": Outcome.NOT_AGREED,
    "booked": Outcome.PLANNED,
    "arrived": Outcome.ARRIVED,
    "checked-in": Outcome.ARRIVED,
    "fulfilled": Outcome.COMPLETED,
    "noshow": Outcome.MISSED,
    "cancelled": Outcome.CANCELLED,
    "entered-in-error": Outcome.MISTAKE,
}


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What a reader needs to know beside the file: which clock a time without an offset is on."""

    zone: str  # the practice's
    zones: Mapping[str, str]  # by the source's id of a location already known


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something the file gets wrong. Never quotes a value: it might be a health matter."""

    where: str
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.field}: {self.message}"


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something the file leaves open or we leave out; `message` is one of a few sentences."""

    where: str
    message: str


def fingerprint(*parts: Any) -> str:
    """Return a keyed fingerprint: tells a change without keeping, or giving away, what it was."""
    return blind_index(kind="import", value=json.dumps(parts, default=str, sort_keys=True))


@dataclass(frozen=True, kw_only=True)
class ConsentRecord:
    """A recorded yes to texts. `at` is aware."""

    at: datetime
    source: str
    wording: str


@dataclass(frozen=True, kw_only=True)
class ContactRecord:
    """An address in its normal form; `slot` is where in the source it stands."""

    slot: Key
    kind: ContactKind
    value: str
    relation: str = ""
    verified: bool = False
    consent: ConsentRecord | None = None

    @property
    def digest(self) -> str:
        return fingerprint(asdict(self))


@dataclass(frozen=True, kw_only=True)
class PersonRecord:
    """A patient or somebody who acts for one. A stub is known by a reference alone."""

    key: Key
    where: str
    first_name: str = ""
    last_name: str = ""
    birth_date: date | None = None
    language: str = ""
    sign_in: str = ""  # an e-mail of their own, if they have one
    contacts: tuple[ContactRecord, ...] = ()
    is_stub: bool = False
    has_died: bool = False
    has_left: bool = False

    @property
    def departure(self) -> str:
        """Return why they are a patient no longer, a `Departure`; empty: they are one."""
        if self.has_died:
            return "died"
        return "left" if self.has_left else ""

    @property
    def digest(self) -> str:
        if self.is_stub:
            return ""
        kept = {name: value for name, value in asdict(self).items() if name != "where"}
        if not self.has_left:  # a later field: who is known from before has not changed by it
            del kept["has_left"]
        return fingerprint(kept)

    def is_minor(self, today: date) -> bool:
        """Return whether they are known to be under 18."""
        if self.birth_date is None:
            return False
        had_birthday = (today.month, today.day) >= (self.birth_date.month, self.birth_date.day)
        return today.year - self.birth_date.year - (not had_birthday) < 18


@dataclass(frozen=True, kw_only=True)
class TieRecord:
    """Somebody who may act for a patient."""

    guardian: Key
    patient: Key
    relation: str
    where: str
    contacts: tuple[ContactRecord, ...] = ()  # theirs, to reach the patient by
    has_ended: bool = False

    @property
    def slot(self) -> Key:
        return ("Guardianship", fingerprint(self.guardian, self.patient))

    @property
    def address_slots(self) -> set[Key]:
        """Return where the source may hold the guardian's addresses, in this file or before."""
        resource, own_id = self.guardian
        usual = {(f"{resource}.{kind.value}", own_id) for kind in ContactKind}
        return {contact.slot for contact in self.contacts} | usual

    @property
    def digest(self) -> str:
        addresses = [contact.digest for contact in self.contacts]
        return fingerprint(self.relation, self.has_ended, addresses)


@dataclass(frozen=True, kw_only=True)
class ProviderRecord:
    key: Key
    name: str = ""
    is_stub: bool = False

    @property
    def digest(self) -> str:
        return "" if self.is_stub else fingerprint(self.name)


@dataclass(frozen=True, kw_only=True)
class LocationRecord:
    key: Key
    where: str
    name: str = ""
    zone: str = ""  # IANA; empty: the source does not say
    state: str = ""  # two letters
    phone: str = ""
    address: str = ""
    is_stub: bool = False

    @property
    def digest(self) -> str:
        said = (self.name, self.zone, self.phone, self.address)
        return "" if self.is_stub else fingerprint(*said, *filter(None, [self.state]))


@dataclass(frozen=True, kw_only=True)
class VisitRecord:
    """An appointment. Times are aware; both are None only where no visit can come of it."""

    key: Key
    where: str
    patient: Key
    provider: Key | None
    location: Key | None
    starts_at: datetime | None
    ends_at: datetime | None
    outcome: Outcome
    reason: str = ""
    notes: str = ""

    @property
    def digest(self) -> str:
        """Return three fingerprints in one: when and with whom, what became of it, the words."""
        slot = (self.patient, self.provider, self.location, *self._instants())
        parts = (slot, self.outcome, (self.reason, self.notes))
        return ".".join(fingerprint(part)[:20] for part in parts)

    def _instants(self) -> Iterator[float | None]:
        for moment in (self.starts_at, self.ends_at):
            yield moment.timestamp() if moment else None


@dataclass
class Batch:
    """A whole file: what is good in it, what is wrong with it, and what is worth saying."""

    people: dict[Key, PersonRecord] = field(default_factory=dict)
    ties: list[TieRecord] = field(default_factory=list)
    providers: dict[Key, ProviderRecord] = field(default_factory=dict)
    locations: dict[Key, LocationRecord] = field(default_factory=dict)
    visits: dict[Key, VisitRecord] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)  # resources that are none of ours

    def refuse(self, where: str, name: str, message: str) -> None:
        self.problems.append(Problem(where=where, field=name, message=message))

    def note(self, where: str, message: str) -> None:
        self.notes.append(Note(where=where, message=message))

    def drop(self, key: Key) -> None:
        """Forget whatever was taken from an entry that is refused after all."""
        for kept in (self.people, self.providers, self.locations, self.visits):
            kept.pop(key, None)
        self.ties = [tie for tie in self.ties if tie.guardian != key]


class NotReadable(Exception):
    """The file as a whole cannot be read. The text has the place and the reason, no content."""

    def __init__(self, *, where: str, name: str, message: str) -> None:
        self.problem = Problem(where=where, field=name, message=message)
        super().__init__(str(self.problem))

"""The columns of the CSV: what each is about and what it may hold. `docs/imports.md` explains them.

Adding a column is one line here and its use in `csv.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from notifications.enums import ContactKind
from portal.importers import cells
from portal.importers.records import FHIR_STATUSES, Outcome
from portal.importers.relations import RELATIONS
from portal.models import Departure

STATUSES = FHIR_STATUSES | {
    "confirmed": Outcome.CONFIRMED,
    "completed": Outcome.COMPLETED,
    "missed": Outcome.MISSED,
    "no-show": Outcome.MISSED,
    "canceled": Outcome.CANCELLED,
}


def status(value: str) -> Outcome:
    """Return what a status word means. Raises Bad naming the known ones."""
    found = STATUSES.get(value.strip().lower())
    if found is None:
        raise cells.Bad(f"is not a known status; known are: {', '.join(STATUSES)}")
    return found


def relation(value: str) -> str:
    """Return how a guardian is related. Raises Bad naming the known ones."""
    word = value.strip().lower()
    if word and word not in RELATIONS:
        raise cells.Bad(f"is not a known relation; known are: {', '.join(RELATIONS)}")
    return word


def departure(value: str) -> str:
    """Return `died` or `left`, or nothing for a patient. Raises Bad naming the known ones."""
    word = value.strip().lower()
    if word and word not in Departure.values:
        raise cells.Bad(f"must be {' or '.join(Departure.values)}, or empty for a patient")
    return word


def words(value: str) -> str:
    """Return text of any length up to 10,000 characters; it is kept sealed."""
    if len(value) > 10_000:
        raise cells.Bad("is longer than 10000 characters")
    return value.strip()


@dataclass(frozen=True)
class Column:
    """`about`: the thing that must say the same on each line that names it, or "visit"."""

    name: str
    about: str
    read: Callable[[str], Any]
    is_required: bool = False  # a cell may not be empty
    is_local: bool = False  # read later, when the zone of the place is known


_short = partial(cells.line, limit=120)
_name = partial(cells.line, limit=150)
_email = partial(cells.address, kind=ContactKind.EMAIL)
_phone = partial(cells.address, kind=ContactKind.PHONE)

COLUMNS = (
    Column("appointment_id", "visit", cells.identifier, is_required=True),
    Column("status", "visit", status, is_required=True),
    Column("starts_at", "visit", str, is_local=True),
    Column("ends_at", "visit", str, is_local=True),
    Column("duration_minutes", "visit", cells.minutes),
    Column("reason", "visit", words),
    Column("notes", "visit", words),
    Column("patient_id", "visit", cells.identifier, is_required=True),
    Column("patient_first_name", "patient", _name),
    Column("patient_last_name", "patient", _name),
    Column("patient_birth_date", "patient", cells.birth_date),
    Column("patient_language", "patient", cells.language),
    Column("patient_departure", "patient", departure),
    Column("patient_email", "patient", _email),
    Column("email_verified", "patient", cells.answer),
    Column("patient_phone", "patient", _phone),
    Column("phone_verified", "patient", cells.answer),
    Column("sms_consent_at", "patient", cells.past),
    Column("sms_consent_source", "patient", partial(cells.code, limit=32)),
    Column("sms_consent_wording", "patient", partial(cells.code, limit=64)),
    Column("guardian_id", "visit", cells.identifier),
    Column("guardian_first_name", "guardian", _name),
    Column("guardian_last_name", "guardian", _name),
    Column("guardian_relation", "tie", relation),
    Column("guardian_email", "guardian", _email),
    Column("guardian_email_verified", "guardian", cells.answer),
    Column("guardian_phone", "guardian", _phone),
    Column("guardian_phone_verified", "guardian", cells.answer),
    Column("provider_id", "visit", cells.identifier),
    Column("provider_name", "provider", _short),
    Column("location_id", "visit", cells.identifier),
    Column("location_name", "location", _short),
    Column("location_zone", "location", cells.zone),
    Column("location_state", "location", cells.state),
    Column("location_phone", "location", partial(cells.line, limit=32)),
    Column("location_address", "location", partial(cells.line, limit=200)),
)
NAMES = tuple(column.name for column in COLUMNS)
NEEDED = ("appointment_id", "patient_id", "status", "starts_at")  # no file without these

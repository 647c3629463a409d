"""Patients and those who act for them, of a FHIR file.

FHIR has no place for "this address was verified" or for a consent to texts, so nobody's address
is taken as verified.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from notifications import clock
from notifications.enums import ContactKind
from portal.importers import cells
from portal.importers.fhir_entries import Entry, Names
from portal.importers.fhir_places import best_name, one_liners, text_of
from portal.importers.records import Batch, ContactRecord, Key, PersonRecord, TieRecord
from portal.importers.relations import FHIR_RELATIONS

NOT_A_GUARDIAN = "a related person is left out: the relationship gives no right to act"


def read_patient(resource: Any, *, entry: Entry, batch: Batch, names: Names) -> None:
    contacts = _contacts(resource.telecom or (), entry=entry, batch=batch, slot=entry.key)
    batch.people[entry.key] = PersonRecord(
        key=entry.key,
        where=entry.where,
        birth_date=_birth_date(resource.birthDate, entry=entry, batch=batch),
        language=_language(resource.communication or (), entry=entry, batch=batch),
        sign_in=_email_of(contacts),
        contacts=contacts,
        has_died=bool(resource.deceasedBoolean or resource.deceasedDateTime),
        has_left=resource.active is False,
        **_names(resource.name or (), entry=entry, batch=batch),
    )


def read_related(resource: Any, *, entry: Entry, batch: Batch, names: Names) -> None:
    """Add a guardian and the tie to the patient, or a note when the relation gives no right."""
    try:
        patient = names.key_of(resource.patient.reference)
    except cells.Bad as error:
        batch.refuse(entry.where, "patient", str(error))
        return
    relation = _relation(resource.relationship or ())
    if patient[0] != "Patient":
        batch.refuse(entry.where, "patient", "must point at a Patient")
    elif not relation:
        batch.note(entry.where, NOT_A_GUARDIAN)
    else:
        _add_guardian(resource, entry=entry, batch=batch, patient=patient, relation=relation)


def _add_guardian(
    resource: Any, *, entry: Entry, batch: Batch, patient: Key, relation: str
) -> None:
    contacts = _contacts(
        resource.telecom or (), entry=entry, batch=batch, slot=entry.key, relation=relation
    )
    names = _names(resource.name or (), entry=entry, batch=batch)
    batch.people[entry.key] = PersonRecord(
        key=entry.key, where=entry.where, sign_in=_email_of(contacts), **names
    )
    batch.ties.append(
        TieRecord(
            guardian=entry.key,
            patient=patient,
            relation=relation,
            where=entry.where,
            contacts=contacts,
            has_ended=resource.active is False or _is_over(resource.period),
        )
    )


def _relation(relationships: Iterable[Any]) -> str:
    codes = [coding.code for concept in relationships for coding in concept.coding or ()]
    return next((FHIR_RELATIONS[code] for code in codes if code in FHIR_RELATIONS), "")


def _names(names: Iterable[Any], *, entry: Entry, batch: Batch) -> dict[str, str]:
    name = best_name(names)
    first, last = "", ""
    if name is not None:
        first, last = " ".join(name.given or ()), name.family or ""
        if not first and not last:
            first, _blank, last = text_of(name.text).rpartition(" ")
    texts = {"first_name": (text_of(first), 150), "last_name": (text_of(last), 150)}
    return one_liners(texts, entry=entry, batch=batch)


def _birth_date(value: Any, *, entry: Entry, batch: Batch) -> date | None:
    """Return a whole birth date; a year alone says too little to tell a child by."""
    if not isinstance(value, date):
        return None
    try:
        return cells.birth_date(value.isoformat())
    except cells.Bad as error:
        batch.refuse(entry.where, "birthDate", str(error))
        return None


def _language(communication: Iterable[Any], *, entry: Entry, batch: Batch) -> str:
    spoken = sorted(communication, key=lambda one: not one.preferred)
    codes = [coding.code for one in spoken for coding in one.language.coding or () if coding.code]
    try:
        return cells.language(codes[0]) if codes else ""
    except cells.Bad as error:
        batch.refuse(entry.where, "communication", str(error))
        return ""


def _contacts(
    telecom: Iterable[Any], *, entry: Entry, batch: Batch, slot: Key, relation: str = ""
) -> tuple[ContactRecord, ...]:
    """Return the first e-mail and the best number: mobile before any other; none from work."""
    found: dict[ContactKind, ContactRecord] = {}
    for number, point in sorted(enumerate(telecom), key=lambda pair: _order(pair[1])):
        kind = KINDS.get(point.system)
        if kind is None or kind in found or not point.value or _is_past(point):
            continue
        try:
            value = cells.address(point.value, kind=kind)
        except cells.Bad as error:
            batch.refuse(entry.where, f"telecom[{number}].value", str(error))
            continue
        place = (f"{slot[0]}.{kind.value}", slot[1])
        found[kind] = ContactRecord(slot=place, kind=kind, value=value, relation=relation)
    return tuple(found.values())


KINDS = {"email": ContactKind.EMAIL, "phone": ContactKind.PHONE, "sms": ContactKind.PHONE}


def _order(point: Any) -> tuple[bool, int]:
    is_mobile = point.system == "sms" or point.use == "mobile"
    return (not is_mobile, point.rank or 99)


def _is_past(point: Any) -> bool:
    return point.use in ("old", "work") or _is_over(point.period)


def _is_over(period: Any | None) -> bool:
    end = period.end if period else None
    if isinstance(end, datetime):
        return end < clock.now()
    return isinstance(end, date) and end < clock.now().date()


def _email_of(contacts: Iterable[ContactRecord]) -> str:
    emails = [contact.value for contact in contacts if contact.kind == ContactKind.EMAIL]
    return emails[0] if emails else ""

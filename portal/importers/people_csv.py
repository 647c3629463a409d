"""Makes people, ties and addresses of what the lines of a CSV say."""

from collections.abc import Mapping
from typing import Any

from notifications.enums import ContactKind
from portal.importers.lines import Facts
from portal.importers.records import (
    Batch,
    ConsentRecord,
    ContactRecord,
    Key,
    PersonRecord,
    TieRecord,
    fingerprint,
)
from portal.models import Departure

Said = Mapping[str, Any]
KINDS = (ContactKind.EMAIL, ContactKind.PHONE)


def gather_people(*, batch: Batch, facts: Facts) -> None:
    """Fill the batch's people and ties. A guardian's id is one of the patients' numbering."""
    for (guardian_id,), said in facts.about("guardian"):
        where = facts.first_line("guardian", guardian_id)
        batch.people[("Patient", guardian_id)] = _guardian(("Patient", guardian_id), said, where)
    for (patient_id,), said in facts.about("patient"):
        key = ("Patient", patient_id)
        where = facts.first_line("patient", patient_id)
        batch.people[key] = _patient(key, said, where, also=batch.people.get(key))
    for (patient_id, guardian_id), said in facts.about("tie"):
        batch.ties.append(_tie(patient_id, guardian_id, said["guardian_relation"], facts))


def _guardian(key: Key, said: Said, where: str) -> PersonRecord:
    return PersonRecord(
        key=key,
        where=where,
        first_name=said.get("guardian_first_name", ""),
        last_name=said.get("guardian_last_name", ""),
        sign_in=said.get("guardian_email", ""),
    )


def _patient(key: Key, said: Said, where: str, *, also: PersonRecord | None) -> PersonRecord:
    """Return a patient; `also` is what is said of the same person as somebody's guardian."""
    also = also or PersonRecord(key=key, where=where)
    return PersonRecord(
        key=key,
        where=where,
        first_name=said.get("patient_first_name", also.first_name),
        last_name=said.get("patient_last_name", also.last_name),
        birth_date=said.get("patient_birth_date"),
        language=said.get("patient_language", ""),
        sign_in=said.get("patient_email", also.sign_in),
        contacts=tuple(_own_contacts(key[1], said)),
        has_died=said.get("patient_departure") == Departure.DIED,
        has_left=said.get("patient_departure") == Departure.LEFT,
    )


def _own_contacts(patient_id: str, said: Said) -> list[ContactRecord]:
    return [
        ContactRecord(
            slot=(f"Patient.{kind.value}", patient_id),
            kind=kind,
            value=said[f"patient_{kind.value}"],
            verified=said.get(f"{kind.value}_verified", False),
            consent=_consent(said) if kind == ContactKind.PHONE else None,
        )
        for kind in KINDS
        if said.get(f"patient_{kind.value}")
    ]


def _consent(said: Said) -> ConsentRecord | None:
    if "sms_consent_at" not in said:
        return None
    return ConsentRecord(
        at=said["sms_consent_at"],
        source=said["sms_consent_source"],
        wording=said["sms_consent_wording"],
    )


def _tie(patient_id: str, guardian_id: str, relation: str, facts: Facts) -> TieRecord:
    """Return a tie with the guardian's addresses as the patient's, labelled with the relation.

    A consent to texts belongs to the patient's own number, if there is one.
    """
    said, of_patient = facts.of("guardian", guardian_id), facts.of("patient", patient_id)
    for_number = None if "patient_phone" in of_patient else _consent(of_patient)
    contacts = [
        ContactRecord(
            slot=(f"Guardian.{kind.value}", fingerprint(patient_id, guardian_id)),
            kind=kind,
            value=said[f"guardian_{kind.value}"],
            relation=relation,
            verified=said.get(f"guardian_{kind.value}_verified", False),
            consent=for_number if kind == ContactKind.PHONE else None,
        )
        for kind in KINDS
        if said.get(f"guardian_{kind.value}")
    ]
    return TieRecord(
        guardian=("Patient", guardian_id),
        patient=("Patient", patient_id),
        relation=relation,
        where=facts.first_line("tie", patient_id, guardian_id),
        contacts=tuple(contacts),
    )

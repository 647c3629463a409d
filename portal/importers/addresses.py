"""Addresses of an import: unverified and without consent unless the file says otherwise."""

from collections.abc import Iterable
from uuid import UUID

from notifications import consent, contacts
from notifications.enums import Purpose
from portal.importers.known import Known
from portal.importers.records import ContactRecord, Key

ACTOR = "system:import"


def write_contact(*, patient_id: UUID, record: ContactRecord, known: Known) -> None:
    """Keep an address, if the file says something new about it since the last import.

    What the patient or the desk did with an address in the meantime stays as it is.
    """
    if known.digest_of(record.slot) == record.digest:
        return
    before = known.id_of(record.slot)
    contact = contacts.add(
        patient_id=patient_id,
        kind=record.kind,
        value=record.value,
        relation=record.relation,
        actor=ACTOR,
    )
    if record.verified and contact.verified_at is None:
        contact = contacts.mark_verified(contact_id=contact.pk, actor=ACTOR)
    if before is not None and before != contact.pk:
        _retire(patient_id=patient_id, contact_id=before)
    if record.consent is not None:
        _record_consent(contact, record)
    known.remember(record.slot, object_id=contact.pk, digest=record.digest)


def drop_contacts(*, patient_id: UUID, slots: Iterable[Key], known: Known) -> None:
    """Stop using addresses that no longer reach the patient, verified or not."""
    wanted = {known.id_of(slot) for slot in slots}
    for contact in contacts.of_patient(patient_id=patient_id):
        if contact.pk in wanted:
            contacts.remove(patient_id=patient_id, contact_id=contact.pk, actor=ACTOR)


def _retire(*, patient_id: UUID, contact_id: UUID) -> None:
    """Stop using the file's earlier address, unless somebody has shown that it is theirs."""
    usable = contacts.of_patient(patient_id=patient_id)
    if any(each.pk == contact_id and each.verified_at is None for each in usable):
        contacts.remove(patient_id=patient_id, contact_id=contact_id, actor=ACTOR)


def _record_consent(contact, record: ContactRecord) -> None:
    """Add the yes with its own date, so that a later STOP still has the last word."""
    consent.record(
        contact=contact,
        purpose=Purpose.TREATMENT,
        granted=True,
        wording=record.consent.wording,
        source=record.consent.source,
        at=record.consent.at,
        actor=ACTOR,
    )

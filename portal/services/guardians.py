"""Who acts for whom: the end of it ends their access and what is sent to them, at once."""

from django.db import transaction

from notifications import audit, clock, contacts
from notifications.enums import AuditAction, ContactKind
from portal.access import guardians_of
from portal.models import Guardianship, User


@transaction.atomic
def end_guardianship(*, guardianship_id: int, actor: str) -> Guardianship:
    """End one guardianship now; twice changes nothing. Raises Guardianship.DoesNotExist.

    The patient's messages no longer go to addresses that are this guardian's and nobody else's
    who still acts for them. Whose a device is, nobody can tell: of the patient's, those stay that
    are such a person's own, and the others are turned on again with one press.
    """
    tie = Guardianship.objects.select_for_update().get(pk=guardianship_id)
    if tie.ended_at is not None and tie.ended_at <= clock.now():
        return tie
    tie.ended_at = clock.now()
    tie.save(update_fields=["ended_at"])
    audit.record(
        action=AuditAction.CONTACT,
        actor=actor,
        patient_id=tie.patient_id,
        obj=tie,
        change="guardian_ended",
    )
    stays = {address for person in guardians_of(tie.patient) for address in _addresses(person)}
    _drop(tie, stays=stays, actor=actor)
    return tie


def _addresses(person: User) -> set[str]:
    """Return the addresses that are a person's own, their sign-in e-mail among them."""
    theirs = contacts.of_patient(patient_id=person.pk)
    own = {contact.value["address"] for contact in theirs if not contact.relation}
    return own | {name.lower() for name in (person.email, person.username) if name}


def _drop(tie: Guardianship, *, stays: set[str], actor: str) -> None:
    """Stop using those of a patient's addresses that are, or may be, a former guardian's."""
    leaving = _addresses(tie.guardian)
    for contact in contacts.of_patient(patient_id=tie.patient_id):
        is_theirs = bool(contact.relation) and contact.value["address"] in leaving
        may_be_theirs = is_theirs or contact.kind == ContactKind.PUSH
        if may_be_theirs and contact.value["address"] not in stays:
            contacts.remove(patient_id=tie.patient_id, contact_id=contact.pk, actor=actor)

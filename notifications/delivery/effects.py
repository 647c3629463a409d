"""What a carrier's word means for the address itself, whether it came at once or hours later.

Marked is the address of the patient whose message it was; another's, who may share it, is marked
when theirs fails. A complaint counts for everybody at the address. Whoever changes addresses holds
them before any delivery, as imports and verifications do; a claim waits for nobody. So no two wait
for each other.
"""

from datetime import datetime
from uuid import UUID

from notifications import consent, contacts, preferences
from notifications.delivery.statuses import ACTOR
from notifications.enums import (
    ContactEffect,
    ContactStatus,
    DeliveryStatus,
    PatientNotificationType,
    Purpose,
    Reason,
)
from notifications.models import ContactPoint, Delivery

IN_USE = (ContactStatus.ACTIVE, ContactStatus.NEEDS_UPDATE)
ENDED = (DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED, DeliveryStatus.FAILED)
SOFT = 3  # deliveries given up in a row: the address itself does not work
EFFECTS: dict[ContactEffect, tuple[ContactStatus, Reason]] = {
    ContactEffect.NEEDS_UPDATE: (ContactStatus.NEEDS_UPDATE, Reason.BOUNCED_HARD),
    ContactEffect.OPTED_OUT: (ContactStatus.OPTED_OUT, Reason.OPTED_OUT_STOP),
    ContactEffect.REMOVED: (ContactStatus.REMOVED, Reason.PUSH_GONE),
}


def hold(*, contact_id: UUID | None, effect: ContactEffect) -> ContactPoint | None:
    """Lock the address an effect is for; None where there is none, or it is no longer in use.

    For a complaint the rows of all who share the address are held as well, oldest first.
    """
    if contact_id is None or effect == ContactEffect.NONE:
        return None
    meant = ContactPoint.objects.filter(pk=contact_id)
    if effect == ContactEffect.COMPLAINED:
        meant = ContactPoint.objects.filter(
            kind__in=meant.values("kind"), value_index__in=meant.values("value_index")
        )
    used = meant.filter(status__in=IN_USE).select_for_update(no_key=True).order_by("id")
    return next((row for row in used if row.pk == contact_id), None)


def apply(
    held: ContactPoint | None,
    *,
    effect: ContactEffect,
    code: str,
    channel: str,
    left_at: datetime | None = None,
) -> bool:
    """Mark an address that `hold` returned; return whether anything changed.

    `left_at` (aware): what has been learned of the address since then is newer than this.
    """
    if held is None:
        return False
    if effect == ContactEffect.COMPLAINED:
        for contact in _shared_with(held):
            _leave_marketing(contact, channel=channel)
        return True
    if effect not in EFFECTS or held.status == EFFECTS[effect][0]:
        return False
    if left_at is not None and left_at < _known_since(held):
        return False
    status = EFFECTS[effect][0]
    contacts.set_status(contact=held, status=status, reason=code[:64], actor=ACTOR)
    return True


def after_soft_failures(row: Delivery) -> ContactEffect:
    """Return what it says of an address that nothing could be brought to three times running."""
    ended = Delivery.objects.filter(contact_id=row.contact_id, status__in=ENDED).exclude(pk=row.pk)
    before = list(ended.order_by("-status_at").values_list("status", flat=True)[: SOFT - 1])
    is_dead = row.contact_id is not None and before == [DeliveryStatus.FAILED] * (SOFT - 1)
    return ContactEffect.NEEDS_UPDATE if is_dead else ContactEffect.NONE


def _known_since(contact: ContactPoint) -> datetime:
    """Return when an address was last shown to work, or changed by a person."""
    return max(contact.status_at, contact.verified_at or contact.status_at)


def _shared_with(contact: ContactPoint) -> list[ContactPoint]:
    """Return each patient's row of an address: who complains, complains of all that comes there."""
    same = ContactPoint.objects.filter(kind=contact.kind, value_index=contact.value_index)
    return list(same.filter(status__in=IN_USE).order_by("id"))


def _leave_marketing(contact: ContactPoint, *, channel: str) -> None:
    """Take "this is spam" for a no to marketing; what belongs to care goes on (M-14)."""
    consent.record(
        contact=contact,
        purpose=Purpose.MARKETING,
        granted=False,
        wording=str(ContactEffect.COMPLAINED),  # no wording of ours was shown
        source="carrier",
        actor=ACTOR,
    )
    for cls in PatientNotificationType.classes():
        if cls.purpose == Purpose.MARKETING:
            turn_off(patient_id=contact.patient_id, type_key=cls.type_key, channel=channel)


def turn_off(*, patient_id: UUID, type_key: str, channel: str) -> bool:
    """Turn one type off on one channel; return False where that is locked."""
    if type_key not in PatientNotificationType:
        return False
    if channel in PatientNotificationType.known(type_key).locked:
        return False
    preferences.change(
        patient_id=patient_id, type_key=type_key, changes={channel: False}, actor=ACTOR
    )
    return True

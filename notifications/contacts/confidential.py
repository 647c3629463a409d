"""How a patient asked to be reached, or not: 45 CFR 164.522(b). No reason is asked for.

It overrides every default, lock, fallback, household rule and urgency. What is recorded is never
changed or deleted; it is ended. The portal itself is no address, and always there.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from notifications import audit, clock
from notifications.contacts.addresses import GONE, locked
from notifications.enums import AuditAction, ContactKind
from notifications.models import ConfidentialRequest, ContactPoint
from notifications.types import Refused


def forbidden(
    *, requests: Iterable[ConfidentialRequest], kind: str, contact: ContactPoint | None = None
) -> bool:
    """Return whether a patient's open requests forbid an address, or a kind without one. Pure.

    An address is the same when it reads the same: removed and added again, it stays forbidden.
    Of several "only" any may be used; "never" beats "only".
    """
    open_now = [each for each in requests if each.ended_at is None]
    if any(_names(each, kind, contact) for each in open_now if not each.is_only):
        return True
    only = [each for each in open_now if each.is_only]
    return bool(only) and not any(_names(each, kind, contact) for each in only)


def _names(request: ConfidentialRequest, kind: str, contact: ContactPoint | None) -> bool:
    if request.kind != kind:
        return False
    if request.contact is None:
        return True
    return contact is not None and request.contact.value_index == contact.value_index


def open_requests(*, patient_ids: Iterable[UUID]) -> dict[UUID, list[ConfidentialRequest]]:
    """Return the requests in force by patient, oldest first, in one query."""
    rows = ConfidentialRequest.objects.filter(patient_id__in=set(patient_ids), ended_at=None)
    found: dict[UUID, list[ConfidentialRequest]] = defaultdict(list)
    for row in rows.select_related("contact").order_by("recorded_at", "id"):
        found[row.patient_id].append(row)
    return found


def is_forbidden(*, contact: ContactPoint) -> bool:
    """Return whether its patient asked us not to use an address, in one query."""
    return not allowed_among([contact])


def allowed_among(addresses: Sequence[ContactPoint]) -> list[ContactPoint]:
    """Return those of some addresses, of any patients, that each patient lets us use; one query."""
    asked = open_requests(patient_ids={each.patient_id for each in addresses})
    return [
        each
        for each in addresses
        if not forbidden(requests=asked.get(each.patient_id, ()), kind=each.kind, contact=each)
    ]


@transaction.atomic
def record_request(
    *,
    patient_id: UUID,
    kind: str,
    actor: str,
    contact_id: UUID | None = None,
    is_only: bool = False,
) -> ConfidentialRequest:
    """Record that a patient wants nothing but, or never, an address or a kind of address.

    The same again is the same row. The patient's addresses are held, as for a STOP: a claim that
    has begun is waited for, and none that begins afterwards writes where it must not. Raises
    Refused naming the field for an unknown kind, or an address that is not the patient's.
    """
    if kind not in ContactKind.values:
        raise Refused(_("Choose a kind of address from the list."), field="kind")
    contact = _held(patient_id=patient_id, contact_id=contact_id)
    if contact is not None and contact.kind != kind:
        raise Refused(_("This address is of another kind."), field="contact")
    same = ConfidentialRequest.objects.filter(patient_id=patient_id, kind=kind, ended_at=None)
    known = same.filter(contact=contact, is_only=is_only).first()
    if known is not None:
        return known
    made = ConfidentialRequest.objects.create(
        patient_id=patient_id,
        kind=kind,
        contact=contact,
        is_only=is_only,
        recorded_at=clock.now(),
        recorded_by=actor,
    )
    _audit(made, actor=actor, change="only_this" if is_only else "never_this")
    return made


def _held(*, patient_id: UUID, contact_id: UUID | None) -> ContactPoint | None:
    """Hold all addresses of a patient; return the one that is meant."""
    if contact_id is not None:
        try:
            return locked(patient_id=patient_id, contact_id=contact_id)
        except ContactPoint.DoesNotExist:
            message = _("This is not an address of this patient in use.")
            raise Refused(message, field="contact") from None
    mine = ContactPoint.objects.filter(patient_id=patient_id).exclude(status__in=GONE)
    list(mine.select_for_update(no_key=True).order_by("id"))
    return None


@transaction.atomic
def end_request(
    *, request_id: UUID, actor: str, patient_id: UUID | None = None
) -> ConfidentialRequest:
    """End a request because its patient said so; twice changes nothing.

    Raises DoesNotExist for an unknown id and, if `patient_id` is given, for any other patient's.
    """
    rows = ConfidentialRequest.objects.select_for_update(of=("self",))
    row = rows.get(pk=request_id, **({"patient_id": patient_id} if patient_id else {}))
    if row.ended_at is None:
        row.ended_at, row.ended_by = clock.now(), actor
        row.save(update_fields=["ended_at", "ended_by"])
        _audit(row, actor=actor, change="request_ended")
    return row


def _audit(row: ConfidentialRequest, *, actor: str, change: str) -> None:
    audit.record(
        action=AuditAction.CONTACT,
        actor=actor,
        patient_id=row.patient_id,
        obj=row,
        change=change,
        kind=row.kind,
        contact=str(row.contact_id) if row.contact_id else None,
    )

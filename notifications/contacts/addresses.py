"""Addresses: keeping, finding and removing them, and what becomes of them."""

from uuid import UUID

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from notifications import audit, clock
from notifications.crypto import blind_index
from notifications.enums import AuditAction, ContactKind, ContactStatus, ReplyMeaning
from notifications.models import ContactPoint, InboundText
from notifications.types import Refused

STOPPED, STARTED = "stop", "start"  # why an address is in a status, and whence its consent
GONE = (ContactStatus.REPLACED, ContactStatus.REMOVED)


def normalise(*, kind: str, value: str, region: str = "US") -> str:
    """Return an address in its one form: lower-case e-mail, E.164 number. Raises Refused."""
    value = value.strip()
    if kind == ContactKind.EMAIL:
        return _email(value)
    return _phone(value, region) if kind == ContactKind.PHONE else value


def _email(value: str) -> str:
    try:
        validate_email(value)
    except ValidationError:
        message = _("This is not an email address. Write it like ana@example.com.")
        raise Refused(message, field="email") from None
    return value.lower()


def _phone(value: str, region: str) -> str:
    refusal = Refused(_("This is not a phone number. Write it like 212 555 0142."), field="phone")
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        raise refusal from None
    if not phonenumbers.is_possible_number(number):
        raise refusal
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@transaction.atomic
def add(
    *, patient_id: UUID, kind: str, value: str, actor: str, relation: str = "", label: str = ""
) -> ContactPoint:
    """Keep an address for a patient, unverified. The same address again is the same row.

    A number that said STOP has said it for whoever it is added for. Raises Refused when the value
    cannot be an address.
    """
    address = normalise(kind=kind, value=value)
    index = blind_index(kind=kind, value=address)
    same = ContactPoint.objects.filter(patient_id=patient_id, kind=kind, value_index=index)
    known = same.exclude(status__in=GONE).first()
    if known is not None:
        return known
    is_stopped = kind == ContactKind.PHONE and has_stopped(index=index)
    contact = ContactPoint(
        patient_id=patient_id,
        kind=kind,
        value={"address": address},
        value_index=index,
        relation=relation,
        label=label,
        status=ContactStatus.OPTED_OUT if is_stopped else ContactStatus.ACTIVE,
        status_reason=STOPPED if is_stopped else "",
        created_at=clock.now(),
        status_at=clock.now(),
    )
    ContactPoint.objects.bulk_create([contact], ignore_conflicts=True)
    kept = same.exclude(status__in=GONE).get()  # another's, where two came at once
    if kept == contact:
        audit_change(contact, actor=actor, change="added")
    return kept


def find(*, kind: str, value: str) -> QuerySet[ContactPoint]:
    """Return the contact points with exactly this address, of whichever patient. Raises Refused."""
    index = blind_index(kind=kind, value=normalise(kind=kind, value=value))
    return ContactPoint.objects.filter(kind=kind, value_index=index)


def has_stopped(*, index: str) -> bool:
    """Return whether the number with this blind index said STOP, and no START since.

    Asked of the texts themselves too: whoever removes a number and adds it again, or adds one that
    was nobody's when it said STOP, has not taken the STOP back.
    """
    phones = ContactPoint.objects.filter(kind=ContactKind.PHONE, value_index=index)
    if phones.filter(status=ContactStatus.OPTED_OUT).exists():
        return True
    said = InboundText.objects.filter(
        number_index=index, meaning__in=[ReplyMeaning.STOP, ReplyMeaning.START]
    )
    last = said.order_by("-received_at", "-pk").values_list("meaning", flat=True).first()
    return last == ReplyMeaning.STOP


def of_patient(*, patient_id: UUID) -> list[ContactPoint]:
    """Return a patient's addresses, newest first; replaced and removed ones left out."""
    rows = ContactPoint.objects.filter(patient_id=patient_id).exclude(status__in=GONE)
    return list(rows.order_by("-created_at", "-id"))


def ever_of_patient(*, patient_id: UUID) -> list[ContactPoint]:
    """Return all addresses a patient ever had here, also those no longer used: for a history."""
    return list(ContactPoint.objects.filter(patient_id=patient_id))


def masked(contact: ContactPoint) -> str:
    """Return an address its owner recognises and a stranger cannot use."""
    if contact.kind == ContactKind.PUSH:
        return contact.label or str(contact.get_kind_display())
    address = contact.value["address"]
    if contact.kind == ContactKind.PHONE:
        return f"***-{address[-4:]}"
    name, at, domain = address.partition("@")
    return f"{name[:1]}***{at}{domain}"


# -- what becomes of an address -----------------------------------------------------------------


@transaction.atomic
def remove(*, patient_id: UUID, contact_id: UUID, actor: str) -> None:
    """Stop using an address. Raises ContactPoint.DoesNotExist when it is not this patient's."""
    contact = locked(patient_id=patient_id, contact_id=contact_id)
    set_status(contact=contact, status=ContactStatus.REMOVED, reason="by_request", actor=actor)


def set_status(
    *, contact: ContactPoint, status: ContactStatus, reason: str, actor: str
) -> ContactPoint:
    """Move an address to a status with a code that says why; inside the caller's transaction."""
    contact.status, contact.status_reason, contact.status_at = status, reason, clock.now()
    contact.save(update_fields=["status", "status_reason", "status_at"])
    audit_change(contact, actor=actor, change=str(status), reason=reason)
    return contact


def locked(*, patient_id: UUID, contact_id: UUID) -> ContactPoint:
    """Return an address in use. All of the patient's are held, oldest first, as a claim does."""
    mine = ContactPoint.objects.filter(patient_id=patient_id).select_for_update(no_key=True)
    for contact in mine.order_by("id"):
        if contact.pk == contact_id and contact.status not in GONE:
            return contact
    raise ContactPoint.DoesNotExist("no such address")


def audit_change(contact: ContactPoint, *, actor: str, **details: str) -> None:
    audit.record(
        action=AuditAction.CONTACT,
        actor=actor,
        patient_id=contact.patient_id,
        obj=contact,
        **details,
    )

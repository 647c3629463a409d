"""Addresses: adding, verifying by code, and what becomes of them.

A new address takes the place of the old one only when it is verified. Nothing but its own code
is sent to an unverified number.
"""

import hmac
import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

import phonenumbers
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from notifications import audit, clock, rendering
from notifications.channels.base import channel_of
from notifications.crypto import blind_index, new_id
from notifications.enums import AuditAction, ContactKind, ContactStatus, Level
from notifications.models import ContactPoint, ContactVerification
from notifications.types import ChannelError, Envelope, Refused

CODE_LIVES = timedelta(minutes=15)
RESEND_AFTER = timedelta(seconds=30)
TRIES = 5
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

    Raises Refused when the value cannot be one.
    """
    address = normalise(kind=kind, value=value)
    index = blind_index(kind=kind, value=address)
    same = ContactPoint.objects.filter(patient_id=patient_id, kind=kind, value_index=index)
    known = same.exclude(status__in=GONE).first()
    if known is not None:
        return known
    contact = ContactPoint.objects.create(
        patient_id=patient_id,
        kind=kind,
        value={"address": address},
        value_index=index,
        relation=relation,
        label=label,
        created_at=clock.now(),
        status_at=clock.now(),
    )
    _audit(contact, actor=actor, change="added")
    return contact


def find(*, kind: str, value: str) -> QuerySet[ContactPoint]:
    """Return the contact points with exactly this address, of whichever patient. Raises Refused."""
    index = blind_index(kind=kind, value=normalise(kind=kind, value=value))
    return ContactPoint.objects.filter(kind=kind, value_index=index)


def of_patient(*, patient_id: UUID) -> list[ContactPoint]:
    """Return a patient's addresses, newest first; replaced and removed ones left out."""
    rows = ContactPoint.objects.filter(patient_id=patient_id).exclude(status__in=GONE)
    return list(rows.order_by("-created_at"))


def masked(contact: ContactPoint) -> str:
    """Return an address its owner recognises and a stranger cannot use."""
    address = contact.value["address"]
    if contact.kind == ContactKind.PHONE:
        return f"***-{address[-4:]}"
    name, at, domain = address.partition("@")
    return f"{name[:1]}***{at}{domain}" if at else contact.label or str(contact.get_kind_display())


# -- verification -------------------------------------------------------------------------------


def send_code(*, patient_id: UUID, contact_id: UUID, actor: str) -> datetime:
    """Send a fresh 6-digit code to an address and return when the next may be asked for.

    Raises Refused while it is too early, and when the code could not be sent.
    """
    code = f"{secrets.randbelow(10**6):06d}"
    contact = _start_verification(patient_id=patient_id, contact_id=contact_id, code=code)
    try:
        _hand_over(contact, code)
    except ChannelError as error:
        ContactVerification.objects.filter(contact=contact).delete()
        message = _("We could not send the code to this address. Check it and try again.")
        raise Refused(message, field="code") from error
    _audit(contact, actor=actor, change="code_sent")
    return clock.now() + RESEND_AFTER


@transaction.atomic
def _start_verification(*, patient_id: UUID, contact_id: UUID, code: str) -> ContactPoint:
    contact = _locked(patient_id=patient_id, contact_id=contact_id)
    now = clock.now()
    before = ContactVerification.objects.filter(contact=contact).first()
    if before is not None and now < before.sent_at + RESEND_AFTER:
        wait = int((before.sent_at + RESEND_AFTER - now).total_seconds()) + 1
        message = _("A code is on its way. Ask for another in %(wait)s seconds.") % {"wait": wait}
        raise Refused(message, field="code")
    if _is_locked_out(before):
        raise Refused(_too_many_tries(before), field="code")
    ContactVerification.objects.update_or_create(
        contact=contact,
        defaults={
            "code_hash": _code_hash(contact, code),
            "sent_at": now,
            "expires_at": now + CODE_LIVES,
            "tries": 0,
        },
    )
    return contact


def _hand_over(contact: ContactPoint, code: str) -> None:
    profile = import_string(settings.NOTIFICATIONS_PROFILES)([contact.patient_id])[
        contact.patient_id
    ]
    channel = channel_of(contact.kind)
    envelope = Envelope(
        delivery_id=new_id(),
        to=contact.value,
        level=Level.L0,
        language=profile.language,
        sender=profile.public_name,
        expires_at=clock.now() + CODE_LIVES,
    )
    content = rendering.render_code(parts=channel.parts, code=code, profile=profile)
    channel.send(envelope=envelope, content=content)


def verify(*, patient_id: UUID, contact_id: UUID, code: str, actor: str) -> ContactPoint:
    """Accept an address by the code sent to it. Raises Refused: wrong, too late, or locked."""
    with transaction.atomic():
        contact = _locked(patient_id=patient_id, contact_id=contact_id)
        refusal = _check_code(contact, "".join(code.split()))
        if refusal is None:
            _accept(contact, actor=actor)
    if refusal is not None:  # outside, so that the try stays counted
        raise Refused(refusal, field="code")
    return contact


def _check_code(contact: ContactPoint, code: str) -> str | None:
    open_code = ContactVerification.objects.filter(contact=contact).first()
    if open_code is None or (clock.now() >= open_code.expires_at and open_code.tries < TRIES):
        return _("This code is too old. Ask for a new one.")
    if _is_locked_out(open_code):
        return _too_many_tries(open_code)
    if hmac.compare_digest(open_code.code_hash, _code_hash(contact, code)):
        open_code.delete()
        return None
    open_code.tries += 1
    if open_code.tries >= TRIES:
        open_code.expires_at = clock.now() + CODE_LIVES
    open_code.save()
    if open_code.tries >= TRIES:
        return _too_many_tries(open_code)
    return _("This is not the code we sent. You can try %(left)s more times.") % {
        "left": TRIES - open_code.tries
    }


def _is_locked_out(open_code: ContactVerification | None) -> bool:
    return open_code is not None and open_code.tries >= TRIES and clock.now() < open_code.expires_at


def _too_many_tries(open_code: ContactVerification) -> str:
    at = rendering.short_time(open_code.expires_at)
    return _("Too many wrong codes. Ask for a new one after %(time)s.") % {"time": at}


def _code_hash(contact: ContactPoint, code: str) -> str:
    key = settings.SECRET_KEY.encode()
    return hmac.new(key, f"contact-code:{contact.pk}:{code}".encode(), sha256).hexdigest()


@transaction.atomic
def mark_verified(*, contact_id: UUID, actor: str) -> ContactPoint:
    """Accept an address without a code: seen in person by staff, or vouched for by a file."""
    contact = ContactPoint.objects.select_for_update().get(pk=contact_id)
    _accept(contact, actor=actor)
    return contact


def _accept(contact: ContactPoint, *, actor: str) -> None:
    contact.verified_at, contact.verified_by = clock.now(), actor
    if contact.status == ContactStatus.NEEDS_UPDATE:
        contact.status, contact.status_reason = ContactStatus.ACTIVE, ""
    contact.save()
    _replace_older(contact)
    _audit(contact, actor=actor, change="verified")


def _replace_older(contact: ContactPoint) -> None:
    """The address just verified takes over from others of its kind and relation."""
    if contact.kind == ContactKind.PUSH:
        return
    older = ContactPoint.objects.filter(
        patient_id=contact.patient_id, kind=contact.kind, relation=contact.relation
    ).exclude(pk=contact.pk)
    older.filter(status__in=[ContactStatus.ACTIVE, ContactStatus.NEEDS_UPDATE]).update(
        status=ContactStatus.REPLACED, status_at=clock.now()
    )


# -- what becomes of an address -----------------------------------------------------------------


@transaction.atomic
def remove(*, patient_id: UUID, contact_id: UUID, actor: str) -> None:
    """Stop using an address. Raises ContactPoint.DoesNotExist when it is not this patient's."""
    contact = _locked(patient_id=patient_id, contact_id=contact_id)
    set_status(contact=contact, status=ContactStatus.REMOVED, reason="by_request", actor=actor)


def set_status(
    *, contact: ContactPoint, status: ContactStatus, reason: str, actor: str
) -> ContactPoint:
    """Move an address to a status with a code that says why; inside the caller's transaction."""
    contact.status, contact.status_reason, contact.status_at = status, reason, clock.now()
    contact.save(update_fields=["status", "status_reason", "status_at"])
    _audit(contact, actor=actor, change=str(status), reason=reason)
    return contact


def _locked(*, patient_id: UUID, contact_id: UUID) -> ContactPoint:
    mine = ContactPoint.objects.select_for_update().exclude(status__in=GONE)
    return mine.get(patient_id=patient_id, pk=contact_id)


def _audit(contact: ContactPoint, *, actor: str, **details: str) -> None:
    audit.record(
        action=AuditAction.CONTACT,
        actor=actor,
        patient_id=contact.patient_id,
        obj=contact,
        **details,
    )

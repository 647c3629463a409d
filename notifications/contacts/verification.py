"""Whether an address is the patient's: a code sent to it, or seen in person.

Nothing but its own code is sent to an unverified number.
"""

import hmac
import logging
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from notifications import clock, rendering, switches
from notifications.channels.base import channel_of
from notifications.contacts.addresses import (
    STOPPED,
    audit_change,
    has_stopped,
    locked,
    set_status,
)
from notifications.contacts.confidential import is_forbidden
from notifications.contacts.notices import hand_over, profile_of, tell_replaced
from notifications.enums import ContactKind, ContactStatus
from notifications.models import ContactPoint, ContactVerification
from notifications.types import AnswerLost, ChannelError, Refused

logger = logging.getLogger(__name__)

CODE_LIVES = timedelta(minutes=15)
RESEND_AFTER = timedelta(seconds=30)
TRIES = 5
CODE = re.compile(r"[0-9]{6}")
GAPS = re.compile(r"[\s\u2010-\u2015-]+")  # as codes are written and pasted: 123 456, 123-456


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How it stands with a code that was sent: another may be asked for at `again_at` (aware).

    While `is_locked` no code is taken, also not the right one.
    """

    again_at: datetime
    is_locked: bool


def send_code(*, patient_id: UUID, contact_id: UUID, actor: str) -> datetime:
    """Send a fresh 6-digit code to an address and return when the next may be asked for.

    Raises Refused while it is too early or everything is held, when the number said STOP, when the
    patient died or left or asked us not to use the address, and when the code could not be sent.
    One whose answer was lost may have arrived, so it counts.
    """
    if switches.read().is_held:
        message = _("We cannot send codes at the moment. Please try again later.")
        raise Refused(message, field="code")
    if profile_of(patient_id).is_departed:
        raise Refused(_("Nothing is sent to this address any more."), field="code")
    code = f"{secrets.randbelow(10**6):06d}"
    contact = _start_verification(patient_id=patient_id, contact_id=contact_id, code=code)
    try:
        _hand_over(contact, code)
    except AnswerLost:
        logger.warning("whether a code reached contact %s is not known", contact.pk)
    except ChannelError as error:
        ContactVerification.objects.filter(contact=contact).delete()
        message = _("We could not send the code to this address. Check it and try again.")
        raise Refused(message, field="code") from error
    audit_change(contact, actor=actor, change="code_sent")
    return clock.now() + RESEND_AFTER


@transaction.atomic
def _start_verification(*, patient_id: UUID, contact_id: UUID, code: str) -> ContactPoint:
    contact = locked(patient_id=patient_id, contact_id=contact_id)
    if contact.kind == ContactKind.PUSH:
        raise Refused(_("A device needs no code."), field="code")
    if contact.status == ContactStatus.OPTED_OUT:
        message = _("This number replied STOP, so we send it no texts, codes neither.")
        raise Refused(message, field="code")
    if is_forbidden(contact=contact):
        message = _("You asked us not to use this address, so we send it no code. Please call us.")
        raise Refused(message, field="code")
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
            # A new code does not buy new tries: all codes together are guessed at 5 times.
            "tries": before.tries if before and now < before.expires_at else 0,
        },
    )
    return contact


def _hand_over(contact: ContactPoint, code: str) -> None:
    profile = profile_of(contact.patient_id)
    channel = channel_of(contact.kind)
    content = rendering.render_code(parts=channel.parts, code=code, profile=profile)
    hand_over(contact=contact, channel=channel, content=content, profile=profile, lasts=CODE_LIVES)


def asked_for(*, contact: ContactPoint) -> Asked | None:
    """Return how it stands with an address's code, None where none is open. One query."""
    row = ContactVerification.objects.filter(contact=contact).first()
    if row is None or clock.now() >= row.expires_at:
        return None
    is_locked = _is_locked_out(row)
    again_at = row.expires_at if is_locked else row.sent_at + RESEND_AFTER
    return Asked(again_at=again_at, is_locked=is_locked)


def verify(*, patient_id: UUID, contact_id: UUID, code: str, actor: str) -> ContactPoint:
    """Accept an address by the code sent to it; the one whose place it takes hears of it.

    Raises Refused: wrong, too late, or locked.
    """
    with transaction.atomic():
        contact = locked(patient_id=patient_id, contact_id=contact_id)
        refusal = _check_code(contact, GAPS.sub("", code))
        replaced = [] if refusal else _accept(contact, actor=actor)
    if refusal is not None:  # outside, so that the try stays counted
        raise Refused(refusal, field="code")
    for each in replaced:  # outside as well: a carrier is called
        tell_replaced(contact=each, actor=actor)
    return contact


def _check_code(contact: ContactPoint, code: str) -> str | None:
    open_code = ContactVerification.objects.filter(contact=contact).first()
    if open_code is None or clock.now() >= open_code.expires_at:
        return _("This code is too old. Ask for a new one.")
    if _is_locked_out(open_code):
        return _too_many_tries(open_code)
    if not CODE.fullmatch(code):  # a slip of the fingers is no guess
        return _("A code has 6 digits. Look at it once more.")
    if hmac.compare_digest(open_code.code_hash, _code_hash(contact, code)):
        open_code.delete()
        return None
    open_code.tries += 1
    if open_code.tries >= TRIES:
        open_code.expires_at = clock.now() + CODE_LIVES
    open_code.save()
    if open_code.tries >= TRIES:
        return _too_many_tries(open_code)
    left = TRIES - open_code.tries
    return ngettext(
        "This is not the code we sent. You can try %(left)s more time.",
        "This is not the code we sent. You can try %(left)s more times.",
        left,
    ) % {"left": left}


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
    patient_id = ContactPoint.objects.values_list("patient_id", flat=True).get(pk=contact_id)
    contact = locked(patient_id=patient_id, contact_id=contact_id)
    _accept(contact, actor=actor)
    return contact


def _accept(contact: ContactPoint, *, actor: str) -> list[ContactPoint]:
    """Take an address into use; return those that were in use until now."""
    contact.verified_at, contact.verified_by = clock.now(), actor
    if contact.status == ContactStatus.NEEDS_UPDATE:
        contact.status, contact.status_reason = ContactStatus.ACTIVE, ""
        contact.status_at = clock.now()
    contact.save()
    audit_change(contact, actor=actor, change="verified")
    _heed_stop(contact, actor=actor)
    return _replace_others(contact, actor=actor)


def _heed_stop(contact: ContactPoint, *, actor: str) -> None:
    """A STOP that came while the number was being added is heard before the first text."""
    is_open = contact.kind == ContactKind.PHONE and contact.status == ContactStatus.ACTIVE
    if is_open and has_stopped(index=contact.value_index):
        set_status(contact=contact, status=ContactStatus.OPTED_OUT, reason=STOPPED, actor=actor)


def _replace_others(contact: ContactPoint, *, actor: str) -> list[ContactPoint]:
    """The address just verified takes over from those of its kind and relation.

    One added later that still waits for its code stays. Returns those that worked until now.
    """
    if contact.kind == ContactKind.PUSH:
        return []
    others = ContactPoint.objects.filter(
        Q(verified_at__isnull=False) | Q(pk__lt=contact.pk),
        patient_id=contact.patient_id,
        kind=contact.kind,
        relation=contact.relation,
        status__in=[ContactStatus.ACTIVE, ContactStatus.NEEDS_UPDATE],
    ).exclude(pk=contact.pk)
    replaced = list(others.order_by("id"))
    worked = [each for each in replaced if each.verified_at and each.status == ContactStatus.ACTIVE]
    for other in replaced:
        set_status(contact=other, status=ContactStatus.REPLACED, reason="replaced", actor=actor)
    return worked

"""A test of one device: the sentence every push shows, sent to that device alone.

It is no message: the inbox, its badge and the other devices hear nothing of it.
"""

import logging
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from notifications import clock, rendering, switches
from notifications.channels.push import Push
from notifications.contacts.addresses import audit_change, locked, set_status
from notifications.contacts.confidential import is_forbidden
from notifications.contacts.notices import hand_over, profile_of
from notifications.enums import ContactEffect, ContactKind, ContactStatus, ErrorKind
from notifications.models import AuditEvent, ContactPoint
from notifications.types import AnswerLost, ChannelError, Refused

logger = logging.getLogger(__name__)

AGAIN_AFTER = timedelta(minutes=1)
LASTS = timedelta(minutes=5)  # a device that is off then need not ring tomorrow


def send_test(*, patient_id: UUID, contact_id: UUID, actor: str) -> None:
    """Let one device show the neutral sentence, once a minute at most; audited.

    Raises ContactPoint.DoesNotExist for what is no device of the patient's, and Refused in words:
    too soon, pushes held or off, not wanted there, or the push service said no. A device its
    service no longer knows is removed. An answer that was lost counts as sent.
    """
    channel, profile = Push(), profile_of(patient_id)
    if profile.is_departed or not channel.is_configured() or _is_shut(channel):
        raise Refused(_("We cannot send anything there at the moment. Please try again later."))
    device = _begin(patient_id=patient_id, contact_id=contact_id, actor=actor)
    content = rendering.render_notice("_default", parts=channel.parts, profile=profile)
    try:
        hand_over(contact=device, channel=channel, content=content, profile=profile, lasts=LASTS)
    except AnswerLost:
        logger.warning("whether a test reached device %s is not known", device.pk)
    except ChannelError as error:
        raise Refused(_refusal(device, error, actor=actor)) from error


def _is_shut(channel: Push) -> bool:
    now = switches.read()
    return now.is_held or now.paused_since(channel.key) is not None


@transaction.atomic
def _begin(*, patient_id: UUID, contact_id: UUID, actor: str) -> ContactPoint:
    """Take the minute's one test; the trail is where the last one is written."""
    device = locked(patient_id=patient_id, contact_id=contact_id)
    if device.kind != ContactKind.PUSH:
        raise ContactPoint.DoesNotExist("no such device")
    if is_forbidden(contact=device):
        raise Refused(_("You asked us not to use this device, so we send it no test."))
    since = clock.real_now() - AGAIN_AFTER
    tests = AuditEvent.objects.filter(patient_id=patient_id, at__gt=since)
    if tests.filter(object_id=str(device.pk), details__change="tested").exists():
        raise Refused(_("A test was just sent. You can send another in a minute."))
    audit_change(device, actor=actor, change="tested")
    return device


def _refusal(device: ContactPoint, error: ChannelError, *, actor: str) -> str:
    """Return what its owner reads, after a device that is gone was removed."""
    if error.contact == ContactEffect.REMOVED:
        _remove(device, code=error.code, actor=actor)
        return _("This device no longer takes our notifications. Turn them on there once more.")
    if error.kind == ErrorKind.CONFIGURATION:
        logger.error("a test could not be sent to device %s: %s", device.pk, error.code)
    return _("The test could not be sent. Please try again later.")


@transaction.atomic
def _remove(device: ContactPoint, *, code: str, actor: str) -> None:
    with suppress(ContactPoint.DoesNotExist):  # its owner was quicker
        held = locked(patient_id=device.patient_id, contact_id=device.pk)
        set_status(contact=held, status=ContactStatus.REMOVED, reason=code[:64], actor=actor)

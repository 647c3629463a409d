"""What goes straight to an address, with no message of the inbox behind it: a code, or a notice.

It goes while somebody waits for the answer, outside any transaction, and is not tried again:
whoever asked sees what became of it, and can ask once more.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from notifications import clock, consent, rendering, switches
from notifications.channels.base import Channel, channel_of
from notifications.contacts.addresses import audit_change
from notifications.contacts.confidential import is_forbidden
from notifications.crypto import new_id
from notifications.enums import ContactKind, Level
from notifications.models import ContactPoint
from notifications.types import AnswerLost, ChannelError, Envelope, PatientProfile

logger = logging.getLogger(__name__)

NOTICE_LIVES = timedelta(days=1)


def profile_of(patient_id: UUID) -> PatientProfile:
    return import_string(settings.NOTIFICATIONS_PROFILES)([patient_id])[patient_id]


def hand_over(
    *,
    contact: ContactPoint,
    channel: Channel,
    content: Mapping[str, str],
    profile: PatientProfile,
    lasts: timedelta,
) -> None:
    """Give rendered words to a channel's carrier, at L0. Raises ChannelError, AnswerLost."""
    envelope = Envelope(
        delivery_id=new_id(),
        to=contact.value,
        level=Level.L0,
        language=profile.language,
        sender=profile.public_name,
        expires_at=clock.now() + lasts,
    )
    channel.send(envelope=envelope, content=channel.prepare(content))


def tell_replaced(*, contact: ContactPoint, actor: str) -> None:
    """Tell an address that another took its place: nobody leads messages away unnoticed.

    Only where messages went until now: not where we were asked to write nothing, and to a number
    only if it agreed to texts. A carrier that says no changes nothing: the new address stands.
    """
    profile = profile_of(contact.patient_id)
    if not _may_be_told(contact, profile):
        return
    channel = channel_of(contact.kind)
    content = rendering.render_notice("_replaced", parts=channel.parts, profile=profile)
    try:
        hand_over(
            contact=contact, channel=channel, content=content, profile=profile, lasts=NOTICE_LIVES
        )
    except AnswerLost:
        logger.warning("whether contact %s heard that it was replaced is not known", contact.pk)
    except ChannelError as error:
        logger.warning("contact %s did not hear that it was replaced: %s", contact.pk, error.code)
        return
    audit_change(contact, actor=actor, change="told_replaced")


def _may_be_told(contact: ContactPoint, profile: PatientProfile) -> bool:
    if profile.is_departed or switches.read().is_held or is_forbidden(contact=contact):
        return False
    return contact.kind != ContactKind.PHONE or consent.is_granted(contact=contact)

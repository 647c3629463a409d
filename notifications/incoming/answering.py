"""What we write back: one text of one segment, in the language of whoever reads it."""

from collections.abc import Sequence
from dataclasses import replace

from django.conf import settings

from notifications import clock, consent, policy, rendering
from notifications.channels.base import Channel
from notifications.enums import ContactStatus, Level, PatientNotificationChannel
from notifications.facts import payload_in, profiles_for
from notifications.models import ContactPoint, Delivery
from notifications.types import PatientProfile

THANKS = "sms_confirmed.txt"


def say(name: str, *, channel: str, addresses: Sequence[ContactPoint]) -> str:
    """Return one of our answers for these addresses; empty for a number that is nobody's."""
    profile = _profile_at(addresses)
    if profile is None:
        return ""
    return _prepared(rendering.render_reply(name=name, profile=profile), channel=_channel(channel))


def thank(question: Delivery) -> str:
    """Return the thanks for a yes, with the day and the time where those may be said."""
    profile = profiles_for([question.notification.patient_id])[question.notification.patient_id]
    channel = _channel(question.channel)
    for level in (_level(question, profile=profile, channel=channel), Level.L0):
        said = rendering.render(
            payload=payload_in(question.notification),
            parts=(THANKS,),
            level=level,
            profile=profile,
            links={},
        )
        words = _prepared(said[THANKS], channel=channel)
        if _fits(words, channel=channel):
            break
    return words


def _level(question: Delivery, *, profile: PatientProfile, channel: Channel) -> Level:
    """Return how much may be said to the address now, and never more than the question said."""
    contact = question.contact
    facts = policy.Facts(
        now=clock.now(),
        ceiling=channel.ceiling,
        has_agreement=channel.has_agreement(),
        l0_only=profile.l0_only,
        is_verified=contact.verified_at is not None,
        has_consent=contact.status == ContactStatus.ACTIVE and consent.is_granted(contact=contact),
    )
    return min(Level(question.level), policy.allowed_level(facts))


def _profile_at(addresses: Sequence[ContactPoint]) -> PatientProfile | None:
    """Return how to address a number: as its patients, in our own language where theirs differ."""
    profiles = profiles_for([row.patient_id for row in addresses])
    found = [profiles[row.patient_id] for row in addresses if row.patient_id in profiles]
    if not found:
        return None
    if len({profile.language for profile in found}) == 1:
        return found[0]
    return replace(found[0], language=settings.LANGUAGE_CODE)


def _channel(key: str) -> Channel:
    return PatientNotificationChannel.known(key)()


def _prepared(words: str, *, channel: Channel) -> str:
    part = channel.parts[0]
    return channel.prepare({part: words})[part]


def _fits(words: str, *, channel: Channel) -> bool:
    return channel.fits({channel.parts[0]: words})

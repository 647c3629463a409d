"""What we write back: one text of one segment, in the language of whoever reads it."""

from collections.abc import Sequence

from django.template import TemplateDoesNotExist

from notifications import clock, consent, policy, rendering
from notifications.channels.base import Channel
from notifications.enums import ContactStatus, Level, PatientNotificationChannel
from notifications.facts import payload_in, profiles_for
from notifications.households import common_profile
from notifications.models import ContactPoint, Delivery
from notifications.types import NotificationPayload, PatientProfile

THANKS = "sms_confirmed.txt"


def say(name: str, *, channel: str, addresses: Sequence[ContactPoint]) -> str:
    """Return one of our answers for these addresses; empty for a number that is nobody's."""
    profile = _profile_at(addresses)
    if profile is None:
        return ""
    return _prepared(rendering.render_reply(name=name, profile=profile), channel=_channel(channel))


def thank(answered: Sequence[Delivery]) -> str:
    """Return the thanks for a yes, with the days and times where those may be said.

    `answered` are the texts that asked, in the order of the visits.
    """
    payloads, profile = _about(answered)
    channel, level = _channel(answered[0].channel), _lowest_level(answered, profile=profile)
    words = _of_group("together", THANKS, payloads, level=level, profile=profile, channel=channel)
    if len(answered) == 1:
        words = _of_one(payloads[0], level=level, profile=profile, channel=channel)
    if words and _fits(words, channel=channel):
        return words
    return _of_one(payloads[0], level=Level.L0, profile=profile, channel=channel)


def ask_which(asked: Sequence[Delivery]) -> str:
    """Return the question which of several visits was meant, with a letter for each.

    Empty where their times may not be said, or are too many for one text.
    """
    payloads, profile = _about(asked)
    channel, level = _channel(asked[0].channel), _lowest_level(asked, profile=profile)
    part = channel.parts[0]
    words = _of_group("which", part, payloads, level=level, profile=profile, channel=channel)
    return words if words and _fits(words, channel=channel) else ""


def _about(rows: Sequence[Delivery]) -> tuple[list[NotificationPayload], PatientProfile]:
    profiles = profiles_for([row.notification.patient_id for row in rows])
    return [payload_in(row.notification) for row in rows], common_profile(profiles.values())


def _of_one(
    payload: NotificationPayload, *, level: Level, profile: PatientProfile, channel: Channel
) -> str:
    said = rendering.render(
        payload=payload, parts=(THANKS,), level=level, profile=profile, links={}
    )
    return _prepared(said[THANKS], channel=channel)


def _of_group(
    name: str,
    part: str,
    payloads: Sequence[NotificationPayload],
    *,
    level: Level,
    profile: PatientProfile,
    channel: Channel,
) -> str:
    """Return words about several visits; empty where their type has none, or level L0."""
    is_one_type = len({payload.type_key for payload in payloads}) == 1
    if level == Level.L0 or not is_one_type:
        return ""
    try:
        said = rendering.render_group(
            name, payloads=payloads, part=part, level=level, profile=profile
        )
    except TemplateDoesNotExist:
        return ""
    return _prepared(said, channel=channel)


def _lowest_level(rows: Sequence[Delivery], *, profile: PatientProfile) -> Level:
    channel = _channel(rows[0].channel)
    return min(_level(row, profile=profile, channel=channel) for row in rows)


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
    text = question.merged_into or question  # what left, and said how much
    return min(Level(text.level), policy.allowed_level(facts))


def _profile_at(addresses: Sequence[ContactPoint]) -> PatientProfile | None:
    """Return how to address a number: as its patients, in our own language where theirs differ."""
    profiles = profiles_for([row.patient_id for row in addresses])
    return common_profile(
        profiles[row.patient_id] for row in addresses if row.patient_id in profiles
    )


def _channel(key: str) -> Channel:
    return PatientNotificationChannel.known(key)()


def _prepared(words: str, *, channel: Channel) -> str:
    part = channel.parts[0]
    return channel.prepare({part: words})[part]


def _fits(words: str, *, channel: Channel) -> bool:
    return channel.fits({channel.parts[0]: words})

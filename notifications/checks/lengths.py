"""Texts that would be too long: patients would get the neutral sentence in their place (M-03).

Each type's own words are written in every language with names and moments as long as they get.
"""

import dataclasses
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.core.checks import Warning, register
from django.template import TemplateDoesNotExist, TemplateSyntaxError

from notifications.channels.base import Channel
from notifications.enums import (
    ContactKind,
    Level,
    PatientNotificationChannel,
    PatientNotificationType,
)
from notifications.rendering import public_url, render, render_group
from notifications.types import NotificationPayload, PatientProfile

HOUSEHOLDS = (2, 3, 4)  # visits in one text; of more, the neutral sentence may go
LONG_NAME, LONG_NUMBER = "W" * 120, "+1 (555) 555-0100 extension 1234"
# A Wednesday of September, half past twelve in the east: the longest names a calendar has.
LONG_MOMENT = datetime.fromisoformat("2026-09-30T16:30:00+00:00")


@register("notifications")
def check_lengths(**_: Any) -> list[Warning]:
    """Report a type whose words a channel cannot carry as they are. No error: nothing is lost."""
    return [
        Warning(
            f"What channel {channel.key} says of {cls.type_key} in {language} can be too long.",
            hint="Shorten it, or cut its names (|slice), in templates/notifications or the "
            "catalogue. As it is, the neutral sentence goes instead.",
            id="notifications.W023",
        )
        for channel in PatientNotificationChannel.classes()
        if channel.fits is not Channel.fits  # else anything goes
        for cls in PatientNotificationType.classes()
        for language in _too_long(channel(), cls)
    ]


def _too_long(channel: Channel, cls: type[NotificationPayload]) -> Iterator[str]:
    payload = _stretched(cls.example())
    for language, _name in settings.LANGUAGES:
        try:
            contents = list(_contents(channel, payload, _profile(language)))
        except (TemplateDoesNotExist, TemplateSyntaxError):
            continue  # reported elsewhere, or by whoever renders it first
        if any(all(said.values()) and not channel.fits(channel.prepare(said)) for said in contents):
            yield language


def _contents(
    channel: Channel, payload: NotificationPayload, profile: PatientProfile
) -> Iterator[dict[str, str]]:
    """Yield what a channel says of a message, and of those of a household that go as one."""
    level = Level(channel.ceiling)
    links = {"short_url": public_url("/m")}
    yield render(payload=payload, parts=channel.parts, level=level, profile=profile, links=links)
    if channel.contact_kind != ContactKind.PHONE or not payload.together():
        return
    for count in HOUSEHOLDS:
        group = [payload] * count
        yield {
            part: render_group("together", payloads=group, part=part, level=level, profile=profile)
            for part in channel.parts
        }


def _profile(language: str) -> PatientProfile:
    return PatientProfile(
        language=language, practice_name=LONG_NAME, public_name=LONG_NAME, phone=LONG_NUMBER
    )


def _stretched(payload: NotificationPayload) -> NotificationPayload:
    """Return the payload with everything that may be said outside as long as it gets."""
    values = {
        field.name: _stretch(field.name, getattr(payload, field.name))
        for field in dataclasses.fields(payload)
        if field.metadata["level"] == Level.L1
    }
    return dataclasses.replace(payload, **values)


def _stretch(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return LONG_MOMENT
    if isinstance(value, date):
        return LONG_MOMENT.date()
    if isinstance(value, str) and not name.endswith("_zone"):
        return LONG_NUMBER if name.endswith("_phone") else LONG_NAME
    return value

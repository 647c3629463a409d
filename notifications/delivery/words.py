"""What one delivery says, and whom it is for: rendered before the call, in the claim."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from notifications import preferences, privacy, rendering
from notifications.channels.base import Channel
from notifications.enums import (
    ContactKind,
    Level,
    PatientNotificationChannel,
    PatientNotificationPriority,
    PatientNotificationType,
)
from notifications.models import Delivery
from notifications.types import Envelope, NotificationPayload, PatientProfile, payload_of


@dataclass(frozen=True, kw_only=True)
class Text:
    """What a message says at a level. `is_blocked`: it would have said what only the portal may."""

    level: Level
    content: dict[str, str]
    is_blocked: bool = False


@dataclass(frozen=True, kw_only=True)
class Words:
    """A message as it is handed over."""

    envelope: Envelope
    content: dict[str, str]
    is_blocked: bool = False


def compose(
    row: Delivery, *, level: Level, profile: PatientProfile, merged: Sequence[Delivery] = ()
) -> Words:
    """Render a delivery at a level for the address it now has. Raises what a template raises.

    With what is merged into it, its words are those of the whole group.
    """
    notification = row.notification
    payload = payload_of(type_key=notification.type, data=notification.payload)
    channel = PatientNotificationChannel.known(row.channel)
    if merged and channel.contact_kind == ContactKind.PHONE:
        links = links_for(row, payload_class=type(payload), profile=profile)
        text = _of_household([row, *merged], level=level, profile=profile, links=links)
    elif merged:
        links = _links_of_group([row, *merged], profile=profile)
        text = _summary([row, *merged], level=level, profile=profile, links=links)
    else:
        links = links_for(row, payload_class=type(payload), profile=profile)
        text = written(row, payload=payload, level=level, profile=profile, links=links)
    envelope = Envelope(
        delivery_id=row.pk,
        to=row.contact.value,
        level=text.level,
        expires_at=row.expires_at,
        callback_url=rendering.public_url(f"webhooks/{channel.key}/{row.pk}/"),
        language=profile.language,
        priority=PatientNotificationPriority(notification.priority),
        unsubscribe_url=links["unsubscribe_url"],
        sender=profile.public_name,
    )
    return Words(envelope=envelope, content=text.content, is_blocked=text.is_blocked)


def _of_household(
    rows: Sequence[Delivery], *, level: Level, profile: PatientProfile, links: Mapping[str, str]
) -> Text:
    """Return the words of one text for a household's visits, the earliest first.

    Where those do not fit, or would give away what only one of the patients may read, the neutral
    sentence, once. Of more visits than there are letters none may be left out: it is neutral too.
    """
    channel = PatientNotificationChannel.known(rows[0].channel)()
    payloads = [
        payload_of(type_key=row.notification.type, data=row.notification.payload) for row in rows
    ]

    def of(group: Sequence[NotificationPayload]) -> dict[str, str]:
        parts = {"level": level, "profile": profile}
        said = {
            part: rendering.render_group("together", payloads=group, part=part, **parts)
            for part in channel.parts
        }
        return channel.prepare(said)

    is_blocked = False
    if level > Level.L0 and len(rows) <= len(rendering.LETTERS):
        content = of(payloads)
        is_blocked = _is_private(content, payloads, like=of)
        if channel.fits(content) and not is_blocked:
            return Text(level=level, content=content)
    neutral = written(rows[0], payload=payloads[0], level=Level.L0, profile=profile, links=links)
    return replace(neutral, is_blocked=is_blocked)


def _is_private(
    content: Mapping[str, str],
    payloads: Sequence[NotificationPayload],
    *,
    like: Callable[[Sequence[NotificationPayload]], dict[str, str]],
) -> bool:
    """Return whether a household's words give away a private field of any of its patients."""
    usual = [type(each).example() for each in payloads]
    return any(
        privacy.given_away(
            content=content.values(), payload=each, usual=lambda: like(usual).values()
        )
        for each in payloads
    )


def _summary(
    rows: Sequence[Delivery], *, level: Level, profile: PatientProfile, links: Mapping[str, str]
) -> Text:
    """Return the words of one e-mail for several messages: how many, and their constant titles."""
    channel = PatientNotificationChannel.known(rows[0].channel)()
    titles = [row.notification.title for row in rows]
    said = rendering.render_summary(
        parts=channel.parts, titles=titles, level=level, profile=profile, links=links
    )
    return Text(level=level, content=channel.prepare(said))


def _links_of_group(rows: Sequence[Delivery], *, profile: PatientProfile) -> dict[str, str]:
    """Return the full URLs of a summary: to the inbox, the settings, and out of all its types."""
    pages = f"{profile.pages}/notifications"
    types = {row.notification.type: None for row in rows}
    return {
        "view_url": rendering.public_url(f"{pages}/"),
        "settings_url": rendering.public_url(f"{pages}/settings/"),
        "unsubscribe_url": preferences.unsubscribe_url(
            patient_id=rows[0].notification.patient_id,
            payload_classes=[PatientNotificationType.known(key) for key in types],
        ),
    }


def written(
    row: Delivery,
    *,
    payload: NotificationPayload,
    level: Level,
    profile: PatientProfile,
    links: Mapping[str, str],
) -> Text:
    """Return a delivery's words at a level.

    Where those do not fit, or would give away what only the signed-in patient may read, the
    neutral sentence goes instead (H-10).
    """
    channel = PatientNotificationChannel.known(row.channel)()

    def at(level: Level, said: NotificationPayload) -> dict[str, str]:
        parts = {"parts": channel.parts, "level": level, "profile": profile, "links": links}
        words = channel.prepare(rendering.render(payload=said, **parts))
        return words | _calendar(channel, said, level=level, profile=profile)

    content = at(level, payload)
    if level == Level.L0 or channel.contact_kind is None:
        return Text(level=level, content=content)
    is_blocked = privacy.given_away(
        content=content.values(),
        payload=payload,
        usual=lambda: at(level, type(payload).example()).values(),
    )
    if channel.fits(content) and not is_blocked:
        return Text(level=level, content=content)
    return Text(level=Level.L0, content=at(Level.L0, payload), is_blocked=is_blocked)


def _calendar(
    channel: Channel, payload: NotificationPayload, *, level: Level, profile: PatientProfile
) -> dict[str, str]:
    """Return the part with the entry for the patient's calendar, if there is one to take along."""
    if not channel.calendar_part:
        return {}
    file = rendering.calendar_of(payload=payload, level=level, profile=profile)
    return {channel.calendar_part: file} if file else {}


def links_for(
    row: Delivery, *, payload_class: type[NotificationPayload], profile: PatientProfile
) -> dict[str, str]:
    """Return the full URLs a message carries: to itself, to the settings, and the way out."""
    pages = f"{profile.pages}/notifications"
    patient_id = row.notification.patient_id
    return {
        "view_url": rendering.public_url(f"{pages}/{row.notification_id}/"),
        "short_url": rendering.public_url("/m"),
        "settings_url": rendering.public_url(f"{pages}/settings/"),
        "unsubscribe_url": preferences.unsubscribe_url(
            patient_id=patient_id, payload_classes=[payload_class]
        ),
    }

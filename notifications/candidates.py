"""The deliveries a message begins with: every channel at once, or the rungs of its ladder.

Pure: rows that are not saved. Policy decides on each at its claim, and so does a forecast.
"""

from collections.abc import Sequence
from datetime import timedelta

from notifications.channels.base import Channel
from notifications.enums import (
    ContactKind,
    ContactStatus,
    DeliveryStatus,
    PatientNotificationChannel,
    PatientNotificationPriority,
    PatientNotificationType,
)
from notifications.facts import best_contact
from notifications.models import ContactPoint, Delivery, PatientNotification
from notifications.types import NotificationPayload, Rung


def candidates(
    row: PatientNotification, payload: NotificationPayload, contacts: Sequence[ContactPoint]
) -> list[Delivery]:
    """Return a delivery for every channel and address; policy decides on each at its claim.

    Where there is a ladder, outside for those of its rungs, in their order: who holds several
    rows takes them in the order of their ids. Once its last moment is past there is none to
    climb, and what is still worth saying goes everywhere at once.
    """
    rungs = [] if _is_over(payload.rungs(), row) else payload.rungs()
    made = [
        _candidate(row, channel, contact)
        for channel in PatientNotificationChannel.classes()
        if channel.key not in payload.leaves_out() and not (rungs and channel.contact_kind)
        for contact in _addresses(channel, contacts)
    ]
    for step, rung in enumerate(rungs, start=1):
        made += _on_rung(row, rung, contacts, step=step)
    return made


def _is_over(rungs: Sequence[Rung], row: PatientNotification) -> bool:
    return all(rung.expires_at <= row.created_at for rung in rungs)


def _on_rung(
    row: PatientNotification, rung: Rung, contacts: Sequence[ContactPoint], *, step: int
) -> list[Delivery]:
    """Return the deliveries of a rung: none of a call, or of a channel that is not there.

    The first begins with the message.
    """
    if rung.channel not in PatientNotificationChannel:
        return []
    channel = PatientNotificationChannel.known(rung.channel)
    made = [_candidate(row, channel, contact) for contact in _addresses(channel, contacts)]
    for each in made:
        each.step = step
        each.due_at = each.due_at if step == 1 else max(rung.due_at, each.due_at)
        each.expires_at = min(rung.expires_at, row.expires_at or rung.expires_at)
    return made


def _addresses(
    channel: type[Channel], contacts: Sequence[ContactPoint]
) -> Sequence[ContactPoint | None]:
    """Every device, but one e-mail and one number; None stands for "no address"."""
    same = [contact for contact in contacts if contact.kind == channel.contact_kind]
    if channel.contact_kind == ContactKind.PUSH:
        return [each for each in same if each.status == ContactStatus.ACTIVE] or [None]
    return [best_contact(same)]


def _candidate(
    row: PatientNotification, channel: type[Channel], contact: ContactPoint | None
) -> Delivery:
    is_here = channel.contact_kind is None  # delivered by the notification's own row
    return Delivery(
        notification=row,
        channel=channel.key,
        contact=contact,
        status=DeliveryStatus.DELIVERED if is_here else DeliveryStatus.PLANNED,
        rank=PatientNotificationPriority(row.priority).rank,
        level=channel.ceiling if is_here else 0,
        due_at=row.created_at if is_here else row.created_at + _settling(row),
        expires_at=row.expires_at,
        created_at=row.created_at,
        status_at=row.created_at,
    )


def _settling(row: PatientNotification) -> timedelta:
    """Return how long a message waits outside for what may change once more within minutes.

    Not at all where it would be too late then.
    """
    wait = PatientNotificationType.known(row.type).settles_for
    is_late = row.expires_at is not None and row.expires_at <= row.created_at + wait
    is_urgent = row.priority == PatientNotificationPriority.URGENT
    return timedelta(0) if is_late or is_urgent else wait

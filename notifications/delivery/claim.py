"""Take what is due, decide each, and write an attempt for what is to be sent: one transaction."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import QuerySet
from django.template import TemplateDoesNotExist, TemplateSyntaxError

from notifications import clock, preferences, rendering
from notifications.channels.base import Channel
from notifications.crypto import SealBroken, keys_loaded
from notifications.delivery.statuses import Report, move
from notifications.enums import (
    OPEN_STATUSES,
    Action,
    DeliveryStatus,
    PatientNotificationChannel,
    PatientNotificationPriority,
    Reason,
)
from notifications.facts import facts_for, profiles_for
from notifications.models import ContactPoint, Delivery, DeliveryAttempt
from notifications.policy import Decision, decide
from notifications.types import Envelope, NotificationPayload, PatientProfile, payload_of

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
OUTCOME_OF_SKIP = {
    Reason.EXPIRED: DeliveryStatus.EXPIRED,
    Reason.CANCELLED: DeliveryStatus.CANCELLED,
}


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A claimed delivery, ready to be handed over: nothing in it touches the database."""

    delivery: Delivery
    attempt: DeliveryAttempt
    channel: Channel
    envelope: Envelope
    content: dict[str, str]


@transaction.atomic
def claim(*, limit: int, report: Report) -> list[Parcel]:
    """Take what is due, decide each, and write an attempt for what is to be sent.

    The addresses stay locked until the attempts are committed, so that whoever says STOP either
    comes first and is heard, or waits for an attempt that had already begun.
    """
    due = list(_due(limit))
    if not due:
        return []
    _lock_addresses(due)
    with keys_loaded({row.notification.patient_id for row in due}):
        facts = facts_for(deliveries=due, now=clock.now())
        profiles = profiles_for({row.notification.patient_id for row in due})
        parcels = [
            _settle(row, decide(known), profiles[row.notification.patient_id], report)
            for row, known in zip(due, facts, strict=True)
        ]
    return [parcel for parcel in parcels if parcel is not None]


def _due(limit: int) -> QuerySet[Delivery]:
    rows = Delivery.objects.filter(status__in=OPEN_STATUSES, due_at__lte=clock.now())
    rows = rows.select_related("notification").order_by("rank", "due_at", "id")
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True, of=("self",))
    return rows[:limit]


def _lock_addresses(due: Sequence[Delivery]) -> None:
    patients = {row.notification.patient_id for row in due}
    locked = ContactPoint.objects.filter(patient_id__in=patients).select_for_update().order_by("id")
    list(locked.values_list("id"))


def _settle(
    row: Delivery, decision: Decision, profile: PatientProfile, report: Report
) -> Parcel | None:
    if decision.action == Action.SEND:
        return _prepare(row, decision, profile, report)
    status = DeliveryStatus.HELD
    if decision.action == Action.SKIP:
        status = OUTCOME_OF_SKIP.get(decision.reason, DeliveryStatus.SKIPPED)
    move(
        row,
        status,
        reason=decision.reason,
        reason_params=decision.params,
        due_at=decision.at or row.due_at,
        contact=row.contact,
    )
    report.add(status)
    return None


def _prepare(
    row: Delivery, decision: Decision, profile: PatientProfile, report: Report
) -> Parcel | None:
    channel = PatientNotificationChannel.known(row.channel)()
    try:
        envelope, content = _write(row, decision, profile, channel)
    except (TemplateDoesNotExist, TemplateSyntaxError, SealBroken, TypeError, ValueError) as fault:
        logger.error("delivery %s cannot be written: %s", row.pk, type(fault).__name__)
        move(row, DeliveryStatus.SKIPPED, reason=Reason.PHI_BLOCKED, contact=row.contact)
        report.add(DeliveryStatus.SKIPPED)
        return None
    move(
        row,
        DeliveryStatus.SENDING,
        reason=Reason.NONE,
        reason_params={},
        level=decision.level,
        contact=row.contact,
        attempts=row.attempts + 1,
        fence=row.fence + 1,
        lease_until=clock.real_now() + LEASE,
    )
    attempt = _begin(row, content)
    return Parcel(
        delivery=row, attempt=attempt, channel=channel, envelope=envelope, content=content
    )


def _write(
    row: Delivery, decision: Decision, profile: PatientProfile, channel: Channel
) -> tuple[Envelope, dict[str, str]]:
    notification = row.notification
    payload = payload_of(type_key=notification.type, data=notification.payload)
    links = links_for(row, payload_class=type(payload), profile=profile)
    content = rendering.render(
        payload=payload, parts=channel.parts, level=decision.level, profile=profile, links=links
    )
    envelope = Envelope(
        delivery_id=row.pk,
        to=row.contact.value,
        level=decision.level,
        expires_at=row.expires_at,
        callback_url=rendering.public_url(f"webhooks/{channel.key}/{row.pk}/"),
        language=profile.language,
        priority=PatientNotificationPriority(notification.priority),
        unsubscribe_url=links["unsubscribe_url"],
        sender=profile.public_name,
    )
    return envelope, content


def links_for(
    row: Delivery, *, payload_class: type[NotificationPayload], profile: PatientProfile
) -> dict[str, str]:
    """Return the full URLs a message carries: to itself, to the settings, and the way out."""
    pages = f"{profile.pages}/notifications"
    way_out = preferences.unsubscribe_url(
        patient_id=row.notification.patient_id, payload_class=payload_class
    )
    return {
        "view_url": rendering.public_url(f"{pages}/{row.notification_id}/"),
        "short_url": rendering.public_url("/m"),
        "settings_url": rendering.public_url(f"{pages}/settings/"),
        "unsubscribe_url": way_out,
    }


def _begin(row: Delivery, content: dict[str, str]) -> DeliveryAttempt:
    return DeliveryAttempt.objects.create(
        delivery=row,
        patient_id=row.notification.patient_id,
        number=row.attempts,
        fence=row.fence,
        started_at=clock.now(),
        level=row.level,
        snapshot=content,
        content_hash=rendering.content_hash(content),
    )

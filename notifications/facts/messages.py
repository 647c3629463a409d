"""What a message says of itself: its type, its payload, whether it still holds."""

import logging
from collections import defaultdict
from collections.abc import Mapping
from uuid import UUID

from notifications.enums import Purpose
from notifications.models import Delivery, PatientNotification, ScheduledNotification
from notifications.types import NotificationPayload, climbs, payload_of

logger = logging.getLogger(__name__)


def payload_in(row: PatientNotification | ScheduledNotification) -> NotificationPayload | None:
    """Return the payload of a row; None where its type is gone or it cannot be read any more.

    A destroyed key or a field that an old row lacks must not keep the other rows waiting.
    """
    try:
        return payload_of(type_key=row.type, data=row.payload)
    except (TypeError, ValueError, ArithmeticError) as fault:
        logger.error("%s %s cannot be read: %s", type(row).__name__, row.pk, type(fault).__name__)
        return None


def consent_purpose(payload: NotificationPayload | type[NotificationPayload]) -> Purpose:
    """Return which consent a message needs: care and office matters share one."""
    return Purpose.MARKETING if payload.purpose == Purpose.MARKETING else Purpose.TREATMENT


def about_type(payload: NotificationPayload, channel: str) -> dict:
    return {
        "is_locked": channel in payload.locked,
        "is_on_by_default": channel in payload.channels,
        "passes_floor": payload.passes_floor,
        "gone_because": payload.gone_because,
        "is_marketing": payload.purpose == Purpose.MARKETING,
    }


def is_answered(delivery: Delivery, payload: NotificationPayload) -> bool:
    """A later rung of a ladder has nothing left to ask once the patient read or answered."""
    notification = delivery.notification
    is_later_rung = delivery.step > 0 and climbs(payload)
    return is_later_rung and bool(notification.read_at or notification.acted_at)


def is_escalated(delivery: Delivery, payload: NotificationPayload) -> bool:
    """A later step of a type without a ladder stands in for one that failed."""
    is_extra = delivery.step > 0 and not climbs(payload)
    return is_extra and payload.purpose != Purpose.MARKETING


def irrelevant(payloads: Mapping[UUID, NotificationPayload | None]) -> set[UUID]:
    """Ask each type once about all of its payloads in the batch."""
    by_class: dict[type[NotificationPayload], dict[UUID, NotificationPayload]] = defaultdict(dict)
    for pk, payload in payloads.items():
        if payload is not None:
            by_class[type(payload)][pk] = payload
    gone: set[UUID] = set()
    for cls, group in by_class.items():
        stale = cls.irrelevant(list(group.values()))
        gone |= {pk for pk, payload in group.items() if payload in stale}
    return gone

"""How long the engine waits for what: leases, look-ups, repeats, receipts."""

from datetime import datetime, timedelta

from django.conf import settings

from notifications import clock
from notifications.enums import (
    DeliveryStatus,
    PatientNotificationChannel,
    PatientNotificationPriority,
)
from notifications.models import Delivery

URGENT_RECEIPT, USUAL_RECEIPT = timedelta(minutes=15), timedelta(hours=24)
GIVE_UP = timedelta(minutes=15)  # on an answer that nobody can give
GIVE_UP_ASKING = timedelta(hours=24)  # on a carrier that gives none


def lease() -> timedelta:
    """Return for how long an attempt belongs to whoever began it: longer than any call takes."""
    return _seconds(settings.NOTIFICATIONS_LEASE_SECONDS)


def look_up_gap() -> timedelta:
    """Return the time between two look-ups: a carrier's list may lag behind what it took."""
    return _seconds(settings.NOTIFICATIONS_LOOK_UP_SECONDS)


def repeat_after() -> timedelta:
    """Return how long after a lost answer an e-mail or push may go once more."""
    return _seconds(settings.NOTIFICATIONS_REPEAT_SECONDS)


def _seconds(setting: str) -> timedelta:
    return timedelta(seconds=float(setting))


def settle_at(row: Delivery, status: str) -> datetime | None:
    """Return when a row that comes to a status must be looked at again, or None. Aware, UTC."""
    if status == DeliveryStatus.UNKNOWN:
        return clock.now()
    if status == DeliveryStatus.ACCEPTED and _reports(row.channel):
        is_urgent = row.rank == PatientNotificationPriority.URGENT.rank
        return clock.now() + (URGENT_RECEIPT if is_urgent else USUAL_RECEIPT)
    return None


def _reports(channel: str) -> bool:
    return channel in PatientNotificationChannel and (
        PatientNotificationChannel.known(channel)().reports()
    )

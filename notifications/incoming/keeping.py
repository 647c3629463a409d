"""Keep what a carrier called with before anything is made of it. A repeat is the same row."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from notifications import clock
from notifications.enums import CarrierEventKind, EventOutcome
from notifications.models import CarrierEvent

LONGEST_KEY = CarrierEvent._meta.get_field("key").max_length


def keep(
    *,
    channel: str,
    kind: CarrierEventKind,
    key: str,
    content: Mapping[str, Any],
    delivery_id: UUID | None = None,
    came_at: datetime | None = None,
) -> CarrierEvent | None:
    """Write down an event that has not been seen before; None for a repeat.

    `came_at` (aware): when it came to the carrier, where that was not just now.
    """
    event = CarrierEvent(
        channel=channel,
        kind=kind,
        key=_short(key),
        content=dict(content),
        delivery_id=delivery_id,
        received_at=came_at or clock.now(),
    )
    CarrierEvent.objects.bulk_create([event], ignore_conflicts=True)
    return CarrierEvent.objects.filter(pk=event.pk).first()


def _short(key: str) -> str:
    """Return a key the column can hold; the same key is always the same."""
    if len(key) <= LONGEST_KEY and key.isprintable():
        return key
    return sha256(key.encode(errors="replace")).hexdigest()


def settle(event: CarrierEvent, outcome: EventOutcome) -> None:
    """Note what an event led to."""
    event.outcome, event.settled_at = outcome, clock.now()
    event.save(update_fields=["outcome", "settled_at"])


def unsettled() -> QuerySet[CarrierEvent]:
    """Return what was kept and never dealt with, such as after a crash; oldest first."""
    return CarrierEvent.objects.filter(settled_at=None).order_by("received_at", "id")


def held(pk: UUID) -> CarrierEvent | None:
    """Return an event for this transaction to settle; None where somebody is at it or has been."""
    rows = unsettled().filter(pk=pk)
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True)
    return rows.first()

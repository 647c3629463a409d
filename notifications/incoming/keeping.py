"""Keep what a carrier called with before anything is made of it. A repeat is the same row."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from notifications import clock
from notifications.enums import CarrierEventKind, EventOutcome
from notifications.models import CarrierEvent


def keep(
    *,
    channel: str,
    kind: CarrierEventKind,
    key: str,
    content: Mapping[str, Any],
    delivery_id: UUID | None = None,
) -> CarrierEvent | None:
    """Write down an event that has not been seen before; None for a repeat."""
    event = CarrierEvent(
        channel=channel,
        kind=kind,
        key=key,
        content=dict(content),
        delivery_id=delivery_id,
        received_at=clock.now(),
    )
    CarrierEvent.objects.bulk_create([event], ignore_conflicts=True)
    return CarrierEvent.objects.filter(pk=event.pk).first()


def settle(event: CarrierEvent, outcome: EventOutcome) -> None:
    """Note what an event led to."""
    event.outcome, event.settled_at = outcome, clock.now()
    event.save(update_fields=["outcome", "settled_at"])


def unsettled() -> QuerySet[CarrierEvent]:
    """Return what was kept and never dealt with, such as after a crash; oldest first."""
    return CarrierEvent.objects.filter(settled_at=None).order_by("received_at", "id")

"""What is coming: plans and deliveries lived through in memory, by the functions that send.

Every decision is asked of `delivery.decide_all` and of `promotion.fates`, which the sender asks as
well; what is different is that rows are never saved and carriers are taken to deliver. It is told
as if nobody did anything any more: no visit is booked, nothing is read, no text bounces, and
nothing is held.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from notifications import calls, clock
from notifications.enums import OPEN_STATUSES, PlanStatus
from notifications.foresight.days import Days
from notifications.foresight.seen import Foreseen
from notifications.foresight.world import World
from notifications.models import Delivery, ScheduledNotification

__all__ = ["Foreseen", "foresee", "planned"]


def foresee(
    *,
    until: datetime,
    patient_ids: Iterable[UUID] | None = None,
    plans: Sequence[ScheduledNotification] | None = None,
) -> list[Foreseen]:
    """Return what comes of all that is planned and open from now on, in order of time.

    `until` is aware. `patient_ids` None: of everybody. `plans` instead of those that are there:
    what would come of others, which need not be saved.
    """
    of = None if patient_ids is None else set(patient_ids)
    deliveries = Delivery.objects.filter(status__in=OPEN_STATUSES)
    if of is not None:
        deliveries = deliveries.filter(notification__patient_id__in=of)
    world = World.of(
        plans=planned(patient_ids=of) if plans is None else plans,
        deliveries=deliveries.select_related("notification", "contact"),
        waiting=calls.waiting(patient_ids=of),
    )
    return Days(world=world, now=clock.now()).live(until=until)


def planned(*, patient_ids: Iterable[UUID] | None = None) -> list[ScheduledNotification]:
    """Return the plans that are still to become messages, of everybody if None."""
    rows = ScheduledNotification.objects.filter(status=PlanStatus.PLANNED)
    if patient_ids is not None:
        rows = rows.filter(patient_id__in=list(patient_ids))
    return list(rows)

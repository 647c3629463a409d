"""What is coming: plans and deliveries lived through in memory, by the functions that send.

Every decision is asked of `delivery.decide_all` and of `promotion.fates`, which the sender asks as
well; what is different is that rows are never saved and carriers are taken to deliver. It is told
as if nobody did anything any more: no visit is booked, nothing is read, no text bounces, and
nothing is held.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from notifications import calls, clock, households
from notifications.enums import OPEN_STATUSES, PlanStatus
from notifications.foresight.days import Days
from notifications.foresight.seen import Foreseen
from notifications.foresight.world import World
from notifications.models import Delivery, ScheduledNotification
from notifications.plans import PlanChange

__all__ = ["Foreseen", "foresee", "foresee_change", "planned"]


def foresee(
    *,
    until: datetime,
    patient_ids: Iterable[UUID] | None = None,
    plans: Sequence[ScheduledNotification] | None = None,
) -> list[Foreseen]:
    """Return what comes of all that is planned and open from now on, in order of time.

    `until` is aware. `patient_ids` None: of everybody; whoever shares an address with them is
    looked at as well, since what goes to one counts for all. `plans` instead of those that are
    there: what would come of others, which need not be saved.
    """
    wanted = None if patient_ids is None else set(patient_ids)
    of = None if wanted is None else households.sharers(wanted)
    deliveries = Delivery.objects.filter(status__in=OPEN_STATUSES)
    if of is not None:
        deliveries = deliveries.filter(notification__patient_id__in=of)
    world = World.of(
        plans=planned(patient_ids=of) if plans is None else plans,
        deliveries=deliveries.select_related("notification", "contact"),
        waiting=calls.waiting(patient_ids=of),
    )
    seen = Days(world=world, now=clock.now()).live(until=until)
    return seen if wanted is None else [each for each in seen if each.patient_id in wanted]


def foresee_change(
    *, until: datetime, patient_ids: Iterable[UUID], change: PlanChange
) -> tuple[list[Foreseen], list[Foreseen]]:
    """Return what comes as plans stand, and what would with the change, of these and their sharers.

    Nothing is written. `until` is aware.
    """
    around = households.sharers(set(patient_ids))
    standing = planned(patient_ids=around)
    changed = [row for row in standing if row.pk not in change.gone] + change.rows
    before, after = (
        foresee(until=until, patient_ids=around, plans=plans) for plans in (standing, changed)
    )
    return before, after


def planned(*, patient_ids: Iterable[UUID] | None = None) -> list[ScheduledNotification]:
    """Return the plans that are still to become messages, of everybody if None."""
    rows = ScheduledNotification.objects.filter(status=PlanStatus.PLANNED)
    if patient_ids is not None:
        rows = rows.filter(patient_id__in=list(patient_ids))
    return list(rows)

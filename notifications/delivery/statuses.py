"""The transitions table at work: every change of a delivery's status goes through `move`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from notifications import audit, clock, switches
from notifications.delivery import pace
from notifications.enums import OPEN_STATUSES, TRANSITIONS, AuditAction, DeliveryStatus, Reason
from notifications.models import Delivery
from notifications.switches import Switches

ACTOR = "system:delivery"
# What was merged into a message waits with it, until it has come to nothing.
LEFT = (DeliveryStatus.SENDING, DeliveryStatus.UNKNOWN, DeliveryStatus.ACCEPTED)
CAME_TO_NOTHING = (
    DeliveryStatus.PLANNED,
    DeliveryStatus.FAILED,
    DeliveryStatus.EXPIRED,
    DeliveryStatus.SKIPPED,
)


@dataclass(kw_only=True)
class Report:
    """How many deliveries a run moved, by the status they moved to.

    `passed_by` counts those the last claim left alone, because somebody held their addresses.
    `opens_at` is when a carrier may be called again that had asked that claim for patience.
    """

    counts: dict[str, int] = field(default_factory=dict)
    passed_by: int = 0
    opens_at: datetime | None = None

    def add(self, status: str, count: int = 1) -> None:
        self.counts[str(status)] = self.counts.get(str(status), 0) + count

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def move(row: Delivery, status: DeliveryStatus, **changes: Any) -> bool:
    """Change a row's status if the table allows it and nobody did so first."""
    if status != row.status and status not in TRANSITIONS[row.status]:
        return False
    changes = {"settle_at": pace.settle_at(row, status)} | changes
    changes |= {"status": status, "status_at": clock.now()}
    unchanged = Delivery.objects.filter(pk=row.pk, status=row.status, fence=row.fence)
    had_left = row.status in LEFT
    if not unchanged.update(**changes):
        return False
    for name, value in changes.items():
        setattr(row, name, value)
    if had_left and status in CAME_TO_NOTHING:
        _bring_back(row)
    return True


def _bring_back(lead: Delivery) -> None:
    """Plan again what was to be said by a message that has not gone, to be decided on anew."""
    if lead.contact is None:
        return
    same_address = Delivery.objects.filter(  # which has an index; `merged_into` has none
        contact__kind=lead.contact.kind, contact__value_index=lead.contact.value_index
    )
    said_by_it = same_address.filter(merged_into=lead, status=DeliveryStatus.SKIPPED)
    again = {"reason": Reason.NONE, "reason_params": {}, "merged_into": None}
    back = [
        row
        for row in said_by_it.select_related("notification").order_by("id")
        if move(row, DeliveryStatus.PLANNED, due_at=lead.due_at, **again)
    ]
    audit_settled(back)


def move_all(rows: Sequence[Delivery], status: DeliveryStatus, **changes: Any) -> None:
    """Change rows alike, in one statement; they stand alike, and this transaction holds them.

    Raises RuntimeError, and so rolls back, where that was not so.
    """
    first, ids = rows[0], [row.pk for row in rows]
    changes |= {"status": status, "status_at": clock.now()}
    unchanged = Delivery.objects.filter(pk__in=ids, status=first.status, fence=first.fence)
    is_allowed = status == first.status or status in TRANSITIONS[first.status]
    if not is_allowed or unchanged.update(**changes) != len(rows):
        raise RuntimeError(f"{len(rows)} deliveries cannot go from {first.status} to {status}")
    for row in rows:
        for name, value in changes.items():
            setattr(row, name, value)


def audit_status(row: Delivery, *, actor: str = ACTOR) -> None:
    """Write where a delivery now stands, in the caller's transaction."""
    is_sent = row.status in (DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED)
    audit.record(
        action=AuditAction.SENT if is_sent else AuditAction.STATUS,
        actor=actor,
        patient_id=row.notification.patient_id,
        obj=row,
        status=str(row.status),
        reason=str(row.reason),
    )


def audit_settled(rows: Sequence[Delivery]) -> None:
    """Write where deliveries that are not sent now stand, in one statement for all (H-06)."""
    details = [(row, {"status": str(row.status), "reason": str(row.reason)}) for row in rows]
    audit.record_each(
        action=AuditAction.STATUS,
        actor=ACTOR,
        rows=[(row.notification.patient_id, row, said) for row, said in details],
    )


def may_go(switched: Switches) -> QuerySet[Delivery]:
    """Return what is open and not kept back by a channel that is shut.

    Of such a channel only what is too late by now: that is settled whatever happens.
    """
    rows = Delivery.objects.filter(status__in=OPEN_STATUSES)
    shut = switched.shut()
    if not shut:
        return rows
    still_in_time = Q(expires_at=None) | Q(expires_at__gt=clock.now())
    return rows.exclude(still_in_time, channel__in=shut)


def oldest_due() -> datetime | None:
    """Return since when the oldest delivery waits that could go now, or None. Aware, UTC."""
    switched = switches.read()
    if switched.is_held:
        return None
    waiting = may_go(switched).filter(due_at__lte=clock.real_now())
    return waiting.order_by("due_at").values_list("due_at", flat=True).first()

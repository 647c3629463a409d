"""What a crash or a change of plan left behind: lost leases, and what to call off."""

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from notifications import clock
from notifications.delivery.statuses import Report, audit_settled, audit_status, move
from notifications.enums import (
    OPEN_STATUSES,
    AttemptResult,
    DeliveryStatus,
    Reason,
)
from notifications.models import Delivery
from notifications.switches import LEASE_LOST

BATCH = 500  # rows a run; the next run takes the rest


def recover(*, report: Report) -> None:
    """Take attempts whose lease is over for lost: `settle` finds out what became of them."""
    lost = Delivery.objects.filter(
        status=DeliveryStatus.SENDING, lease_until__lt=clock.real_now()
    ).select_related("notification")
    for row in lost.order_by("lease_until")[:BATCH]:
        _settle_lost_lease(row, report)


@transaction.atomic
def _settle_lost_lease(row: Delivery, report: Report) -> None:
    """Whoever held the lease may have sent: that is not known, and never sent again blindly."""
    if move(row, DeliveryStatus.UNKNOWN, reason=Reason.ANSWER_UNKNOWN, lease_until=None):
        row.tries.filter(number=row.attempts, result=AttemptResult.STARTED).update(
            result=AttemptResult.ANSWER_LOST, code=LEASE_LOST, finished_at=clock.now()
        )
        audit_status(row)
        report.add(DeliveryStatus.UNKNOWN)


@transaction.atomic
def cancel_open(*, subject: str) -> int:
    """Cancel what has not left yet of every message about a subject; return how many."""
    rows = Delivery.objects.filter(notification__subject=subject)
    return _call_off(rows, reason=Reason.CANCELLED)


@transaction.atomic
def cancel_open_of(*, patient_id: UUID, reason: Reason) -> int:
    """Cancel what has not left yet of all of a patient's messages; return how many."""
    rows = Delivery.objects.filter(notification__patient_id=patient_id)
    return _call_off(rows, reason=reason)


def _call_off(rows: QuerySet[Delivery], *, reason: Reason) -> int:
    still_here = rows.filter(status__in=OPEN_STATUSES).select_related("notification")
    cancelled = [
        row
        for row in still_here.order_by("id")
        if move(row, DeliveryStatus.CANCELLED, reason=reason)
    ]
    audit_settled(cancelled)
    return len(cancelled)

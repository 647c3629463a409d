"""What a crash or a change of plan left behind: lost leases, lost answers, what to call off."""

from datetime import timedelta

from django.db import transaction

from notifications import clock
from notifications.delivery.statuses import Report, audit_status, move
from notifications.enums import (
    OPEN_STATUSES,
    AttemptResult,
    DeliveryStatus,
    PatientNotificationChannel,
    Reason,
)
from notifications.models import Delivery

REPEAT_AFTER = timedelta(minutes=10)  # an e-mail or push whose answer was lost


def recover(*, report: Report) -> None:
    """Settle expired leases as unknown, and repeat once what may be repeated."""
    for row in Delivery.objects.filter(
        status=DeliveryStatus.SENDING, lease_until__lt=clock.real_now()
    ).select_related("notification"):
        _settle_lost_lease(row, report)
    waited = clock.now() - REPEAT_AFTER
    for row in Delivery.objects.filter(
        status=DeliveryStatus.UNKNOWN, status_at__lt=waited
    ).select_related("notification"):
        _repeat(row, report)


@transaction.atomic
def _settle_lost_lease(row: Delivery, report: Report) -> None:
    """Whoever held the lease may have sent: that is not known, and never sent again blindly."""
    if move(row, DeliveryStatus.UNKNOWN, reason=Reason.ANSWER_UNKNOWN, lease_until=None):
        row.tries.filter(number=row.attempts, result=AttemptResult.STARTED).update(
            result=AttemptResult.ANSWER_LOST, code="lease_lost", finished_at=clock.now()
        )
        audit_status(row)
        report.add(DeliveryStatus.UNKNOWN)


@transaction.atomic
def _repeat(row: Delivery, report: Report) -> None:
    channel = PatientNotificationChannel.get(row.channel)
    lost_before = row.tries.filter(result=AttemptResult.ANSWER_LOST).count()
    if getattr(channel, "may_repeat", False) and lost_before == 1:
        move(row, DeliveryStatus.PLANNED, reason=Reason.NONE, due_at=clock.now())


@transaction.atomic
def cancel_open(*, subject: str) -> int:
    """Cancel what has not left yet of every message about a subject; return how many."""
    rows = Delivery.objects.filter(notification__subject=subject, status__in=OPEN_STATUSES)
    return sum(
        move(row, DeliveryStatus.CANCELLED, reason=Reason.CANCELLED)
        for row in rows.select_related("notification").order_by("id")
    )

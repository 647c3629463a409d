"""What a crash or a change of plan left behind: lost leases, lost answers, what to call off."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Count, Q, QuerySet

from notifications import clock
from notifications.delivery.statuses import Report, audit_settled, audit_status, move
from notifications.enums import (
    OPEN_STATUSES,
    AttemptResult,
    DeliveryStatus,
    PatientNotificationChannel,
    Reason,
)
from notifications.models import Delivery

BATCH = 500  # rows a run; the next run takes the rest
REPEAT_AFTER = timedelta(minutes=10)  # an e-mail or push whose answer was lost


def recover(*, report: Report) -> None:
    """Settle expired leases as unknown, and repeat once what may be repeated."""
    lost = Delivery.objects.filter(
        status=DeliveryStatus.SENDING, lease_until__lt=clock.real_now()
    ).select_related("notification")
    for row in lost.order_by("lease_until")[:BATCH]:
        _settle_lost_lease(row, report)
    again = _repeatable().order_by("status_at").values_list("pk", flat=True)[:BATCH]
    for row in Delivery.objects.filter(pk__in=list(again)).select_related("notification"):
        _repeat(row)


def _repeatable() -> QuerySet[Delivery]:
    """Return what a second copy of does no harm, still in time, and lost only once."""
    channels = [cls.key for cls in PatientNotificationChannel.classes() if cls.may_repeat]
    lost = Count("tries", filter=Q(tries__result=AttemptResult.ANSWER_LOST))
    waiting = Delivery.objects.filter(
        status=DeliveryStatus.UNKNOWN,
        status_at__lt=clock.now() - REPEAT_AFTER,
        channel__in=channels,
    )
    return waiting.exclude(expires_at__lte=clock.now()).annotate(lost=lost).filter(lost=1)


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
def _repeat(row: Delivery) -> None:
    if move(row, DeliveryStatus.PLANNED, reason=Reason.NONE, due_at=clock.now()):
        audit_status(row)


@transaction.atomic
def cancel_open(*, subject: str) -> int:
    """Cancel what has not left yet of every message about a subject; return how many."""
    rows = Delivery.objects.filter(notification__subject=subject, status__in=OPEN_STATUSES)
    cancelled = [
        row
        for row in rows.select_related("notification").order_by("id")
        if move(row, DeliveryStatus.CANCELLED, reason=Reason.CANCELLED)
    ]
    audit_settled(cancelled)
    return len(cancelled)

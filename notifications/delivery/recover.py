"""What a crash or a change of plan left behind: lost leases, and what to call off."""

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from notifications import calls, clock, realtime
from notifications.delivery.statuses import Report, audit_settled, audit_status, move
from notifications.enums import (
    OPEN_STATUSES,
    AttemptResult,
    CallOutcome,
    DeliveryStatus,
    Reason,
)
from notifications.facts import payload_in
from notifications.models import Delivery, PatientNotification
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
def cancel_open(*, subject: str, reason: str = Reason.CANCELLED) -> int:
    """Cancel what has not left yet of every message about a subject; return how many."""
    rows = Delivery.objects.filter(notification__subject=subject, status__in=OPEN_STATUSES)
    return _end(rows, DeliveryStatus.CANCELLED, reason=reason)


@transaction.atomic
def cancel_open_of(*, patient_id: UUID, reason: Reason) -> int:
    """Cancel what has not left yet of all of a patient's messages; return how many."""
    rows = Delivery.objects.filter(notification__patient_id=patient_id, status__in=OPEN_STATUSES)
    return _end(rows, DeliveryStatus.CANCELLED, reason=reason)


@transaction.atomic
def answer_open(*, subject: str, action: str, actor: str) -> int:
    """End what has not left yet of messages about a subject that ask for an `action`.

    With the calls that stand at their end; returns how many deliveries.
    """
    about = PatientNotification.objects.filter(subject=subject).order_by("pk")
    asking = {row.pk: row for row in about if action in _actions(row)}
    if not asking:
        return 0
    rows = Delivery.objects.filter(notification__in=asking, status__in=OPEN_STATUSES)
    count = _end(rows, DeliveryStatus.SKIPPED, reason=Reason.ANSWERED)
    realtime.lock_all(patient_ids=[row.patient_id for row in asking.values()])
    calls.settle(notification_ids=asking, outcome=CallOutcome.ANSWERED, actor=actor)
    return count


def _actions(row: PatientNotification) -> tuple[str, ...]:
    payload = payload_in(row)
    return payload.actions() if payload is not None else ()


def _end(rows: QuerySet[Delivery], status: DeliveryStatus, *, reason: str) -> int:
    ended = [
        row
        for row in rows.select_related("notification").order_by("id")
        if move(row, status, reason=reason)
    ]
    audit_settled(ended)
    return len(ended)

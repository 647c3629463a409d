"""What the privacy check kept back: the neutral sentence went instead, and the desk is told (H-10).

Somebody calls the patient with what was kept back, and puts the template or the field right.
"""

from collections.abc import Sequence

from notifications import audit, clock
from notifications.delivery.statuses import ACTOR
from notifications.enums import AuditAction, CallReason, Reason
from notifications.models import CallTask, Delivery


def tell_desk(rows: Sequence[Delivery]) -> None:
    """Make one call to make of each message these deliveries are of, in the caller's transaction.

    Two statements and the audit rows where anything was kept back, none otherwise.
    """
    if not rows:
        return
    first = {_key(row): row for row in reversed(rows)}
    there = set(CallTask.objects.filter(key__in=first).values_list("key", flat=True))
    made = [_task(row) for key, row in first.items() if key not in there]
    CallTask.objects.bulk_create(made)
    audit.record_each(
        action=AuditAction.CALL,
        actor=ACTOR,
        rows=[(each.patient_id, each, {"reason": str(each.reason)}) for each in made],
    )


def reason_sent(row: Delivery) -> Reason:
    """Return the reason a delivery keeps though it went: that its own words were kept back."""
    return Reason.PHI_BLOCKED if row.reason == Reason.PHI_BLOCKED else Reason.NONE


def _key(row: Delivery) -> str:
    return f"text_refused:{row.notification_id}"


def _task(row: Delivery) -> CallTask:
    return CallTask(
        patient_id=row.notification.patient_id,
        notification=row.notification,
        delivery=row,
        subject=row.notification.subject,
        reason=CallReason.TEXT_REFUSED,
        key=_key(row),
        due_at=clock.now(),
        call_by=row.notification.expires_at,
    )

"""Calls to make: what a person of the practice does where no message can.

Every change is a row of the audit trail. Inboxes are locked before calls, as before everything
else that belongs to a message, so that who reads and who confirms never wait for each other.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from notifications import audit, clock, realtime
from notifications.enums import AuditAction, CallOutcome, CallReason
from notifications.models import CallTask, Delivery, PatientNotification

ACTOR = "system:calls"
# Of these a call is needed only as long as the message is. What a patient asked for, or may have
# meant, is for a person to end.
FOR_A_MESSAGE = (CallReason.NOT_REACHED, CallReason.CONFIDENTIAL, CallReason.TEXT_REFUSED)


@transaction.atomic
def open_call(
    *,
    patient_id: UUID,
    reason: CallReason,
    key: str,
    due_at: datetime,
    call_by: datetime | None = None,
    notification: PatientNotification | None = None,
    delivery: Delivery | None = None,
    subject: str = "",
    actor: str = ACTOR,
) -> CallTask:
    """Put a call on the desk's list from `due_at` on; after `call_by` it is too late. Both aware.

    The same `key` returns the call that is there, whatever became of it. `subject` names what it
    is about, such as `appointment:<id>`; without one, the message's.
    """
    row = CallTask(
        patient_id=patient_id,
        notification=notification,
        delivery=delivery,
        subject=subject or (notification.subject if notification else ""),
        reason=reason,
        key=key,
        due_at=due_at,
        call_by=call_by,
        created_at=clock.now(),
    )
    return open_all([row], actor=actor)[0]


@transaction.atomic
def open_all(rows: Sequence[CallTask], *, actor: str = ACTOR) -> list[CallTask]:
    """Write calls, and return for each the one with its key: it, or the one that was there."""
    if not rows:
        return []
    CallTask.objects.bulk_create(rows, ignore_conflicts=True)
    there = {row.key: row for row in CallTask.objects.filter(key__in=[row.key for row in rows])}
    new = [row for row in rows if there[row.key].pk == row.pk]
    _audit(new, change="opened", actor=actor)
    return [there[row.key] for row in rows]


def to_make() -> QuerySet[CallTask]:
    """Return the desk's list as of now: what is due and not settled, what must be soonest first."""
    due = CallTask.objects.filter(settled_at=None, due_at__lte=clock.now())
    return due.order_by(F("call_by").asc(nulls_last=True), "due_at", "id")


@transaction.atomic
def mark_called(*, call_id: UUID, actor: str) -> bool:
    """Note that somebody has called; return False if the call was settled before.

    Raises CallTask.DoesNotExist.
    """
    row = CallTask.objects.select_for_update().get(pk=call_id)
    return bool(_settle([row], outcome=CallOutcome.CALLED, actor=actor))


@transaction.atomic
def settle(
    *,
    outcome: CallOutcome,
    actor: str = ACTOR,
    notification_ids: Sequence[UUID] = (),
    subject: str = "",
) -> int:
    """End the calls that stand in for messages, of some or of all about a subject; return how many.

    What a patient asked for themselves stays on the list.
    """
    open_rows = CallTask.objects.filter(settled_at=None, reason__in=FOR_A_MESSAGE)
    if subject:
        found = open_rows.filter(subject=subject)
    else:
        found = open_rows.filter(notification_id__in=notification_ids)
    return _settle(_held(found), outcome=outcome, actor=actor)


@transaction.atomic
def reopen(*, notification_ids: Sequence[UUID], actor: str = ACTOR) -> int:
    """Put calls back on the list whose message is unread again; return how many."""
    ended = CallTask.objects.filter(
        notification_id__in=notification_ids,
        outcome=CallOutcome.ANSWERED,
        notification__read_at=None,
        notification__acted_at=None,
    )
    rows = _held(ended)
    ids = [row.pk for row in rows]
    CallTask.objects.filter(pk__in=ids).update(outcome="", settled_at=None, settled_by="")
    _audit(rows, change="reopened", actor=actor)
    return len(rows)


@transaction.atomic
def bring_forward(
    *, notification_id: UUID, reason: CallReason | None = None, actor: str = ACTOR
) -> int:
    """Make the call of a message due now, for another reason if one is given; return how many."""
    waiting = CallTask.objects.filter(
        notification_id=notification_id, settled_at=None, reason__in=FOR_A_MESSAGE
    )
    later = waiting.filter(due_at__gt=clock.now())
    rows = list(later.select_for_update(of=("self",)).order_by("id"))
    changes = {"due_at": clock.now()} | ({"reason": reason} if reason else {})
    CallTask.objects.filter(pk__in=[row.pk for row in rows]).update(**changes)
    _audit(rows, change="due", actor=actor)
    return len(rows)


# -- the rows -----------------------------------------------------------------------------------


def _held(rows: QuerySet[CallTask]) -> list[CallTask]:
    """Return calls, held until the transaction ends, their patients' inboxes before them."""
    patients = set(rows.values_list("patient_id", flat=True))
    if not patients:
        return []
    realtime.lock_all(patient_ids=patients)
    return list(rows.select_for_update(of=("self",)).order_by("id"))


def _settle(rows: Sequence[CallTask], *, outcome: CallOutcome, actor: str) -> int:
    still_open = [row for row in rows if row.settled_at is None]
    CallTask.objects.filter(pk__in=[row.pk for row in still_open]).update(
        outcome=outcome, settled_at=clock.now(), settled_by=actor
    )
    _audit(still_open, change=str(outcome), actor=actor)
    return len(still_open)


def _audit(rows: Sequence[CallTask], *, change: str, actor: str) -> None:
    details = [(row.patient_id, row, {"change": change, "reason": row.reason}) for row in rows]
    audit.record_each(action=AuditAction.CALL, actor=actor, rows=details)

"""Calls to make: what a person of the practice does where no message can.

Every change is a row of the audit trail. Inboxes are locked before calls, so that who reads a
message and who ends all that is asked about a visit never wait for each other; a claim, which has
deliveries in hand, locks calls alone.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.expressions import OrderBy

from notifications import audit, clock, realtime
from notifications.enums import AuditAction, CallOutcome, CallReason
from notifications.models import CallTask, Delivery, PatientNotification
from notifications.types import Rung

ACTOR = "system:calls"
# Of these a call is needed only as long as the message is. What a patient asked for, or may have
# meant, is for a person to end.
FOR_A_MESSAGE = (CallReason.NOT_REACHED, CallReason.CONFIDENTIAL, CallReason.TEXT_REFUSED)
# We told the patient by when we call: it stays on the list until somebody has, or what it is about
# has changed.
PROMISED = (CallReason.MOVE, CallReason.BILL)
LATE_CALLS_STAY = timedelta(days=7)  # on the list; then they are on the patient's timeline


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
    note: str = "",
    actor: str = ACTOR,
) -> CallTask:
    """Put a call on the desk's list from `due_at` on; after `call_by` it is too late. Both aware.

    The same `key` returns the call that is there, whatever became of it. `subject` names what it
    is about, such as `appointment:<id>`; without one, the message's. `note` is what the patient
    wrote about it, kept sealed.
    """
    row = CallTask(
        patient_id=patient_id,
        notification=notification,
        delivery=delivery,
        subject=subject or (notification.subject if notification else ""),
        note=note or None,
        reason=reason,
        key=key,
        due_at=due_at,
        call_by=call_by,
        created_at=clock.now(),
    )
    return open_all([row], actor=actor)[0]


@transaction.atomic(savepoint=False)
def open_all(rows: Sequence[CallTask], *, actor: str = ACTOR) -> list[CallTask]:
    """Write calls, and return for each the one with its key: it, or the one that was there."""
    if not rows:
        return []
    CallTask.objects.bulk_create(rows, ignore_conflicts=True)
    there = {row.key: row for row in CallTask.objects.filter(key__in=[row.key for row in rows])}
    new = [row for row in rows if there[row.key].pk == row.pk]
    _audit(new, change="opened", actor=actor)
    return [there[row.key] for row in rows]


def open_at_the_end(ladders: Sequence[tuple[PatientNotification, Sequence[Rung]]]) -> None:
    """Open the calls in which the ladders of some messages end, for when they begin."""
    rows = [call_of(notification, rungs) for notification, rungs in ladders]
    open_all([row for row in rows if row is not None])


def call_of(notification: PatientNotification, rungs: Sequence[Rung]) -> CallTask | None:
    """Return the call, unsaved, in which a message's ladder ends; None where there is none."""
    rung = next((each for each in rungs if each.channel == Rung.CALL), None)
    if rung is None or rung.expires_at <= notification.created_at:
        return None
    return CallTask(
        patient_id=notification.patient_id,
        notification=notification,
        subject=notification.subject,
        reason=CallReason.NOT_REACHED,
        key=f"ladder:{notification.pk}",
        due_at=max(rung.due_at, notification.created_at),
        call_by=rung.expires_at,
        created_at=notification.created_at,
    )


def waiting(*, patient_ids: Collection[UUID] | None = None) -> QuerySet[CallTask]:
    """Return the calls at the end of ladders that nobody is to make yet, of everybody if None."""
    rows = _open(due_at__gt=clock.now(), notification__isnull=False)
    rows = rows if patient_ids is None else rows.filter(patient_id__in=patient_ids)
    return rows.select_related("notification")


def to_make() -> QuerySet[CallTask]:
    """Return the desk's list as of now: what is due and not settled, the most pressing first.

    What it is too late for stays for a week, what was promised until it is settled.
    """
    now = clock.now()
    due = CallTask.objects.filter(settled_at=None, due_at__lte=now)
    lately = Q(call_by=None) | Q(call_by__gt=now - LATE_CALLS_STAY) | Q(reason__in=PROMISED)
    return due.filter(lately).order_by(*pressing_first())


def pressing_first() -> tuple[OrderBy | str, ...]:
    """Return the order of the desk's list: what is settled, and then what is too late, last.

    A promise that was not kept presses most.
    """
    now = clock.now()
    is_too_late = Q(call_by__lte=now) & ~Q(reason__in=PROMISED)
    place = Case(When(settled_at__isnull=False, then=2), When(is_too_late, then=1), default=0)
    return place.asc(), F("call_by").asc(nulls_last=True), "due_at", "id"


@transaction.atomic
def mark_called(*, call_id: UUID, actor: str) -> bool:
    """Note that somebody has called; return False if the call was settled before.

    Raises CallTask.DoesNotExist.
    """
    row = CallTask.objects.select_for_update().get(pk=call_id)
    return bool(_settle([row], CallOutcome.CALLED, actor=actor))


@transaction.atomic(savepoint=False)
def settle(*, notification_ids: Collection[UUID], outcome: CallOutcome, actor: str = ACTOR) -> int:
    """End the calls that stand in for these messages; return how many.

    What a patient asked for themselves stays on the list.
    """
    return _settle(_held(_open(notification_id__in=notification_ids)), outcome, actor=actor)


@transaction.atomic(savepoint=False)
def settle_about(
    *,
    subject: str,
    outcome: CallOutcome,
    reasons: Collection[CallReason] = (*FOR_A_MESSAGE, CallReason.MOVE),
    actor: str = ACTOR,
) -> int:
    """End the calls about a subject that are needed no more; return how many.

    Those are what stands in for messages, and wishes to move what was just moved or called off.
    """
    rows = CallTask.objects.filter(settled_at=None, reason__in=reasons, subject=subject)
    if not (patients := set(rows.values_list("patient_id", flat=True))):
        return 0
    realtime.lock_all(patient_ids=patients)
    return _settle(_held(rows), outcome, actor=actor)


@transaction.atomic(savepoint=False)
def settle_of(*, patient_id: UUID, outcome: CallOutcome, actor: str = ACTOR) -> int:
    """End all calls to a patient, also those they asked for; return how many."""
    realtime.lock(patient_id=patient_id)
    rows = CallTask.objects.filter(settled_at=None, patient_id=patient_id)
    return _settle(_held(rows), outcome, actor=actor)


def answered_about(*, notification_ids: Collection[UUID]) -> list[PatientNotification]:
    """Return those of some messages that nobody needs to call about, for they were answered."""
    answered = CallTask.objects.filter(
        notification_id__in=notification_ids, outcome=CallOutcome.ANSWERED
    )
    return list(PatientNotification.objects.filter(pk__in=answered.values("notification_id")))


@transaction.atomic(savepoint=False)
def reopen(*, notification_ids: Collection[UUID], actor: str = ACTOR) -> int:
    """Put calls back on the list whose message was read and is unread again; return how many."""
    answered = CallTask.objects.filter(
        notification_id__in=notification_ids,
        outcome=CallOutcome.ANSWERED,
        notification__read_at=None,
        notification__acted_at=None,
    )
    return _change(_held(answered), "reopened", actor, outcome="", settled_at=None, settled_by="")


@transaction.atomic(savepoint=False)
def bring_forward(
    *,
    notification_ids: Collection[UUID],
    reason: CallReason = CallReason.NOT_REACHED,
    actor: str = ACTOR,
) -> bool:
    """Make the calls that stand in for messages due now; return whether there are any.

    `reason` becomes theirs, unless it is NOT_REACHED.
    """
    rows = _held(_open(notification_id__in=notification_ids))
    now = clock.now()
    late = [row for row in rows if row.due_at > now]
    _change(late, "due", actor, due_at=now)
    if reason != CallReason.NOT_REACHED:
        others = [row for row in rows if row.reason != reason]
        _change(others, "reason", actor, reason=reason)
    return bool(rows)


def open_about(*, subjects: Collection[str], reason: CallReason) -> dict[str, CallTask]:
    """Return the calls still to be made for a reason, by what they are about. One query."""
    rows = CallTask.objects.filter(settled_at=None, reason=reason, subject__in=list(subjects))
    return {row.subject: row for row in rows.defer("note").order_by("id")}


def called_about(*, reason: CallReason, since: datetime) -> set[str]:
    """Return about what somebody has called for a reason since a moment (aware). One query."""
    made = CallTask.objects.filter(reason=reason, outcome=CallOutcome.CALLED, settled_at__gt=since)
    return set(made.order_by().values_list("subject", flat=True))


def count_about(*, subject: str, reason: CallReason) -> int:
    """Return how many calls there ever were about a subject for a reason."""
    return CallTask.objects.filter(reason=reason, subject=subject).count()


# -- the rows -----------------------------------------------------------------------------------


def _open(**about: Any) -> QuerySet[CallTask]:
    """Return what is not settled of the calls that stand in for messages."""
    return CallTask.objects.filter(settled_at=None, reason__in=FOR_A_MESSAGE, **about)


def _held(rows: QuerySet[CallTask]) -> list[CallTask]:
    return list(rows.select_for_update(of=("self",)).order_by("id"))


def _settle(rows: Sequence[CallTask], outcome: CallOutcome, *, actor: str) -> int:
    ended = {"outcome": outcome, "settled_at": clock.now(), "settled_by": actor}
    return _change([row for row in rows if row.settled_at is None], str(outcome), actor, **ended)


def _change(rows: Sequence[CallTask], change: str, actor: str, **values: Any) -> int:
    """Change calls alike, held by this transaction, and write who did; return how many."""
    if not rows:
        return 0
    CallTask.objects.filter(pk__in=[row.pk for row in rows]).update(**values)
    for row in rows:
        for name, value in values.items():
            setattr(row, name, value)
    _audit(rows, change=change, actor=actor)
    return len(rows)


def _audit(rows: Sequence[CallTask], *, change: str, actor: str) -> None:
    details = [(row.patient_id, row, {"change": change, "reason": str(row.reason)}) for row in rows]
    audit.record_each(action=AuditAction.CALL, actor=actor, rows=details)

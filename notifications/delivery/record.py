"""Write what came of an attempt: only by whoever still holds the fence."""

import random
from datetime import datetime, timedelta

from django.db import transaction

from notifications import clock, contacts
from notifications.delivery.handover import Outcome
from notifications.delivery.statuses import ACTOR, Report, audit_status, move
from notifications.enums import (
    AttemptResult,
    ContactEffect,
    ContactStatus,
    DeliveryStatus,
    ErrorKind,
    Reason,
)
from notifications.models import ContactPoint, Delivery
from notifications.types import AnswerLost, ChannelError

MAX_ATTEMPTS = 8
BACKOFF, LONGEST_BACKOFF = timedelta(seconds=5), timedelta(minutes=15)
IN_USE = (ContactStatus.ACTIVE, ContactStatus.NEEDS_UPDATE)
EFFECTS: dict[ContactEffect, tuple[ContactStatus, Reason]] = {
    ContactEffect.NEEDS_UPDATE: (ContactStatus.NEEDS_UPDATE, Reason.BOUNCED_HARD),
    ContactEffect.OPTED_OUT: (ContactStatus.OPTED_OUT, Reason.OPTED_OUT_STOP),
    ContactEffect.REMOVED: (ContactStatus.REMOVED, Reason.PUSH_GONE),
}


@transaction.atomic
def record(outcome: Outcome, *, report: Report) -> bool:
    """Write what came of an attempt. Returns False for one whose lease another run took over."""
    row = outcome.parcel.delivery
    changes = _after_success(outcome) if outcome.result else _after_error(outcome)
    status = changes.pop("status")
    if not move(row, status, lease_until=None, **changes):
        return False
    _finish(outcome)
    if outcome.error is not None:
        _apply_effect(row, outcome.error)
    audit_status(row)
    report.add(status)
    return True


def _after_success(outcome: Outcome) -> dict:
    result = outcome.result
    return {"status": result.status, "provider_id": result.provider_id, "last_code": ""}


def _after_error(outcome: Outcome) -> dict:
    row, error = outcome.parcel.delivery, outcome.error
    if isinstance(error, AnswerLost):
        status, reason = DeliveryStatus.UNKNOWN, Reason.ANSWER_UNKNOWN
        return {"status": status, "reason": reason, "last_code": error.code}
    next_at = None if error.kind == ErrorKind.PERMANENT else next_try(row, error)
    if next_at is None:
        return {"status": DeliveryStatus.FAILED, "reason": _why(error), "last_code": error.code}
    return {
        "status": DeliveryStatus.PLANNED,
        "reason": Reason.SOFT_FAIL,
        "reason_params": {"time": next_at.isoformat()},
        "due_at": next_at,
        "last_code": error.code,
    }


def _why(error: ChannelError) -> Reason:
    if error.contact in EFFECTS:
        return EFFECTS[error.contact][1]
    is_setup = error.kind == ErrorKind.CONFIGURATION
    return Reason.CHANNEL_OFF if is_setup else Reason.PROVIDER_ERROR


def next_try(row: Delivery, error: ChannelError) -> datetime | None:
    """Return when to try again, or None to give up. Aware, UTC.

    Full jitter: anywhere up to 5 s x 2^n, 15 min at most, never past the time to act.
    """
    longest = min(LONGEST_BACKOFF, BACKOFF * 2**row.attempts)
    wait = error.retry_after or longest * random.random()
    at = clock.now() + wait
    too_late = row.expires_at is not None and at >= row.expires_at
    return None if too_late or row.attempts >= MAX_ATTEMPTS else at


def _finish(outcome: Outcome) -> None:
    attempt, error = outcome.parcel.attempt, outcome.error
    attempt.result = AttemptResult.ACCEPTED if error is None else AttemptResult.REFUSED
    if isinstance(error, AnswerLost):
        attempt.result = AttemptResult.ANSWER_LOST
    attempt.code = error.code if error else ""
    attempt.provider_id = outcome.result.provider_id if outcome.result else ""
    attempt.latency_ms, attempt.finished_at = outcome.latency_ms, clock.now()
    attempt.save(update_fields=["result", "code", "provider_id", "latency_ms", "finished_at"])


def _apply_effect(row: Delivery, error: ChannelError) -> None:
    """Mark the address. One that was given up, or said STOP, during the call stays as it is."""
    if error.contact not in EFFECTS:
        return
    used = ContactPoint.objects.filter(pk=row.contact_id, status__in=IN_USE)
    contact = used.select_for_update(no_key=True).first()
    if contact is not None:
        status = EFFECTS[error.contact][0]
        contacts.set_status(contact=contact, status=status, reason=error.code, actor=ACTOR)

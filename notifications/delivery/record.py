"""Write what came of an attempt: only by whoever still holds the fence."""

import random
from datetime import datetime, timedelta

from django.db import transaction

from notifications import clock
from notifications.delivery import effects
from notifications.delivery.handover import Outcome
from notifications.delivery.statuses import Report, audit_status, move
from notifications.enums import AttemptResult, ContactEffect, DeliveryStatus, ErrorKind, Reason
from notifications.models import Delivery, DeliveryAttempt
from notifications.types import AnswerLost, ChannelError

MAX_ATTEMPTS = 8
BACKOFF, LONGEST_BACKOFF = timedelta(seconds=5), timedelta(minutes=15)


@transaction.atomic
def record(outcome: Outcome, *, report: Report) -> bool:
    """Write what came of an attempt. Returns False for one whose lease another run took over."""
    row, error = outcome.parcel.delivery, outcome.error
    effect = error.contact if error is not None else ContactEffect.NONE
    held = effects.hold(contact_id=row.contact_id, effect=effect)
    changes = _after_success(outcome) if outcome.result else _after_error(outcome)
    status = changes.pop("status")
    if not move(row, status, lease_until=None, **changes):
        return _finish_after_receipt(outcome, report)
    _finish(outcome)
    if held is not None:
        effects.apply(held, effect=effect, code=error.code, channel=row.channel)
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
    if error.contact in effects.EFFECTS:
        return effects.EFFECTS[error.contact][1]
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
    most = min(MAX_ATTEMPTS, error.max_tries or MAX_ATTEMPTS)
    return None if too_late or row.attempts >= most else at


def _finish(outcome: Outcome) -> None:
    attempt, error = outcome.parcel.attempt, outcome.error
    attempt.result = AttemptResult.ACCEPTED if error is None else AttemptResult.REFUSED
    if isinstance(error, AnswerLost):
        attempt.result = AttemptResult.ANSWER_LOST
    attempt.code = error.code if error else ""
    attempt.provider_id = outcome.result.provider_id if outcome.result else ""
    attempt.latency_ms, attempt.finished_at = outcome.latency_ms, clock.now()
    attempt.save(update_fields=["result", "code", "provider_id", "latency_ms", "finished_at"])


def _finish_after_receipt(outcome: Outcome, report: Report) -> bool:
    """Complete an attempt whose receipt was here before the answer: what the receipt said stays.

    The receipt has ended the attempt, but knew neither how long the call took nor always the
    carrier's id. Changes nothing where another run had given the attempt up.
    """
    row, attempt = outcome.parcel.delivery, outcome.parcel.attempt
    provider_id = outcome.result.provider_id if outcome.result else ""
    known = {"provider_id": provider_id} if provider_id else {}
    ended = DeliveryAttempt.objects.filter(
        pk=attempt.pk, result=AttemptResult.ACCEPTED, latency_ms=None
    )
    if not ended.update(latency_ms=outcome.latency_ms, finished_at=clock.now(), **known):
        return False
    if known:
        Delivery.objects.filter(pk=row.pk, provider_id="").update(**known)
    row.refresh_from_db(fields=["status"])
    report.add(row.status)
    return True

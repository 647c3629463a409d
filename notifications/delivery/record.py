"""Write what came of an attempt: only by whoever still holds the fence."""

from django.db import transaction

from notifications import clock, switches
from notifications.delivery import effects
from notifications.delivery.blocked import reason_sent
from notifications.delivery.escalate import escalate
from notifications.delivery.handover import Outcome
from notifications.delivery.meanings import after_error, heed, is_trouble
from notifications.delivery.statuses import Report, audit_status, move
from notifications.enums import OPEN_STATUSES, AttemptResult, ContactEffect, DeliveryStatus, Reason
from notifications.models import Delivery, DeliveryAttempt
from notifications.types import AnswerLost

# Of an attempt whose end nobody has told yet.
OPEN = (AttemptResult.STARTED, AttemptResult.ANSWER_LOST, AttemptResult.NEVER_ARRIVED)


@transaction.atomic
def record(outcome: Outcome, *, report: Report) -> bool:
    """Write what came of an attempt. Returns False for one whose lease another run took over."""
    row, error = outcome.parcel.delivery, outcome.error
    changes = _after(outcome)
    effect = changes.pop("effect")
    held = effects.hold(contact_id=row.contact_id, effect=effect)
    if not _move(outcome, changes):
        if _finish_after_receipt(outcome, report):
            _tell_switches(outcome)
            return True
        return False
    _finish(outcome)
    if held is not None:
        begun = outcome.parcel.attempt.started_at
        effects.apply(held, effect=effect, code=error.code, channel=row.channel, left_at=begun)
    audit_status(row)
    escalate(row)
    _tell_switches(outcome)
    report.add(row.status)
    return True


def _move(outcome: Outcome, changes: dict) -> bool:
    """Move a delivery that is still this attempt's, also one whose lease was given up meanwhile.

    An answer that comes late is an answer all the same: it settles what was not known, and what
    was planned again for want of it. The fence tells whether another try has begun.
    """
    row = outcome.parcel.delivery
    if move(row, lease_until=None, **changes):
        return True
    if isinstance(outcome.error, AnswerLost):
        return False
    if not DeliveryAttempt.objects.filter(pk=outcome.parcel.attempt.pk, result__in=OPEN).exists():
        return False  # a receipt has said how it ended
    for status in (DeliveryStatus.UNKNOWN, *OPEN_STATUSES):
        row.status = status
        if move(row, lease_until=None, **changes):
            return True
    return False


def _after(outcome: Outcome) -> dict:
    if outcome.never_left:
        again = {"status": DeliveryStatus.PLANNED, "reason": Reason.NONE, "reason_params": {}}
        return again | {"due_at": clock.now(), "effect": ContactEffect.NONE}
    return _after_success(outcome) if outcome.result else _after_error(outcome)


def _after_success(outcome: Outcome) -> dict:
    result = outcome.result
    return {
        "status": result.status,
        "provider_id": result.provider_id,
        "reason": reason_sent(outcome.parcel.delivery),
        "reason_params": {},
        "last_code": "",
        "effect": ContactEffect.NONE,
    }


def _after_error(outcome: Outcome) -> dict:
    """Of a carrier left alone for its troubles, what is tried costs the message nothing."""
    row, error = outcome.parcel.delivery, outcome.error
    is_free = outcome.parcel.is_a_try and is_trouble(error)
    return after_error(row, error, setbacks=row.setbacks if is_free else None)


def _tell_switches(outcome: Outcome) -> None:
    """Let the channel wait where its carrier cannot be asked now, and go on when it can."""
    error, channel = outcome.error, outcome.parcel.delivery.channel
    if outcome.never_left:
        return
    if is_trouble(error):
        switches.note_trouble(channel=channel)
        return
    if outcome.parcel.is_a_try:
        switches.end_rest(channel=channel)
    if error is not None:
        heed(error.meaning, code=error.code, channel=channel)


def _finish(outcome: Outcome) -> None:
    attempt, error = outcome.parcel.attempt, outcome.error
    attempt.result = AttemptResult.ACCEPTED if error is None else AttemptResult.REFUSED
    if is_trouble(error):
        is_lost = isinstance(error, AnswerLost)
        attempt.result = AttemptResult.ANSWER_LOST if is_lost else AttemptResult.UNAVAILABLE
    if outcome.never_left:
        attempt.result = AttemptResult.NEVER_ARRIVED
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
    if known:  # unless it is planned again by now: the next try gets an id of its own
        nameless = Delivery.objects.filter(pk=row.pk, fence=row.fence, provider_id="")
        nameless.exclude(status__in=OPEN_STATUSES).update(**known)
    row.refresh_from_db(fields=["status"])
    report.add(row.status)
    return True

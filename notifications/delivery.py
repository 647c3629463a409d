"""Claim, send, record: the only writer of a delivery's status.

A batch is claimed and its attempts are written in one short transaction; the carriers are called
outside any; each answer is recorded in another, and only by whoever holds the fence. What a crash
leaves is found by the next run, because the rows say all there is to know.
"""

import logging
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from django.conf import settings
from django.db import connection, connections, transaction
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django_q.models import OrmQ
from django_q.tasks import async_task

from notifications import audit, clock, contacts, preferences, rendering
from notifications.channels.base import Channel
from notifications.crypto import SealBroken, keys_loaded
from notifications.enums import (
    OPEN_STATUSES,
    TRANSITIONS,
    Action,
    AttemptResult,
    AuditAction,
    ContactEffect,
    ContactStatus,
    DeliveryStatus,
    ErrorKind,
    PatientNotificationChannel,
    PatientNotificationPriority,
    Reason,
)
from notifications.facts import facts_for, profiles_for
from notifications.models import ContactPoint, Delivery, DeliveryAttempt
from notifications.policy import Decision, decide
from notifications.types import (
    AnswerLost,
    ChannelError,
    Envelope,
    PatientProfile,
    SendResult,
    payload_of,
)

logger = logging.getLogger(__name__)

ACTOR = "system:delivery"
LEASE = timedelta(seconds=30)
REPEAT_AFTER = timedelta(minutes=10)  # an e-mail or push whose answer was lost
MAX_ATTEMPTS = 8
BACKOFF, LONGEST_BACKOFF = timedelta(seconds=5), timedelta(minutes=15)
WORK_SECONDS = 40  # of the queue's 60: a task is never cut off in mid-send
SLICE_SECONDS = 2

EFFECTS: dict[ContactEffect, tuple[ContactStatus, Reason]] = {
    ContactEffect.NEEDS_UPDATE: (ContactStatus.NEEDS_UPDATE, Reason.BOUNCED_HARD),
    ContactEffect.OPTED_OUT: (ContactStatus.OPTED_OUT, Reason.OPTED_OUT_STOP),
    ContactEffect.REMOVED: (ContactStatus.REMOVED, Reason.PUSH_GONE),
}
OUTCOME_OF_SKIP = {
    Reason.EXPIRED: DeliveryStatus.EXPIRED,
    Reason.CANCELLED: DeliveryStatus.CANCELLED,
}


@dataclass(kw_only=True)
class Report:
    """How many deliveries a run moved, by the status they moved to."""

    counts: dict[str, int] = field(default_factory=dict)

    def add(self, status: str) -> None:
        self.counts[str(status)] = self.counts.get(str(status), 0) + 1

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A claimed delivery, ready to be handed over: nothing in it touches the database."""

    delivery: Delivery
    attempt: DeliveryAttempt
    channel: Channel
    envelope: Envelope
    content: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of handing a parcel over."""

    parcel: Parcel
    latency_ms: int
    result: SendResult | None = None
    error: ChannelError | None = None


# -- waking -------------------------------------------------------------------------------------


def wake_after_commit() -> None:
    """Start work as soon as the caller's transaction is committed. A hint: rows are the record."""
    transaction.on_commit(_wake, robust=True)


def _wake() -> None:
    """Queue one run, unless one is waiting that has yet to look at the rows."""
    if not OrmQ.objects.filter(lock__lte=_unfetched_since()).exists():
        async_task("notifications.delivery.work")


def _unfetched_since() -> datetime:
    """The ORM broker stamps a task it hands out with the time; one in waiting is `retry` older."""
    return clock.real_now() - timedelta(seconds=settings.Q_CLUSTER["retry"])


def work() -> None:
    """Deliver what is due now: what a wake-up runs. Safe to run twice, or never."""
    run_due(seconds=WORK_SECONDS)


# -- the run ------------------------------------------------------------------------------------


def run_due(*, limit: int | None = None, seconds: float = WORK_SECONDS) -> Report:
    """Deliver what is due at `clock.now()`, most urgent first; stop at a limit or a time bound."""
    report, until, slots = Report(), monotonic() + seconds, int(settings.NOTIFICATIONS_SEND_SLOTS)
    recover(report=report)
    with ThreadPoolExecutor(max_workers=slots) as pool:
        while monotonic() < until and (limit is None or report.total < limit):
            size = slots if limit is None else min(slots, limit - report.total)
            settled = report.total
            parcels = claim(limit=size, report=report)
            for outcome in _hand_over_all(parcels, pool=pool if slots > 1 else None):
                record(outcome, report=report)
            if not parcels and report.total == settled:
                break
    return report


def _hand_over_all(
    parcels: Sequence[Parcel], *, pool: ThreadPoolExecutor | None
) -> Sequence[Outcome]:
    """Talk to the carriers, side by side: the wait is theirs."""
    if pool is None or len(parcels) < 2:
        return [_hand_over(parcel) for parcel in parcels]
    return list(pool.map(_hand_over_in_thread, parcels))


def _hand_over_in_thread(parcel: Parcel) -> Outcome:
    try:
        return _hand_over(parcel)
    finally:
        connections.close_all()  # an outbox writes to a table, over this thread's own connection


def _hand_over(parcel: Parcel) -> Outcome:
    result, error, started = None, None, monotonic()
    try:
        result = parcel.channel.send(envelope=parcel.envelope, content=parcel.content)
    except ChannelError as refusal:
        error = refusal
    except Exception as fault:  # whether it went cannot be known: never resent blindly
        logger.error("delivery %s: %s", parcel.delivery.pk, type(fault).__name__)
        error = AnswerLost(code=type(fault).__name__)
    latency = int((monotonic() - started) * 1000)
    return Outcome(parcel=parcel, latency_ms=latency, result=result, error=error)


# -- claim --------------------------------------------------------------------------------------


@transaction.atomic
def claim(*, limit: int, report: Report) -> list[Parcel]:
    """Take what is due, decide each, and write an attempt for what is to be sent.

    The addresses stay locked until the attempts are committed, so that whoever says STOP either
    comes first and is heard, or waits for an attempt that had already begun.
    """
    due = list(_due(limit))
    if not due:
        return []
    _lock_addresses(due)
    with keys_loaded({row.notification.patient_id for row in due}):
        facts = facts_for(deliveries=due, now=clock.now())
        profiles = profiles_for({row.notification.patient_id for row in due})
        parcels = [
            _settle(row, decide(known), profiles[row.notification.patient_id], report)
            for row, known in zip(due, facts, strict=True)
        ]
    return [parcel for parcel in parcels if parcel is not None]


def _due(limit: int):
    rows = Delivery.objects.filter(status__in=OPEN_STATUSES, due_at__lte=clock.now())
    rows = rows.select_related("notification").order_by("rank", "due_at", "id")
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True, of=("self",))
    return rows[:limit]


def _lock_addresses(due: Sequence[Delivery]) -> None:
    patients = {row.notification.patient_id for row in due}
    locked = ContactPoint.objects.filter(patient_id__in=patients).select_for_update().order_by("id")
    list(locked.values_list("id"))


def _settle(
    row: Delivery, decision: Decision, profile: PatientProfile, report: Report
) -> Parcel | None:
    if decision.action == Action.SEND:
        return _prepare(row, decision, profile, report)
    status = DeliveryStatus.HELD
    if decision.action == Action.SKIP:
        status = OUTCOME_OF_SKIP.get(decision.reason, DeliveryStatus.SKIPPED)
    _move(
        row,
        status,
        reason=decision.reason,
        reason_params=decision.params,
        due_at=decision.at or row.due_at,
        contact=row.contact,
    )
    report.add(status)
    return None


def _prepare(
    row: Delivery, decision: Decision, profile: PatientProfile, report: Report
) -> Parcel | None:
    channel = PatientNotificationChannel.known(row.channel)()
    try:
        envelope, content = _write(row, decision, profile, channel)
    except (TemplateDoesNotExist, TemplateSyntaxError, SealBroken, TypeError, ValueError) as fault:
        logger.error("delivery %s cannot be written: %s", row.pk, type(fault).__name__)
        _move(row, DeliveryStatus.SKIPPED, reason=Reason.PHI_BLOCKED, contact=row.contact)
        report.add(DeliveryStatus.SKIPPED)
        return None
    _move(
        row,
        DeliveryStatus.SENDING,
        reason=Reason.NONE,
        reason_params={},
        level=decision.level,
        contact=row.contact,
        attempts=row.attempts + 1,
        fence=row.fence + 1,
        lease_until=clock.real_now() + LEASE,
    )
    attempt = _begin(row, content)
    return Parcel(
        delivery=row, attempt=attempt, channel=channel, envelope=envelope, content=content
    )


def _write(
    row: Delivery, decision: Decision, profile: PatientProfile, channel: Channel
) -> tuple[Envelope, dict[str, str]]:
    notification = row.notification
    payload = payload_of(type_key=notification.type, data=notification.payload)
    links = links_for(row, type(payload))
    content = rendering.render(
        payload=payload, parts=channel.parts, level=decision.level, profile=profile, links=links
    )
    envelope = Envelope(
        delivery_id=row.pk,
        to=row.contact.value,
        level=decision.level,
        expires_at=row.expires_at,
        callback_url=rendering.public_url(f"webhooks/{channel.key}/{row.pk}/"),
        language=profile.language,
        priority=PatientNotificationPriority(notification.priority),
        unsubscribe_url=links["unsubscribe_url"],
        sender=profile.public_name,
    )
    return envelope, content


def links_for(row: Delivery, payload_class: type) -> dict[str, str]:
    """Return the full URLs a message carries: to itself, to the settings, and the way out."""
    way_out = preferences.unsubscribe_url(
        patient_id=row.notification.patient_id, payload_class=payload_class
    )
    return {
        "view_url": rendering.public_url(f"notifications/{row.notification_id}/"),
        "short_url": rendering.public_url("m"),
        "settings_url": rendering.public_url("notifications/settings/"),
        "unsubscribe_url": way_out,
    }


def _begin(row: Delivery, content: dict[str, str]) -> DeliveryAttempt:
    return DeliveryAttempt.objects.create(
        delivery=row,
        patient_id=row.notification.patient_id,
        number=row.attempts,
        fence=row.fence,
        started_at=clock.now(),
        level=row.level,
        snapshot=content,
        content_hash=rendering.content_hash(content),
    )


# -- record -------------------------------------------------------------------------------------


@transaction.atomic
def record(outcome: Outcome, *, report: Report) -> bool:
    """Write what came of an attempt. Returns False for one whose lease another run took over."""
    row = outcome.parcel.delivery
    changes = _after_success(outcome) if outcome.result else _after_error(outcome)
    status = changes.pop("status")
    if not _move(row, status, lease_until=None, **changes):
        return False
    _finish(outcome)
    if outcome.error is not None:
        _apply_effect(row, outcome.error)
    _audit(row)
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
    next_at = None if error.kind == ErrorKind.PERMANENT else _next_try(row, error)
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


def _next_try(row: Delivery, error: ChannelError) -> datetime | None:
    """Full jitter: anywhere up to 5 s x 2^n, 15 min at most, never past the time to act."""
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
    if error.contact in EFFECTS and row.contact_id is not None:
        contact = ContactPoint.objects.select_for_update().get(pk=row.contact_id)
        status = EFFECTS[error.contact][0]
        contacts.set_status(contact=contact, status=status, reason=error.code, actor=ACTOR)


def _audit(row: Delivery) -> None:
    is_sent = row.status in (DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED)
    audit.record(
        action=AuditAction.SENT if is_sent else AuditAction.STATUS,
        actor=ACTOR,
        patient_id=row.notification.patient_id,
        obj=row,
        status=str(row.status),
        reason=str(row.reason),
    )


# -- what others left behind --------------------------------------------------------------------


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
    if _move(row, DeliveryStatus.UNKNOWN, reason=Reason.ANSWER_UNKNOWN, lease_until=None):
        row.tries.filter(number=row.attempts, result=AttemptResult.STARTED).update(
            result=AttemptResult.ANSWER_LOST, code="lease_lost", finished_at=clock.now()
        )
        _audit(row)
        report.add(DeliveryStatus.UNKNOWN)


@transaction.atomic
def _repeat(row: Delivery, report: Report) -> None:
    channel = PatientNotificationChannel.get(row.channel)
    lost_before = row.tries.filter(result=AttemptResult.ANSWER_LOST).count()
    if getattr(channel, "may_repeat", False) and lost_before == 1:
        _move(row, DeliveryStatus.PLANNED, reason=Reason.NONE, due_at=clock.now())


@transaction.atomic
def cancel_open(*, subject: str) -> int:
    """Cancel what has not left yet of every message about a subject; return how many."""
    rows = Delivery.objects.filter(notification__subject=subject, status__in=OPEN_STATUSES)
    return sum(
        _move(row, DeliveryStatus.CANCELLED, reason=Reason.CANCELLED)
        for row in rows.select_related("notification").order_by("id")
    )


# -- the transitions table ----------------------------------------------------------------------


def _move(row: Delivery, status: DeliveryStatus, **changes) -> bool:
    """Change a row's status if the table allows it and nobody did so first."""
    if status != row.status and status not in TRANSITIONS[row.status]:
        return False
    changes |= {"status": status, "status_at": clock.now()}
    unchanged = Delivery.objects.filter(pk=row.pk, status=row.status, fence=row.fence)
    if not unchanged.update(**changes):
        return False
    for name, value in changes.items():
        setattr(row, name, value)
    return True


def open_count() -> int:
    """Return how many deliveries wait, due or not."""
    return Delivery.objects.filter(status__in=OPEN_STATUSES).count()


def oldest_due() -> datetime | None:
    """Return since when the oldest due delivery waits, or None. Aware, UTC."""
    due = Delivery.objects.filter(status__in=OPEN_STATUSES, due_at__lte=clock.real_now())
    return due.order_by("due_at").values_list("due_at", flat=True).first()

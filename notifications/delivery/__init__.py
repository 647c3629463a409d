"""Claim, send, record: the only writer of a delivery's status.

A batch is claimed and its attempts are written in one short transaction (`claim`); the carriers
are called outside any (`handover`); each answer is recorded in another, and only by whoever holds
the fence (`record`). What a crash leaves is found by the next run (`recover`), because the rows
say all there is to know.
"""

from collections.abc import Sequence
from datetime import timedelta
from time import monotonic, sleep
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django_q.models import OrmQ
from django_q.tasks import async_task

from notifications import clock, heartbeats, watermark, windows
from notifications.delivery.claim import claim
from notifications.delivery.climbing import NextStep, next_step
from notifications.delivery.desk import for_a_person, mark_handled, plan_again
from notifications.delivery.doubt import doubt
from notifications.delivery.handover import Couriers, Outcome
from notifications.delivery.record import record
from notifications.delivery.recover import answer_open, cancel_open, recover
from notifications.delivery.settle import settle
from notifications.delivery.statuses import Report, oldest_due
from notifications.delivery.words import links_for, written

__all__ = [
    "WORK_SECONDS",
    "NextStep",
    "Report",
    "answer_open",
    "cancel_open",
    "doubt",
    "for_a_person",
    "links_for",
    "mark_handled",
    "next_step",
    "oldest_due",
    "run_due",
    "settle",
    "try_again",
    "wake_after_commit",
    "work",
    "written",
]

MOST_ROWS = 400  # looked at in one claim
LONGEST_WAIT = timedelta(seconds=5)  # for a carrier that asked for patience
A_WHILE = timedelta(seconds=0.5)  # after which somebody looks for what else has become due
MOMENT = 0.02  # seconds: an address is changed in less
WORK_SECONDS = 40  # of the queue's 60: a task is never cut off in mid-send


def wake_after_commit() -> None:
    """Start work as soon as the caller's transaction is committed. A hint: rows are the record."""
    transaction.on_commit(_wake, robust=True)


def _wake() -> None:
    """Queue one run, unless one is waiting that has yet to look at the rows.

    The broker locks what it hands out until `retry` from then; what waits has its lock behind it.
    """
    windows.passing(windows.Window.BEFORE_WAKE_UP)
    if not OrmQ.objects.filter(lock__lte=clock.real_now()).exists():
        async_task(work)


@transaction.atomic
def try_again(*, delivery_id: UUID, actor: str) -> None:
    """Plan a failed delivery once more, for now; a press of two sends one.

    Raises Refused for what did not fail, and Delivery.DoesNotExist.
    """
    plan_again(delivery_id=delivery_id, actor=actor)
    wake_after_commit()


def work() -> None:
    """Deliver what is due now: what a wake-up runs. Safe to run twice, or never."""
    run_due(seconds=WORK_SECONDS)
    heartbeats.beat(heartbeats.WORKER)
    windows.passing(windows.Window.BEFORE_ACKNOWLEDGE)


def run_due(*, seconds: float = WORK_SECONDS) -> Report:
    """Deliver what is due at `clock.now()`, most urgent first; begin nothing after a time bound.

    What is under way when the time is over, or when something breaks, is waited for and recorded.
    """
    report, until, look = Report(), monotonic() + seconds, 1
    watermark.hold_if_restored()
    recover(report=report)
    with Couriers(slots=int(settings.NOTIFICATIONS_SEND_SLOTS)) as couriers:
        try:
            while look and monotonic() < until:
                look = _round(couriers, report, look=look)
        finally:
            _record_all(couriers.back(seconds=None), report)
    return report


def _record_all(outcomes: Sequence[Outcome], report: Report) -> None:
    """Record each answer; one that cannot be written, as in a deadlock, loses none of the others.

    Raises the first fault at the end.
    """
    faults: list[Exception] = []
    for outcome in outcomes:
        try:
            record(outcome, report=report)
        except Exception as fault:
            faults.append(fault)
    if faults:
        raise faults[0]


def _round(couriers: Couriers, report: Report, *, look: int) -> int:
    """Claim what there is room for, record what came back.

    Returns how many rows to look at next: more and more while nothing among them is to be sent,
    as in a broadcast to people without a number; 0 when there is nothing left to do. Whose
    addresses somebody is changing comes next, a moment later.
    """
    heartbeats.beat(heartbeats.WORKER, every=heartbeats.SECONDS)
    room, before, report.passed_by = couriers.room(), report.total, 0
    parcels = claim(limit=room, look=look, report=report) if room else []
    settled = report.total - before
    couriers.take(parcels)
    _record_all(couriers.back(), report)
    if report.passed_by and not parcels:
        sleep(MOMENT)
    if (settled or report.passed_by) and not parcels:
        return min(look * 2, MOST_ROWS)
    if parcels or settled or couriers.are_busy or report.total > before:
        return 1
    return 1 if _waited(report) else 0


def _waited(report: Report) -> bool:
    """Wait for a carrier that asked for a moment's patience; return whether there was one.

    Until the next tick it would be given a minute, and take a second's worth in each.
    """
    if report.opens_at is None or clock.is_pretended():
        return False
    left = report.opens_at - clock.now()
    if left <= LONGEST_WAIT:
        sleep(max(min(left, A_WHILE), timedelta(0)).total_seconds())
    return left <= LONGEST_WAIT

"""Claim, send, record: the only writer of a delivery's status.

A batch is claimed and its attempts are written in one short transaction (`claim`); the carriers
are called outside any (`handover`); each answer is recorded in another, and only by whoever holds
the fence (`record`). What a crash leaves is found by the next run (`recover`), because the rows
say all there is to know.
"""

from concurrent.futures import ThreadPoolExecutor
from time import monotonic

from django.conf import settings
from django.db import transaction
from django_q.models import OrmQ
from django_q.tasks import async_task

from notifications import clock
from notifications.delivery.claim import claim
from notifications.delivery.handover import hand_over_all
from notifications.delivery.record import record
from notifications.delivery.recover import cancel_open, recover
from notifications.delivery.statuses import Report, oldest_due, open_count
from notifications.delivery.words import links_for

__all__ = [
    "Report",
    "cancel_open",
    "links_for",
    "oldest_due",
    "open_count",
    "run_due",
    "wake_after_commit",
    "work",
]

WORK_SECONDS = 40  # of the queue's 60: a task is never cut off in mid-send


def wake_after_commit() -> None:
    """Start work as soon as the caller's transaction is committed. A hint: rows are the record."""
    transaction.on_commit(_wake, robust=True)


def _wake() -> None:
    """Queue one run, unless one is waiting that has yet to look at the rows.

    The broker locks what it hands out until `retry` from then; what waits has its lock behind it.
    """
    if not OrmQ.objects.filter(lock__lte=clock.real_now()).exists():
        async_task(work)


def work() -> None:
    """Deliver what is due now: what a wake-up runs. Safe to run twice, or never."""
    run_due(seconds=WORK_SECONDS)


def run_due(*, limit: int | None = None, seconds: float = WORK_SECONDS) -> Report:
    """Deliver what is due at `clock.now()`, most urgent first; stop at a limit or a time bound."""
    report, until, slots = Report(), monotonic() + seconds, int(settings.NOTIFICATIONS_SEND_SLOTS)
    recover(report=report)
    with ThreadPoolExecutor(max_workers=slots) as pool:
        while monotonic() < until and (limit is None or report.total < limit):
            size = slots if limit is None else min(slots, limit - report.total)
            settled = report.total
            parcels = claim(limit=size, report=report)
            for outcome in hand_over_all(parcels, pool=pool if slots > 1 else None):
                record(outcome, report=report)
            if not parcels and report.total == settled:
                break
    return report

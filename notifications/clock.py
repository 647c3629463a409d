"""The only source of time for planning: real by default, another moment inside `at`.

Leases and sessions use the real clock; everything that decides what is due asks `now()`, so
that `--now`, tests and simulations tell the truth about what would happen then.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

from django.utils import timezone

MINUTE = timedelta(minutes=1)

_moment: ContextVar[datetime | None] = ContextVar("moment", default=None)


def now() -> datetime:
    """Return the moment planning happens at: aware, UTC."""
    return _moment.get() or timezone.now()


def real_now() -> datetime:
    """Return what the wall clock says, whatever `at` pretends: for leases. Aware, UTC."""
    return timezone.now()


def is_pretended() -> bool:
    """Return whether `at` makes `now()` answer another moment: a rehearsal, or a test."""
    return _moment.get() is not None


def next_tick(moment: datetime) -> datetime:
    """Return the minute at which the clock finds what is due at a moment (aware)."""
    floor = moment.replace(second=0, microsecond=0)
    return floor if floor == moment else floor + MINUTE


@contextmanager
def at(moment: datetime | None) -> Iterator[None]:
    """Make `now()` answer `moment` (aware) inside the block; None leaves the clock as it is."""
    if moment is not None and timezone.is_naive(moment):
        raise ValueError("clock.at() needs a time with its zone, such as 2026-11-24T09:30-05:00")
    token = _moment.set(moment or _moment.get())
    try:
        yield
    finally:
        _moment.reset(token)

"""Signs of life: when the clock, a worker and the reconciler last did something.

One row each, in the real clock's time. `/readyz` reads them, and whoever watches over the worker. A
rehearsal at another moment is no sign of life, and leaves none.
"""

import logging
from datetime import datetime
from time import monotonic

from django.db import Error, transaction

from notifications import clock
from notifications.models import Heartbeat

logger = logging.getLogger(__name__)

CLOCK = "tick"
WORKER = "worker"
RECONCILER = "reconciler"
HOUSE = "house"  # the hourly house-keeping, which nobody watches
SECONDS = 5.0  # between two beats of one who works on and on

_beaten: dict[str, float] = {}
_failing: set[str] = set()


def beat(name: str, *, every: float = 0.0) -> None:
    """Write that a part lives; of more calls than one in `every` seconds only the first counts.

    Never raises for the database's sake: what it watches must go on. The first failure in a row is
    logged, and a beat that is missing makes `/readyz` red.
    """
    now = monotonic()
    if clock.is_pretended() or now - _beaten.get(name, float("-inf")) < every:
        return
    _beaten[name] = now
    try:
        _write(name)
    except Error as fault:
        if name not in _failing:
            logger.error("the heartbeat %s cannot be written: %s", name, type(fault).__name__)
        _failing.add(name)
    else:
        _failing.discard(name)


@transaction.atomic
def _write(name: str) -> None:
    Heartbeat.objects.bulk_create(
        [Heartbeat(name=name, beat_at=clock.real_now())],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["beat_at"],
    )


def last(name: str) -> datetime | None:
    """Return when a part last gave a sign of life, or None for never. Aware, UTC."""
    return Heartbeat.objects.filter(name=name).values_list("beat_at", flat=True).first()


def ages() -> dict[str, float | None]:
    """Return the seconds since the last beat of clock, worker and reconciler; None for never."""
    now, beats = clock.real_now(), dict(Heartbeat.objects.values_list("name", "beat_at"))
    return {
        name: max(0.0, (now - beats[name]).total_seconds()) if name in beats else None
        for name in (CLOCK, WORKER, RECONCILER)
    }

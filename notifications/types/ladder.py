"""The rungs of a ladder, worked out backwards from the moment a patient must be reached by."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from notifications.types.payload import Rung

Steps = Sequence[tuple[str, timedelta]]


def ladder(
    *, steps: Steps, reach_by: datetime, begins_at: datetime | None = None
) -> tuple[Rung, ...]:
    """Return the rungs of a ladder, the first first: each ends when the next begins.

    `steps` names each rung's channel, or `Rung.CALL`, and how long it has before the next takes
    over; the last has until `reach_by`. Counted back from there, the first begins at `begins_at`
    and has what time is to spare. Where there is less, what would be over at `begins_at` is left
    out, so that only the latest overdue one goes at once. None where `reach_by` is past.
    Times are aware.
    """
    begins_at = begins_at or reach_by - length_of(steps)
    rungs: list[Rung] = []
    ends = reach_by
    for channel, lasts in reversed(steps):
        if ends <= begins_at:
            break
        due_at = max(ends - lasts, begins_at)
        rungs.insert(0, Rung(channel=channel, due_at=due_at, expires_at=ends))
        ends = due_at
    if rungs:
        first = rungs[0]
        rungs[0] = Rung(channel=first.channel, due_at=begins_at, expires_at=first.expires_at)
    return tuple(rungs)


def length_of(steps: Steps) -> timedelta:
    """Return how long a ladder needs from its first rung to the moment of the last."""
    return sum((lasts for _channel, lasts in steps), timedelta())

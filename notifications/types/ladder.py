"""Ladders: their rungs, worked out backwards from the moment a patient must be reached by."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from notifications.enums import PatientNotificationChannel, Shape
from notifications.types.payload import NotificationPayload, Rung

Steps = Sequence[tuple[str, timedelta]]


def ladder(*, steps: Steps, reach_by: datetime) -> tuple[Rung, ...]:
    """Return the rungs of a ladder, the first first: each ends when the next begins.

    `steps` names each rung's channel, or `Rung.CALL`, and how long it has before the next takes
    over; the last has until `reach_by` (aware), and the others are counted back from it. A message
    made earlier sends the first rung at once, which so has the time to spare; of one made later
    the rungs that are over by then are skipped, and the latest overdue one goes at once.
    """
    rungs: list[Rung] = []
    ends = reach_by
    for channel, lasts in reversed(steps):
        rungs.insert(0, Rung(channel=channel, due_at=ends - lasts, expires_at=ends))
        ends -= lasts
    return tuple(rungs)


def length_of(steps: Steps) -> timedelta:
    """Return how long before `reach_by` a ladder begins."""
    return sum((lasts for _channel, lasts in steps), timedelta())


def climbs(payload: NotificationPayload) -> bool:
    """Return whether a message goes on one channel after the other."""
    return payload.shape == Shape.LADDER or bool(payload.rungs())


def is_followed(payload: NotificationPayload, *, step: int) -> bool:
    """Return whether another rung comes after this one (they count from 1), or a call."""
    later = payload.rungs()[step:] if step else ()
    return any(
        rung.channel == Rung.CALL or rung.channel in PatientNotificationChannel for rung in later
    )

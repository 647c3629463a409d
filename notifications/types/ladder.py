"""Ladders: their rungs, worked out backwards from the moment a patient must be reached by."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from notifications.enums import PatientNotificationChannel, Shape
from notifications.types.payload import NotificationPayload, Rung

Steps = Sequence[tuple[str, timedelta]]


def ladder(
    *, steps: Steps, reach_by: datetime, begins_at: datetime | None = None
) -> tuple[Rung, ...]:
    """Return the rungs of a ladder, the first first: each ends when the next begins.

    `steps` names each rung's channel, or `Rung.CALL`, and how long it has before the next takes
    over; the last has until `reach_by`, and the others are counted back from it. Where it is
    known when the message is made (`begins_at`), the first begins then and has the time to spare;
    where there is too little, what would be over by then is left out, so that the latest overdue
    one goes at once. None where `reach_by` is past. Times are aware.
    """
    rungs: list[Rung] = []
    ends = reach_by
    for channel, lasts in reversed(steps):
        if begins_at is not None and ends <= begins_at:
            break
        rungs.insert(0, Rung(channel=channel, due_at=ends - lasts, expires_at=ends))
        ends -= lasts
    if rungs and begins_at is not None:
        rungs[0] = replace(rungs[0], due_at=begins_at)
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

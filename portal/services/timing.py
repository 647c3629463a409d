"""Days of the calendar: months on, ten in the morning, and steps that follow one another."""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from portal.access import profiles_for

TEN = time(10)
A_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One reminder of a row of them: from when it goes, and until when it may still go (aware).

    `follows_at`: when the next one takes over; None for the last.
    """

    name: str
    due_at: datetime
    expires_at: datetime
    follows_at: datetime | None = None


def months_later(day: date, months: int) -> date:
    """Return the same day so many calendar months on, or the last day of a shorter month.

    31 August and six months is 28 February, or the 29th of a leap year.
    """
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def zone_of(patient_id: UUID) -> str:
    """Return the IANA zone a patient lives by: their own, their location's or the practice's."""
    return profiles_for([patient_id])[patient_id].zone


def day_of(moment: datetime, *, zone: str) -> date:
    """Return which day a moment (aware) falls on, on the wall clock of a zone."""
    return moment.astimezone(ZoneInfo(zone)).date()


def ten_o_clock(day: date, *, zone: str) -> datetime:
    """Return ten in the morning of a day on the wall clock of a zone: UTC, aware."""
    return datetime.combine(day, TEN, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def steps_about(day: date, *, days: Mapping[str, int], until: date, zone: str) -> list[Step]:
    """Return the reminders about a day, the earliest first; `days` is days after it by name.

    Days before it are negative. Each goes at ten in the morning and expires when the next is due,
    the last on the day `until`; what would only begin then is left out.
    """
    end = ten_o_clock(until, zone=zone)
    due = sorted(
        (moment, name)
        for name, after in days.items()
        if (moment := ten_o_clock(day + after * A_DAY, zone=zone)) < end
    )
    following = [next_due for next_due, _name in due[1:]] + [None]
    return [
        Step(name=name, due_at=due_at, expires_at=next_due or end, follows_at=next_due)
        for (due_at, name), next_due in zip(due, following, strict=True)
    ]


def still_to_go(steps: Iterable[Step], *, now: datetime, zone: str) -> list[Step]:
    """Return the steps that can still go. One that is overdue goes at the next ten in the morning.

    So a row that is entered late, at whatever hour, is caught up with once.
    """
    next_ten = ten_o_clock(day_of(now, zone=zone), zone=zone)
    if next_ten < now:
        next_ten = ten_o_clock(day_of(now, zone=zone) + A_DAY, zone=zone)
    later = [
        step if step.due_at >= now else replace(step, due_at=next_ten)
        for step in steps
        if step.expires_at > now
    ]
    return [step for step in later if step.due_at < step.expires_at]

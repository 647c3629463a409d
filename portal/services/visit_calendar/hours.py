"""When somebody is at a place: opening hours, weekdays and closed days, on its own clock. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from portal.models import Location

A_DAY = timedelta(days=1)
LOOK_BACK = 60  # days: a place closed for longer has nobody to call from


@dataclass(frozen=True, kw_only=True)
class Hours:
    """A place's hours. `open_days`: ISO weekdays, Monday is 1. `closed`: when nobody is in."""

    zone: str
    opens_at: time = time(8)
    closes_at: time = time(17)
    open_days: str = "12345"
    closed: frozenset[date] = frozenset()

    @classmethod
    def of(cls, location: Location, *, closed: Iterable[date] = ()) -> Self:
        return cls(
            zone=location.zone,
            opens_at=location.opens_at,
            closes_at=location.closes_at,
            open_days=location.open_days,
            closed=frozenset(closed),
        )

    def day_of(self, moment: datetime) -> date:
        """Return the day a moment (aware) falls on here."""
        return moment.astimezone(ZoneInfo(self.zone)).date()

    def at(self, day: date, hour: time) -> datetime:
        """Return an hour of the wall clock as a moment (UTC); one that is repeated is the first."""
        return datetime.combine(day, hour, tzinfo=ZoneInfo(self.zone)).astimezone(UTC)

    def is_open_on(self, day: date) -> bool:
        return str(day.isoweekday()) in self.open_days and day not in self.closed

    def last_open_day(self, day: date) -> date | None:
        """Return `day` if somebody is in, else the last day before it on which somebody is."""
        days = (day - A_DAY * back for back in range(LOOK_BACK))
        return next((each for each in days if self.is_open_on(each)), None)

    def last_closing_before(self, day: date) -> datetime | None:
        """Return when the last open day before `day` ends: until then the desk can still act."""
        last = self.last_open_day(day - A_DAY)
        return None if last is None else self.at(last, self.closes_at)

    def first_closing_after(self, day: date) -> datetime | None:
        """Return when the first open day after `day` ends; None: nobody is in for long."""
        days = (day + A_DAY * ahead for ahead in range(1, LOOK_BACK))
        found = next((each for each in days if self.is_open_on(each)), None)
        return None if found is None else self.at(found, self.closes_at)

    def on_an_open_day(self, moment: datetime) -> datetime:
        """Return a moment, or the same hour of the last open day before it. Aware, UTC."""
        day = self.day_of(moment)
        last = self.last_open_day(day)
        if last is None or last == day:
            return moment
        hour = moment.astimezone(ZoneInfo(self.zone)).time()
        return self.at(last, hour)

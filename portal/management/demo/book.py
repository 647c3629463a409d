"""The demo's appointment book: what will happen to each visit, decided before it is played."""

import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from portal.management.demo import AHEAD, PAST, cast
from portal.management.demo.people import Clinic
from portal.models import Location, Provider, User

OPENS, CLOSES = 8, 17  # hours of the place's own clock, Monday to Friday
SATURDAY = 5


@dataclass
class Story:
    """One visit: when it was booked, and what then came of it. Times are aware."""

    patient: User
    provider: Provider
    location: Location
    starts_at: datetime
    length: timedelta
    reason: str
    booked_at: datetime
    moved_at: datetime | None = None
    moved_to: datetime | None = None
    cancelled_at: datetime | None = None
    confirmed_at: datetime | None = None
    is_missed: bool = False

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + self.length


class Book:
    """Gives out free times, the same ones for the same dice."""

    def __init__(self, *, clinic: Clinic, now: datetime, dice: random.Random) -> None:
        self.clinic, self.now, self.dice = clinic, now, dice
        self._taken: set[tuple[object, datetime]] = set()
        self._told = {False: 0, True: 0}  # past visits, visits ahead

    def fill(self) -> list[Story]:
        """Return a month behind and a month ahead for everyone but Ana, whose story is told."""
        stories = []
        for patient in [self.clinic.maria, *self.clinic.children, *self.clinic.patients]:
            if self.dice.random() < 0.85:
                stories.append(self._story(patient, from_day=-29, to_day=-1))
            if self.dice.random() < 0.9:
                stories.append(self._story(patient, from_day=1, to_day=AHEAD.days - 1))
        return stories

    def on_day(self, patient: User, day: date, *, at: time, booked_at: datetime) -> Story:
        """Return a visit at a chosen hour, with the first provider who is free."""
        start = datetime.combine(day, at, tzinfo=ZoneInfo(patient.home_location.zone))
        provider, location = next(
            each for each in self._staff(patient) if self._take(each[0], start, 1)
        )
        return Story(
            patient, provider, location, start, timedelta(minutes=30), "Check-up", booked_at
        )

    def work_day(self, *, days: int) -> date:
        """Return the day so many days from now, or the Monday after it."""
        day = (self.now + timedelta(days=days)).date()
        return day + timedelta(days=(7 - day.weekday()) if day.weekday() >= SATURDAY else 0)

    def _story(self, patient: User, *, from_day: int, to_day: int) -> Story:
        reason, minutes = self.dice.choice(cast.REASONS)
        provider, location = self.dice.choice(self._staff(patient, reason=reason))
        start = self._free(provider, location, minutes, from_day=from_day, to_day=to_day)
        latest = min(start - timedelta(days=1), self.now - timedelta(hours=2))
        booked_at = latest - timedelta(hours=self.dice.randrange(1, 15 * 24))
        story = Story(
            patient=patient,
            provider=provider,
            location=location,
            starts_at=start,
            length=timedelta(minutes=minutes),
            reason=reason,
            booked_at=max(office_hour(booked_at, location), self.now - PAST),
        )
        self._twist(story, to_day=to_day)
        return story

    def _twist(self, story: Story, *, to_day: int) -> None:
        """Of the past and of the coming visits alike: one in eight is moved, one in nine cancelled,
        one in six confirmed by phone, one in twelve nobody comes to.
        """
        until = min(story.starts_at, self.now)
        is_ahead = until == self.now
        self._told[is_ahead] += 1
        number = self._told[is_ahead]
        between = story.booked_at + (until - story.booked_at) * self.dice.uniform(0.3, 0.8)
        at_the_desk = office_hour(between, story.location)
        between = at_the_desk if story.booked_at < at_the_desk < until else between
        if number % 8 == 3:
            story.moved_at, story.moved_to = between, self._later(story, to_day=to_day)
        elif number % 9 == 5:
            story.cancelled_at = between
        elif number % 6 == 1:
            story.confirmed_at = between
        story.is_missed = number % 12 == 7

    def _later(self, story: Story, *, to_day: int) -> datetime:
        minutes = int(story.length.total_seconds() / 60)
        day = (story.starts_at - self.now).days + 1
        return self._free(
            story.provider, story.location, minutes, from_day=day, to_day=max(day, to_day) + 3
        )

    def _staff(self, patient: User, *, reason: str = "Check-up") -> list[tuple[Provider, Location]]:
        """Return who does this at the patient's place: hygienists clean, dentists do the rest."""
        return [
            (provider, location)
            for provider, location in self.clinic.providers
            if location == patient.home_location
            and provider.name.endswith("RDH") == (reason in cast.HYGIENE)
        ]

    def _free(
        self, provider: Provider, location: Location, minutes: int, *, from_day: int, to_day: int
    ) -> datetime:
        slots = -(-minutes // 30)
        while True:
            day = self.now + timedelta(days=self.dice.randint(from_day, to_day))
            local = day.astimezone(ZoneInfo(location.zone))
            half_hours = self.dice.randrange(0, (CLOSES - OPENS) * 2 - slots)
            start = datetime.combine(local.date(), time(OPENS), tzinfo=local.tzinfo)
            start += timedelta(minutes=30 * half_hours)
            is_near_now = abs(start - self.now) < timedelta(hours=3)
            if local.weekday() < SATURDAY and not is_near_now:
                if self._take(provider, start, slots):
                    return start
                to_day += 1  # a full month grows rather than turning anybody away

    def _take(self, provider: Provider, start: datetime, slots: int) -> bool:
        wanted = {(provider.pk, start + timedelta(minutes=30 * step)) for step in range(slots)}
        if wanted & self._taken:
            return False
        self._taken |= wanted
        return True


def office_hour(moment: datetime, location: Location) -> datetime:
    """Return a moment of the same day at which the desk is there."""
    local = moment.astimezone(ZoneInfo(location.zone))
    return local.replace(hour=OPENS + 1 + local.hour % (CLOSES - OPENS - 2), second=0)

"""Before and after a visit by the clock on the wall, and what is too early for a text. Pure."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from portal.services.visit_calendar.hours import A_DAY, Hours

MINUTES_A_DAY = 24 * 60
# Texts go from eight to nine on the wall clock (47 CFR 64.1200(c)(1)); others wait for the morning.
DAY_BEGINS, DAY_ENDS = time(8), time(21)
# Who gets a text that waited for the morning with less than this left may have left home.
TIME_TO_ACT = timedelta(minutes=90)
EVENING = time(18)


def moment_before(*, starts_at: datetime, minutes: int, zone: str) -> datetime:
    """Return the moment `minutes` before a visit: UTC, aware.

    Whole days keep the wall clock of `zone`, so that a week before 9:30 is 9:30 across a change
    of the clocks; a time the clocks skip moves forward, one they repeat is the first. The hours
    that remain are elapsed time.
    """
    days, rest = divmod(minutes, MINUTES_A_DAY)
    return _days_off(starts_at, days=-days, zone=zone) - timedelta(minutes=rest)


def moment_after(*, ends_at: datetime, minutes: int, zone: str) -> datetime:
    """Return the moment `minutes` after a visit, as `moment_before` does: UTC, aware."""
    days, rest = divmod(minutes, MINUTES_A_DAY)
    return _days_off(ends_at, days=days, zone=zone) + timedelta(minutes=rest)


def _days_off(moment: datetime, *, days: int, zone: str) -> datetime:
    if not days:
        return moment.astimezone(UTC)
    # Arithmetic within one zone is on the wall clock, and answers with fold=0.
    return (moment.astimezone(ZoneInfo(zone)) + timedelta(days=days)).astimezone(UTC)


def is_night(moment: datetime, *, zone: str) -> bool:
    """Return whether no text goes at this moment (aware) on the wall clock of `zone`."""
    hour = moment.astimezone(ZoneInfo(zone)).time()
    return not DAY_BEGINS <= hour < DAY_ENDS


def evening_before_if_too_early(due_at: datetime, *, starts_at: datetime, hours: Hours) -> datetime:
    """Return when a reminder goes that would wait for the morning and then come too late.

    Two hours before a visit at nine is seven; its text would come at eight. It goes the evening
    before instead. Two hours before 9:30 stay: the text comes with an hour and a half to go.
    """
    if not is_night(due_at, zone=hours.zone) or starts_at - _morning_after(due_at, hours) >= (
        TIME_TO_ACT
    ):
        return due_at
    return min(due_at, hours.at(hours.day_of(starts_at) - A_DAY, EVENING))


def _morning_after(moment: datetime, hours: Hours) -> datetime:
    """Return when a text that falls into the night goes."""
    today = hours.at(hours.day_of(moment), DAY_BEGINS)
    return today if moment < today else hours.at(hours.day_of(moment) + A_DAY, DAY_BEGINS)

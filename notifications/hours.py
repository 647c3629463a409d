"""When something opens, on wall clocks: quiet hours end, a summary is due, advertising may go.

Pure. Moments are aware. A wall-clock time that a DST gap skips moves forward; of one that comes
twice the first counts.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from notifications.enums import ContactKind, Digest, PatientNotificationPriority
from notifications.text_hours import advertising_hours

# No automated text before or after, whatever a patient sets: 47 CFR 64.1200(c)(1) says 8 to 9.
TEXTS_FROM, TEXTS_UNTIL = time(8), time(21)
HELD_KINDS = (ContactKind.PHONE, ContactKind.PUSH)
SUMMARY_AT = time(17)
FRIDAY = 4
LOOK_AHEAD = timedelta(days=8)  # for an hour at which all agree; beyond, there is none


@dataclass(frozen=True, kw_only=True)
class TimeFacts:
    """What decides at which hour a message may leave. Quiet hours are on the patient's clock."""

    now: datetime
    zone: str = "UTC"
    zones: tuple[str, ...] = ()  # where else the number may be
    states: tuple[str, ...] = ()  # US states by two letters, whose hours for advertising hold
    contact_kind: ContactKind | None = None
    priority: PatientNotificationPriority = PatientNotificationPriority.MEDIUM
    is_marketing: bool = False
    passes_floor: bool = False
    quiet_from: time | None = TEXTS_UNTIL
    quiet_until: time | None = TEXTS_FROM


# -- what objects at a moment, and until when; None: nothing does ------------------------------


def quiet_ends(facts: TimeFacts, now: datetime) -> datetime | None:
    """Return when quiet hours end that hold a text or push at `now`. Urgent passes them."""
    is_urgent = facts.priority == PatientNotificationPriority.URGENT
    if facts.contact_kind not in HELD_KINDS or is_urgent:
        return None
    if facts.quiet_from is None or facts.quiet_until is None:
        return None
    return reopening(
        now=now, zone=facts.zone, closed_from=facts.quiet_from, closed_until=facts.quiet_until
    )


def texts_begin(facts: TimeFacts, now: datetime) -> datetime | None:
    """Return when texts may go again, for one that is not made to pass the floor."""
    if facts.contact_kind != ContactKind.PHONE or facts.passes_floor:
        return None
    return reopening(now=now, zone=facts.zone, closed_from=TEXTS_UNTIL, closed_until=TEXTS_FROM)


def advertising_begins(facts: TimeFacts, now: datetime) -> datetime | None:
    """Return when advertising by text may go again, by all clocks and states it may concern."""
    if facts.contact_kind != ContactKind.PHONE or not facts.is_marketing:
        return None
    return advertising_opens(now=now, zones={facts.zone, *facts.zones}, states=facts.states)


HOURS = (quiet_ends, texts_begin, advertising_begins)


def all_open(facts: TimeFacts, at: datetime) -> datetime | None:
    """Return the first moment from `at` on to which none of them objects; None: there is none."""
    while at < facts.now + LOOK_AHEAD:
        later = [moment for hour in HOURS if (moment := hour(facts, at))]
        if not later:
            return at
        at = max(later)
    return None


# -- wall clocks --------------------------------------------------------------------------------


def reopening(
    *, now: datetime, zone: str, closed_from: time, closed_until: time
) -> datetime | None:
    """Return when a daily closed range (local wall clock, may span midnight) ends, or None.

    The answer is aware, in `zone`.
    """
    local = ZoneInfo(zone)
    today = now.astimezone(local).date()
    nights = 1 if closed_from > closed_until else 0
    for day in (today - timedelta(days=1), today):
        begins = _instant(day, closed_from, local)
        ends = _instant(day + timedelta(days=nights), closed_until, local)
        if begins <= now < ends:
            return ends.astimezone(local)
    return None


def next_summary(*, after: datetime, zone: str, digest: Digest) -> datetime:
    """Return when the next summary is due after a moment: at 17 each day, or each Friday.

    The answer is aware, in `zone`.
    """
    local = ZoneInfo(zone)
    today = after.astimezone(local).date()
    days = (today + timedelta(days=ahead) for ahead in range(9))
    is_daily = digest == Digest.DAILY
    moments = (
        _instant(day, SUMMARY_AT, local) for day in days if is_daily or day.weekday() == FRIDAY
    )
    return next(at.astimezone(local) for at in moments if at > after)


def advertising_opens(
    *, now: datetime, zones: Collection[str], states: Collection[str]
) -> datetime | None:
    """Return the first moment at which it is open by every clock and state, None if it is now.

    Where there is none within LOOK_AHEAD, the end of that.
    """
    if _may_advertise(now, zones, states):
        return None
    # They agree first at an opening by one of the clocks.
    openings = sorted(moment for zone in zones for moment in _openings(now, zone, states))
    agreed = (each for each in openings if each > now and _may_advertise(each, zones, states))
    return next(agreed, now + LOOK_AHEAD)


def _may_advertise(moment: datetime, zones: Collection[str], states: Collection[str]) -> bool:
    return all(_is_open(moment.astimezone(ZoneInfo(zone)), states) for zone in zones)


def _is_open(local: datetime, states: Collection[str]) -> bool:
    hours = advertising_hours(states=states, weekday=local.weekday())
    return hours is not None and hours[0] <= local.time() < hours[1]


def _openings(now: datetime, zone: str, states: Collection[str]) -> list[datetime]:
    local = ZoneInfo(zone)
    today = now.astimezone(local).date()
    days = [today + timedelta(days=ahead) for ahead in range(LOOK_AHEAD.days)]
    hours = [(day, advertising_hours(states=states, weekday=day.weekday())) for day in days]
    return [_instant(day, opens[0], local) for day, opens in hours if opens]


def _instant(day: date, at: time, local: ZoneInfo) -> datetime:
    """Return a wall-clock time as a moment in UTC, where moments can be compared."""
    return datetime.combine(day, at, tzinfo=local).astimezone(UTC)

"""Hours of the wall clock that are closed each day, and when they end."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def reopening(
    *, now: datetime, zone: str, closed_from: time, closed_until: time
) -> datetime | None:
    """Return when a daily closed range (local wall clock, may span midnight) ends, or None.

    The answer is aware, in `zone`. A wall-clock time that a DST gap skips moves forward; of one
    that comes twice the first counts.
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


def _instant(day: date, at: time, local: ZoneInfo) -> datetime:
    """Return a wall-clock time as a moment in UTC, where moments can be compared."""
    return datetime.combine(day, at, tzinfo=local).astimezone(UTC)

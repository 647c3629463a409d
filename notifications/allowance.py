"""Whether a number may get one more automated text (M-02).

Pure: moments in, yes or no out. Every text to a number counts; those that yield are decided on
by `policy`. One a day and three a week are what 47 CFR 64.1200(a)(9)(iv) allows a healthcare
provider without asking, and what patients bear.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

WEEK = timedelta(days=7)


def has_room(
    *, used: Iterable[datetime], now: datetime, zone: str, a_day: int, a_week: int
) -> bool:
    """Return whether a text at `now` keeps within both bounds, given when others went (aware).

    A day is the calendar day of `zone` (IANA), a week any seven days: a text of last Tuesday noon
    counts until this Tuesday noon.
    """
    local = ZoneInfo(zone)
    today = now.astimezone(local).date()
    lately = [at for at in used if at > now - WEEK]
    on_this_day = [at for at in lately if at.astimezone(local).date() == today]
    return len(on_this_day) < a_day and len(lately) < a_week

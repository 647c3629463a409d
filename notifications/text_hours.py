"""At which hours advertising may be texted: the states' own limits, as data.

Wall-clock time where the patient is. Federal law has 8 to 21 every day (47 CFR 64.1200(c)(1));
these states allow less. We advertise on no Sunday anywhere, which is stricter than any of them.
"(?)" marks what is not certain: the narrower reading is taken, but holidays are not known here.
Other states limit the hours of telephone calls; where that comes to mean texts, it is one row more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import time

SATURDAY, SUNDAY = 5, 6
Hours = tuple[time, time]  # from, until: the end itself is closed


@dataclass(frozen=True, kw_only=True)
class StateHours:
    """When a state allows advertising by text; `saturday` None: as on other days."""

    weekdays: Hours
    saturday: Hours | None = None


FEDERAL = StateHours(weekdays=(time(8), time(21)))
STATES: dict[str, StateHours] = {
    # Conn. Gen. Stat. 42-288a, as amended by Public Act 23-98: 9 to 8.
    "CT": StateHours(weekdays=(time(9), time(20))),
    # Fla. Stat. 501.616(6)(a): 8 to 8 in the called person's time zone.
    "FL": StateHours(weekdays=(time(8), time(20))),
    # Md. Code, Com. Law 14-4503, Stop the Spam Calls Act of 2023: 8 to 8.
    "MD": StateHours(weekdays=(time(8), time(20))),
    # N.J. Stat. 56:8-130 and N.J.A.C. 13:45D-4.4: 8 to 8 (?), read by some as 8 to 9.
    "NJ": StateHours(weekdays=(time(8), time(20))),
    # Okla. Stat. tit. 15, 775C.4, Telephone Solicitation Act of 2022: 8 to 8.
    "OK": StateHours(weekdays=(time(8), time(20))),
    # R.I. Gen. Laws 5-61-2(2) and 5-61-3.6, mobiles too: 9 to 6, Saturdays 10 to 5, no holiday (?).
    "RI": StateHours(weekdays=(time(9), time(18)), saturday=(time(10), time(17))),
    # Tex. Bus. & Com. Code 301.051: 9 to 9, Sundays from noon; texts too since S.B. 140 of 2025.
    "TX": StateHours(weekdays=(time(9), time(21))),
}


def advertising_hours(*, states: Iterable[str], weekday: int) -> Hours | None:
    """Return the hours that federal law and all these states allow on a weekday, Monday 0.

    None: not on this day.
    """
    if weekday == SUNDAY:
        return None
    allowed = [_on(FEDERAL, weekday), *(_on(STATES.get(each, FEDERAL), weekday) for each in states)]
    opens, closes = max(each[0] for each in allowed), min(each[1] for each in allowed)
    return (opens, closes) if opens < closes else None


def _on(hours: StateHours, weekday: int) -> Hours:
    return (hours.saturday or hours.weekdays) if weekday == SATURDAY else hours.weekdays

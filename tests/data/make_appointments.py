"""Makes `appointments_2000.csv` and, by its own arithmetic, what importing it must lead to.

    python tests/data/make_appointments.py                 # writes both, beside this file
    python tests/data/make_appointments.py --moved FILE    # writes the CSV with ten visits moved

Nobody in it is real: names are put together from two lists, addresses end in example.com (RFC
2606), numbers are 555-0100 to 555-0199, set aside for fiction. The expectations use none of the
project's code, so that they can disagree with it. The same numbers come out each time.
"""

import csv
import json
import sys
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import cycle
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo


def words(text: str) -> list[str]:
    return text.replace(",", " ").split()


HERE = Path(__file__).parent
ROWS = 2000
FIRST_DAY, LAST_DAY = date(2030, 3, 11), date(2030, 4, 12)
MOMENTS = {
    "Monday morning": "2030-03-11T09:00:00-04:00",
    "Wednesday noon": "2030-03-13T12:00:00-04:00",
    "Friday morning": "2030-03-15T10:00:00-04:00",
}
RULES = {
    "save-the-date": 21 * 24 * 60,
    "7-days": 7 * 24 * 60,
    "2-days": 2 * 24 * 60,
    "2-hours": 120,
}
LAST_MOMENT = timedelta(minutes=30)
SAVED_WITHIN = timedelta(days=3)  # of its moment: later a date need not be saved
TEXTS_FROM, IN_TIME, EVENING = time(8), time(9, 30), time(18)
LOCATIONS = {
    "L1": ("Main Street", "America/New_York"),
    "L2": ("Desert View", "America/Phoenix"),
    "L3": ("Harbor Side", "Pacific/Honolulu"),
}
PROVIDERS = {f"D{n}": f"Dr. {name}" for n, name in enumerate(words("Adler Berg Cho Diaz Eng Fox"))}
FIRST = words(
    "Ada Ben Cora Dan Eva Finn Gia Hugo Ida Jon Kira Leo Mia Noah Olga Paul Quinn Rosa Sam Tess "
    "Uma Vito Wes Xena Yara Zeno"
)
LAST = words(
    "Abbott Baker Cole Dunn Ellis Frost Grant Hayes Irwin Jarvis Keane Lowell Marsh Nolan Osgood "
    "Price Quigley Reyes Stone Tully Upton Vance Walsh York Zeller"
)
AREAS = words("201 212 305 312 404 415 502 602 702 808 913 919")
REASONS = ("Check-up and cleaning", "Crown, upper left", "Root canal, second visit", "Braces")
# What becomes of a visit, and how often: of the past, and of the weeks that lie ahead.
PAST = {"fulfilled": 900, "noshow": 60, "cancelled": 120, "booked": 60, "arrived": 30}
AHEAD = {
    "booked": 650,
    "confirmed": 70,
    "cancelled": 50,
    "proposed": 20,
    "pending": 20,
    "waitlist": 10,
    "entered-in-error": 10,
}
COLUMNS = words(
    "appointment_id,patient_id,patient_first_name,patient_last_name,patient_birth_date,"
    "patient_language,patient_email,email_verified,patient_phone,phone_verified,sms_consent_at,"
    "sms_consent_source,sms_consent_wording,guardian_id,guardian_first_name,guardian_last_name,"
    "guardian_relation,guardian_email,guardian_phone,provider_id,provider_name,location_id,"
    "location_name,location_zone,starts_at,ends_at,duration_minutes,status,reason"
)


@dataclass(frozen=True)
class Visit:
    """A visit ahead as its reminders see it; `planned_after` is when it was moved, if it was."""

    id: str
    starts_at: datetime
    zone: str
    email: str
    planned_after: datetime = datetime.min.replace(tzinfo=UTC)

    def reminders(self) -> list[tuple[str, datetime, datetime]]:
        """Return (rule, due, too late from) of each: whole days go by the clock on the wall."""
        due = [(rule, self._before(minutes)) for rule, minutes in RULES.items()]
        ends = [moment for _rule, moment in due[1:]] + [self.starts_at - LAST_MOMENT]
        ends[0] = min(ends[0], due[0][1] + SAVED_WITHIN)
        return [(*each, end) for each, end in zip(due, ends, strict=True)]

    def _before(self, minutes: int) -> datetime:
        days, rest = divmod(minutes, 24 * 60)
        local = self.starts_at.astimezone(ZoneInfo(self.zone)) - timedelta(days=days)
        moment = local.astimezone(UTC) - timedelta(minutes=rest)
        hour = moment.astimezone(ZoneInfo(self.zone)).time()
        if rest and hour < TEXTS_FROM and local.time() < IN_TIME:  # a text at eight is too late
            evening = datetime.combine(local.date() - timedelta(days=1), EVENING)
            return evening.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)
        return moment


# -- people --------------------------------------------------------------------------------------


def people(random: Random) -> list[dict[str, str]]:
    """Return 640 patients: adults, couples on one address, children with a mother or father."""
    numbers = (f"+1 {area} 555 01{last:02}" for last in range(100) for area in AREAS)
    found: list[dict[str, str]] = []
    for number in range(460):
        found.append(_adult(random, number, next(numbers)))
    for one, other in zip(found[:60:2], found[1:60:2], strict=True):
        other["patient_email"] = one["patient_email"]
        other["patient_last_name"] = one["patient_last_name"]
    for number, parent in zip(range(460, 620), cycle(found[60:160]), strict=False):
        found.append(_child(random, number, parent))
    for number in range(620, 640):
        found.append(_child(random, number, _not_a_patient(random, number, next(numbers))))
    return found


def _adult(random: Random, number: int, phone: str) -> dict[str, str]:
    first, last = FIRST[number % len(FIRST)], LAST[number // len(FIRST) % len(LAST)]
    person = {
        "patient_id": f"P{number:04}",
        "patient_first_name": first,
        "patient_last_name": last,
        "patient_birth_date": str(date(random.randint(1940, 1995), random.randint(1, 12), 14)),
        "patient_language": "es" if number % 7 == 0 else "en",
        "patient_phone": phone,
    }
    if number % 10 != 9:  # every tenth has no e-mail
        person["patient_email"] = f"{first}.{last}.{number}@example.com".lower()
        person["email_verified"] = "yes" if number % 3 == 0 else "no"
    if number % 4 == 0:
        person["phone_verified"] = "yes"
    if number % 8 == 0:
        person["sms_consent_at"] = "2025-02-03T10:15:00-05:00"
        person["sms_consent_source"] = "front-desk"
        person["sms_consent_wording"] = "paper-2024"
    return person


def _child(random: Random, number: int, parent: dict[str, str]) -> dict[str, str]:
    return {
        "patient_id": f"P{number:04}",
        "patient_first_name": FIRST[number % len(FIRST)],
        "patient_last_name": parent["patient_last_name"],
        "patient_birth_date": str(date(random.randint(2018, 2023), random.randint(1, 12), 21)),
        "patient_language": parent["patient_language"],
        "guardian_id": parent["patient_id"],
        "guardian_first_name": parent["patient_first_name"],
        "guardian_last_name": parent["patient_last_name"],
        "guardian_relation": "mother" if number % 2 else "father",
        "guardian_email": parent.get("patient_email", ""),
        "guardian_phone": parent["patient_phone"],
    }


def _not_a_patient(random: Random, number: int, phone: str) -> dict[str, str]:
    return _adult(random, number, phone) | {
        "patient_id": f"G{number:04}",
        "patient_email": f"guardian.{number}@example.com",
    }


# -- visits --------------------------------------------------------------------------------------


def rows(random: Random) -> list[dict[str, str]]:
    """Return the lines of the file, in no order of time, as systems export them."""
    patients = cycle(people(random))
    wanted = [(status, False) for status, count in PAST.items() for _ in range(count)]
    wanted += [(status, True) for status, count in AHEAD.items() for _ in range(count)]
    random.shuffle(wanted)
    made = [
        next(patients) | _visit(random, number, status, is_ahead)
        for number, (status, is_ahead) in enumerate(wanted, start=1)
    ]
    assert len(made) == ROWS
    return made


def _visit(random: Random, number: int, status: str, is_ahead: bool) -> dict[str, str]:
    place = random.choice(list(LOCATIONS))
    name, zone = LOCATIONS[place]
    provider = random.choice(list(PROVIDERS))
    first, last = (FIRST_DAY, LAST_DAY) if is_ahead else (date(2024, 1, 8), date(2025, 5, 30))
    length = random.choice((30, 45, 60))
    visit = {
        "appointment_id": f"A{number:05}",
        "provider_id": provider,
        "provider_name": PROVIDERS[provider],
        "location_id": place,
        "location_name": name,
        "location_zone": zone,
        "status": status,
        "reason": random.choice(REASONS),
    }
    starts_at = _slot(random, first, last, zone)
    return visit | times(starts_at, length, as_local=number % 2 == 0, with_end=number % 5 == 0)


def _slot(random: Random, first: date, last: date, zone: str) -> datetime:
    day = first + timedelta(days=random.randrange((last - first).days + 1))
    day -= timedelta(days=max(0, day.weekday() - 4))  # a weekend becomes its Friday
    minutes = random.randrange(0, 9 * 60, 15)
    return datetime.combine(day, time(8), tzinfo=ZoneInfo(zone)) + timedelta(minutes=minutes)


def times(starts_at: datetime, length: int, *, as_local: bool, with_end: bool) -> dict[str, str]:
    """Return the cells of a time, in one of the four ways they may be written."""

    def written(moment: datetime) -> str:
        return moment.strftime("%Y-%m-%d %H:%M") if as_local else moment.isoformat()

    given = {"ends_at": "", "duration_minutes": length}
    if with_end:
        given = {"ends_at": written(starts_at + timedelta(minutes=length)), "duration_minutes": ""}
    return {"starts_at": written(starts_at)} | given


def ahead(made: list[dict[str, str]]) -> list[Visit]:
    """Return the visits that are reminded of."""
    return [
        Visit(
            id=row["appointment_id"],
            starts_at=start_of(row),
            zone=row["location_zone"],
            email=row.get("patient_email") or row.get("guardian_email", ""),
        )
        for row in made
        if row["status"] in ("booked", "confirmed") and start_of(row).date() >= FIRST_DAY
    ]


def start_of(row: dict[str, str]) -> datetime:
    moment = datetime.fromisoformat(row["starts_at"])
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(row["location_zone"]))


# -- what must come of it ------------------------------------------------------------------------


def expected(made: list[dict[str, str]]) -> dict:
    visits = ahead(made)
    moves = moved(visits)
    moved_at = datetime.fromisoformat(MOMENTS["Monday morning"])
    after = [_after(visit, moves=moves, moved_at=moved_at) for visit in visits]
    never = ("proposed", "pending", "waitlist", "entered-in-error")
    people_named = {row.get(key) for row in made for key in ("patient_id", "guardian_id")}
    return {
        "people": len(people_named - {None, ""}),
        "visits": {
            "recorded": sum(PAST.values()) + AHEAD["cancelled"],
            "created": AHEAD["booked"] + AHEAD["confirmed"],
            "confirmed": AHEAD["confirmed"],
            "skipped": sum(AHEAD[status] for status in never),
        },
        "plans": {rule: len(visits) for rule in RULES},
        "moments": sent(visits),
        "move": {
            "starts_at": {visit_id: moment.isoformat() for visit_id, moment in moves.items()},
            "notices": sorted([visit.id, visit.email] for visit in visits if visit.id in moves),
            "moments": sent(after)[1:],
        },
    }


def _after(visit: Visit, *, moves: dict[str, datetime], moved_at: datetime) -> Visit:
    if visit.id not in moves:
        return visit
    return replace(visit, starts_at=moves[visit.id], planned_after=moved_at)


def moved(visits: list[Visit]) -> dict[str, datetime]:
    """Return ten visits of the first Thursday and Friday, each six days later at 10:20.

    Their old times have been reminded of by Monday morning; the new ones come due from Wednesday.
    """
    days = (date(2030, 3, 14), date(2030, 3, 15))
    chosen = [visit for visit in visits if visit.starts_at.date() in days and visit.email]
    return {
        visit.id: datetime.combine(
            visit.starts_at.date() + timedelta(days=6), time(10, 20), tzinfo=ZoneInfo(visit.zone)
        )
        for visit in chosen[:10]
    }


def sent(visits: list[Visit]) -> list[dict]:
    """Return what each moment sends: [appointment, rule, e-mail or ""], once in a lifetime."""
    done: set[tuple[str, str]] = set()
    found = []
    for name, text in MOMENTS.items():
        now = datetime.fromisoformat(text)
        due = [
            (visit, rule)
            for visit in visits
            for rule, due_at, end in visit.reminders()
            if visit.planned_after < due_at <= now < end and (visit.id, rule) not in done
        ]
        done |= {(visit.id, rule) for visit, rule in due}
        listed = sorted([visit.id, rule, visit.email] for visit, rule in due)
        found.append(
            {
                "name": name,
                "now": text,
                "inbox_messages": len(listed),
                "emails": sum(bool(email) for _id, _rule, email in listed),
                "by_rule": dict(sorted(Counter(rule for _id, rule, _email in listed).items())),
                "reminders": listed,
            }
        )
    return found


def with_moves(made: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the lines with ten visits at their new times."""
    moves = moved(ahead(made))
    return [
        row | times(moves[row["appointment_id"]], 30, as_local=False, with_end=True)
        if row["appointment_id"] in moves
        else row
        for row in made
    ]


def write_csv(made: list[dict[str, str]], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(made)


def main() -> None:
    made = rows(Random(2030))
    if sys.argv[1:2] == ["--moved"]:
        write_csv(with_moves(made), Path(sys.argv[2]))
        return
    write_csv(made, HERE / "appointments_2000.csv")
    with (HERE / "appointments_2000.json").open("w", encoding="utf-8") as file:
        json.dump(expected(made), file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()

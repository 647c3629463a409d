"""What one cell or element of a file may hold. Raises `Bad` with a sentence that quotes nothing."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from notifications import clock, contacts
from notifications.enums import ContactKind
from notifications.types import Refused
from portal.models import STATES

ID_LENGTH = 64
LONGEST_VISIT = timedelta(hours=24)
YEARS = range(1900, 2200)  # of a visit; nearer the ends of the calendar, arithmetic breaks
OUT_OF_YEARS = f"must lie between {YEARS[0]} and {YEARS[-1]}"
YES, NO = ("yes", "true", "1", "y"), ("no", "false", "0", "n")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Bad(ValueError):
    """A value that cannot be taken. The text says what would do."""


def line(value: str, *, limit: int) -> str:
    """Return text of one line and at most `limit` characters, trimmed."""
    value = value.strip()
    if len(value) > limit:
        raise Bad(f"is longer than {limit} characters")
    if _CONTROL.search(value):
        raise Bad("holds a line break or a control character")
    return value


def identifier(value: str) -> str:
    """Return an id as the source writes it: up to 64 characters, none of them blank."""
    value = line(value, limit=ID_LENGTH)
    if any(character.isspace() for character in value):
        raise Bad("an id has no blanks")
    return value


def code(value: str, *, limit: int) -> str:
    """Return a short name such as `paper-2024`."""
    value = line(value, limit=limit)
    if value and not _CODE.fullmatch(value):
        raise Bad("takes letters, digits, dots, dashes and underscores only")
    return value


def answer(value: str) -> bool | None:
    """Return yes or no, or None for an empty cell."""
    word = value.strip().lower()
    if word and word not in YES + NO:
        raise Bad("must be yes or no")
    return word in YES if word else None


def zone(value: str) -> str:
    """Return the name of an IANA time zone."""
    value = value.strip()
    if value and value not in _zones():
        raise Bad("must be a time zone such as America/New_York")
    return value


def state(value: str) -> str:
    """Return the two letters of a US state."""
    letters = value.strip().upper()
    if letters and letters not in STATES:
        raise Bad("must be the two letters of a state such as NY")
    return letters


@cache  # 15 ms a call: it walks the whole zone directory
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def birth_date(value: str) -> date | None:
    """Return a full date between 1900 and today."""
    if not value.strip():
        return None
    try:
        day = date.fromisoformat(value.strip())
    except ValueError:
        raise Bad("must be a date like 1984-05-31") from None
    if not date(1900, 1, 1) <= day <= clock.now().date() + timedelta(days=1):
        raise Bad("must lie between 1900 and today")
    return day


def moment(value: str, *, zone_name: str) -> datetime | None:
    """Return an aware time. One without an offset is local to `zone_name`.

    Where clocks go back, the first of the two hours is meant; an hour that clocks skip is refused.
    """
    value = value.strip()
    if not value:
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        read = None
    if read is None or len(value) < len("2026-11-24T09:30"):
        raise Bad("must be a time like 2026-11-24T09:30-05:00 or 2026-11-24 09:30")
    if read.year not in YEARS:
        raise Bad(OUT_OF_YEARS)
    return read if read.tzinfo else _local(read, zone_name)


def _local(naive: datetime, zone_name: str) -> datetime:
    local = naive.replace(tzinfo=ZoneInfo(zone_name), fold=0)
    if local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) != naive:
        raise Bad("this time does not exist there: clocks go forward; write it with its offset")
    return local


def past(value: str) -> datetime | None:
    """Return a time that says its own offset and has passed: a consent can wait for no later."""
    read = moment(value, zone_name="UTC")
    if read and datetime.fromisoformat(value.strip()).tzinfo is None:
        raise Bad("must say its offset, like 2026-11-24T09:30-05:00")
    if read and read > clock.now():
        raise Bad("lies in the future")
    return read


def minutes(value: str) -> timedelta | None:
    """Return a length of 1 to 1440 minutes."""
    if not value.strip():
        return None
    if not value.strip().isascii() or not value.strip().isdigit():
        raise Bad("must be a number of minutes")
    if not 1 <= int(value.strip()[:9]) <= LONGEST_VISIT // timedelta(minutes=1):
        raise Bad("must be between 1 and 1440 minutes")
    return timedelta(minutes=int(value))


def address(value: str, *, kind: ContactKind) -> str:
    """Return an e-mail address or a phone number (US unless it says its country), normalised."""
    value = line(value, limit=254)
    if not value:
        return ""
    try:
        return contacts.normalise(kind=kind, value=value)
    except Refused:
        wanted = "ana@example.com" if kind == ContactKind.EMAIL else "212 555 0142"
        noun = "an email address" if kind == ContactKind.EMAIL else "a phone number"
        raise Bad(f"is not {noun}; write it like {wanted}") from None


def language(value: str) -> str:
    """Return `es` for es-MX. Whether that language is spoken here is not asked yet."""
    primary = re.split("[-_]", line(value, limit=35).lower())[0]
    if value.strip() and not re.fullmatch("[a-z]{2,3}", primary):
        raise Bad("must be a language such as en or es")
    return primary

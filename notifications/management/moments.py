"""Moments on the command line."""

from datetime import datetime

from django.core.management.base import CommandError
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive

YEARS = range(2000, 2200)  # nearer the ends of the calendar, arithmetic breaks
EXAMPLE = "2026-11-24T09:30-05:00"


def moment_of(text: str | None, *, option: str) -> datetime | None:
    """Return the moment an option names (aware), None for none. Raises CommandError."""
    if text is None:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or is_naive(moment) or moment.year not in YEARS:
        raise CommandError(f"{option} {text!r} is not a moment with its zone; write {EXAMPLE}")
    return moment

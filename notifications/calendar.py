"""A calendar's file of one appointment, as RFC 5545 writes it. Pure.

Mailed, it has the method REQUEST although nobody is asked to answer: of an entry that came by
PUBLISH, Gmail neither follows the changes nor takes it out at a CANCEL, as those report who tried
(Wunderbyte-GmbH/moodle-mod_booking#1107, spatie/icalendar-generator#144). It names no
ATTENDEE, although RFC 5546 section 3.2.2 wants one: a reader who is named gets Yes and No buttons,
even with RSVP=FALSE (adamgibbons/ics#285), and a No there would tell us nothing while it
looks like a visit called off. A file that is fetched has PUBLISH, as section 3.2.1 has it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from django.conf import settings
from icalendar import Calendar, Event, vCalAddress


@dataclass(frozen=True, kw_only=True)
class CalendarEvent:
    """One appointment as a calendar shows it, to whoever sees that calendar: nothing private.

    `uid` is the same for all that is ever said of the appointment; of two files the one with the
    higher `sequence` holds. Times are aware; `ends_at` None: not known.
    """

    uid: str
    sequence: int
    starts_at: datetime
    ends_at: datetime | None = None
    summary: str
    location: str = ""
    note: str = ""  # such as whom to call
    organizer: str  # the practice, by the name strangers may read
    is_cancelled: bool = False


def calendar_file(event: CalendarEvent, *, now: datetime, is_mailed: bool = False) -> str:
    """Return the file: text with the line ends of RFC 5545. `now` is when it is written (aware).

    Times are UTC, so that it needs no rules of a zone and no clock's change can mislead it.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//DentaMind//Notifications//EN")
    calendar.add("version", "2.0")
    calendar.add("method", _method(event, is_mailed=is_mailed))
    calendar.add_component(_entry(event, now=now))
    return calendar.to_ical().decode()


def _method(event: CalendarEvent, *, is_mailed: bool) -> str:
    if event.is_cancelled:
        return "CANCEL"
    return "REQUEST" if is_mailed else "PUBLISH"


def _entry(event: CalendarEvent, *, now: datetime) -> Event:
    entry = Event()
    entry.add("uid", f"{event.uid}@{urlsplit(settings.PUBLIC_URL).hostname}")
    entry.add("sequence", event.sequence)
    entry.add("dtstamp", now.astimezone(UTC))
    entry.add("dtstart", event.starts_at.astimezone(UTC))
    if event.ends_at is not None:
        entry.add("dtend", event.ends_at.astimezone(UTC))
    entry.add("summary", event.summary)
    for name, value in (("location", event.location), ("description", event.note)):
        if value:
            entry.add(name, value)
    entry.add("organizer", _organizer(event))
    entry.add("status", "CANCELLED" if event.is_cancelled else "CONFIRMED")
    entry.add("class", "PRIVATE")  # a calendar that others see shows only that the time is taken
    return entry


def _organizer(event: CalendarEvent) -> vCalAddress:
    """Return the address our mail comes from: Gmail heeds a change only from the organizer."""
    address = vCalAddress(f"mailto:{settings.DEFAULT_FROM_EMAIL}")
    address.params["cn"] = event.organizer
    return address

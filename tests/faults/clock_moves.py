"""The clock jumps, and two nights it is changed: nothing leaves late, at night, or twice.

A rehearsal: `run_due --now` is refused where messages would really go out, so the outbox stands in
for the carriers here, and its table is the book.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

from django.utils import timezone

from notifications.providers.outbox import OutboxMessage
from notifications.services import patient_notification_service
from portal.models import User
from portal.notification_types.general_reminder import GeneralReminderPayload
from tests.faults.bench import Bench
from tests.faults.crowd import write_row
from tests.faults.site import REHEARSAL

ZONE = "America/New_York"
# A night the clock is changed: looks at which a text must wait, the first at which it may go.
SPRING = ("2027-03-14T06:30Z", "2027-03-14T07:30Z", "2027-03-14T11:59Z"), "2027-03-14T12:01Z"
AUTUMN = ("2027-11-07T05:30Z", "2027-11-07T06:30Z", "2027-11-07T12:59Z"), "2027-11-07T13:01Z"


def clock_moved(bench: Bench, *, name: str, runs: int) -> None:
    """Jump five days on, then into the nights of March and November, and look each time."""
    count = max(3, runs // 10)
    bench.site.keeper.drop("worker", at_once=True)
    bench.ticker.is_paused = True
    counts = _jump(bench, count)
    for waits, goes in (SPRING, AUTUMN):
        counts.update(_night(bench, count, waits=waits, goes=goes))
    note = "five days on; the nights of 14 March and 7 November 2027 in New York"
    write_row(bench, name=name, runs=count * 3, counts=counts, note=note)
    bench.ticker.is_paused = False
    bench.site.start_workers(**bench.workers)


def _jump(bench: Bench, count: int) -> Counter[str]:
    """What was worth sending for two days must not leave after five."""
    before = _book()
    patients = _told(bench, count, last=timezone.now().date() + timedelta(days=2))
    moment = timezone.now() + timedelta(days=5)
    _look(bench, moment.isoformat())
    return Counter(stale=sum((_book(patients) - before).values()))


def _night(bench: Bench, count: int, *, waits: tuple[str, ...], goes: str) -> Counter[str]:
    """Held while it is night by the new clock or the old; then one text for each."""
    day = datetime.fromisoformat(goes).astimezone(UTC).date()
    patients = _told(bench, count, last=day + timedelta(days=1))
    for moment in waits:
        _look(bench, moment)
    early = sum(_book(patients).values())
    for _twice in range(2):
        _look(bench, goes)
    sent = _book(patients)
    return Counter(
        stale=early,
        lost=sum(not sent[number] for number in patients),
        duplicated=sum(max(0, copies - 1) for copies in sent.values()),
    )


def _told(bench: Bench, count: int, *, last: date) -> list[str]:
    """Make a message for patients of New York; return their numbers."""
    persons = [bench.people.one("sms") for _ in range(count)]
    pks = [person.patient_id for person in persons]
    User.objects.filter(pk__in=pks).update(zone=ZONE)
    for pk in pks:
        payload = GeneralReminderPayload(text="Please call us.", due_on=last)
        patient_notification_service.create_notification(patient_id=pk, payload=payload, key="late")
    return [person.address for person in persons]


def _look(bench: Bench, moment: str) -> None:
    bench.site.manage("run_due", "--now", moment, **REHEARSAL)


def _book(numbers: list[str] | None = None) -> Counter[str]:
    """How many texts the outbox has for each number (for these, if any are named)."""
    rows = OutboxMessage.objects.filter(channel="sms")
    found = Counter(row.to for row in rows)
    if numbers is None:
        return found
    return Counter({number: found[number] for number in numbers})

"""The whole line on a real file: 2,000 rows become plans, and each moment sends what is listed.

`tests/data/make_appointments.py` made the file and worked out the lists, without our code.
"""

import json
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from random import Random

import pytest
from django.core.management import call_command

from notifications import clock
from notifications.models import Delivery, PatientNotification, ScheduledNotification
from notifications.providers.outbox import OutboxMessage
from portal.models import ExternalId
from tests.data.make_appointments import rows, with_moves, write_csv

DATA = Path(__file__).parent / "data"
FILE = DATA / "appointments_2000.csv"
EXPECTED = json.loads((DATA / "appointments_2000.json").read_text())
SOURCE = "two-thousand"

pytestmark = pytest.mark.django_db


def import_file(path: Path) -> dict:
    out = StringIO()
    call_command("import_appointments", path, source=SOURCE, json=True, stdout=out)
    return json.loads(out.getvalue())


def run_due(moment: str) -> None:
    call_command("run_due", now=moment, stdout=StringIO())


def appointment_ids() -> dict[str, str]:
    """Return what the file calls each visit, by our name for it."""
    rows = ExternalId.objects.filter(source=SOURCE, resource="Appointment")
    return {str(row.object_id): row.external_id for row in rows}


class Inboxes:
    """What arrived since the last look: in the inboxes, and by e-mail."""

    def __init__(self) -> None:
        self._seen: set = set()
        self._mailed: set = set()
        self._ids = appointment_ids()

    def new_messages(self) -> list[list[str]]:
        """Return [appointment, rule or "moved"] of each new message in somebody's inbox."""
        rows = PatientNotification.objects.exclude(pk__in=self._seen)
        self._seen |= {row.pk for row in rows}
        return sorted(self._name(row) for row in rows)

    def new_emails(self) -> list[list[str]]:
        """Return [appointment, rule or "moved", address] of each new e-mail in the outbox."""
        mails = OutboxMessage.objects.filter(channel="email").exclude(pk__in=self._mailed)
        self._mailed |= {mail.pk for mail in mails}
        ids = [mail.delivery_id for mail in mails]
        sent = {str(row.pk): row for row in Delivery.objects.filter(pk__in=ids)}
        return sorted([*self._name(sent[mail.delivery_id].notification), mail.to] for mail in mails)

    def _name(self, row: PatientNotification) -> list[str]:
        what, appointment, *rest = row.key.split(":")
        return [self._ids[appointment], rest[1] if what == "reminder" else what]


def emails_of(reminders: list[list[str]]) -> list[list[str]]:
    return [reminder for reminder in reminders if reminder[2]]


@pytest.mark.req("import: 2,000 rows")
def test_two_thousand_rows_become_plans_and_each_moment_sends_exactly_what_is_listed():
    report = import_file(FILE)
    assert report["people"] == {"created": EXPECTED["people"]}
    assert report["visits"] == EXPECTED["visits"]
    assert report["planned"] == EXPECTED["plans"]
    assert ScheduledNotification.objects.count() - cancelled_plans() == sum(
        EXPECTED["plans"].values()
    )
    inboxes = Inboxes()
    assert (inboxes.new_messages(), inboxes.new_emails()) == ([], [])  # nothing at once
    for moment in EXPECTED["moments"]:
        run_due(moment["now"])
        check_moment(inboxes, moment)
        run_due(moment["now"])
        run_due(moment["now"])
        assert (inboxes.new_messages(), inboxes.new_emails()) == ([], [])  # once


def cancelled_plans() -> int:
    return ScheduledNotification.objects.filter(status="cancelled").count()


def check_moment(inboxes: Inboxes, moment: dict) -> None:
    assert inboxes.new_messages() == [reminder[:2] for reminder in moment["reminders"]]
    assert inboxes.new_emails() == emails_of(moment["reminders"])


@pytest.mark.req("import: ten moves")
def test_ten_moved_visits_are_told_of_once_and_never_reminded_of_at_the_old_time(tmp_path):
    import_file(FILE)
    inboxes = Inboxes()
    monday = EXPECTED["moments"][0]
    run_due(monday["now"])
    check_moment(inboxes, monday)
    moved_file = tmp_path / "moved.csv"
    write_csv(with_moves(rows(Random(2030))), moved_file)
    with clock.at(MONDAY):
        assert import_file(moved_file)["visits"] == {"moved": 10, "unchanged": 1930, "skipped": 60}
        assert import_file(moved_file)["visits"] == {"unchanged": 1940, "skipped": 60}
    run_due((MONDAY + timedelta(minutes=2)).isoformat())  # it has settled
    notices = EXPECTED["move"]["notices"]
    assert inboxes.new_messages() == [[visit, "rescheduled"] for visit, _email in notices]
    assert inboxes.new_emails() == [[visit, "rescheduled", email] for visit, email in notices]
    for moment in EXPECTED["move"]["moments"]:
        run_due(moment["now"])
        check_moment(inboxes, moment)
        run_due(moment["now"])
        assert (inboxes.new_messages(), inboxes.new_emails()) == ([], [])
    texts = reminders_of_moved_visits()
    assert len(texts) >= 10
    assert all("10:20 AM" in text for text in texts)  # the new hour; none of the old ones is


def reminders_of_moved_visits() -> list[str]:
    """Return the text of each reminder of a moved visit that was made after its move."""
    names = appointment_ids().items()
    moved = [visit for visit, name in names if name in EXPECTED["move"]["starts_at"]]
    reminders = PatientNotification.objects.filter(
        subject__in=[f"appointment:{visit}" for visit in moved],
        type="appointment_reminder",
        created_at__gt=MONDAY,
    )
    return [reminder.message for reminder in reminders]


MONDAY = datetime.fromisoformat(EXPECTED["moments"][0]["now"])

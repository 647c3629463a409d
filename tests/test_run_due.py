"""`manage.py run_due`: the clock by hand, for cron, for rehearsals and for watching."""

import io
import json
import os
import signal
import threading
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import InterfaceError, OperationalError

from notifications import clock
from notifications.management.commands.run_due import pause_after
from notifications.models import Heartbeat, PatientNotification
from notifications.scheduler import notification_scheduler_service
from tests.engine import NOON, NotePayload, ToldMail, email_of, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier")]
IN_AN_HOUR = NOON + timedelta(hours=1)


def run_due(*arguments) -> str:
    said = io.StringIO()
    call_command("run_due", *arguments, stdout=said, stderr=said)
    return said.getvalue().strip()


@pytest.fixture
def planned(ana):
    email_of(ana)
    with clock.at(NOON):
        return notification_scheduler_service.plan(
            patient_id=ana.pk,
            payload=NotePayload.example(),
            subject="note:1",
            rule="2-days",
            due_at=IN_AN_HOUR,
            key="reminder:1",
        )


def test_it_says_what_it_did_in_one_line(ana):
    email_of(ana)
    send(ana)
    assert run_due() == "Plans: none due. Deliveries: 1 accepted, 2 skipped."
    assert run_due() == "Plans: none due. Deliveries: none due."
    assert len(ToldMail.handed) == 1


def test_a_rehearsal_makes_what_would_be_made_at_that_moment_once(planned):
    just_before = (IN_AN_HOUR - timedelta(seconds=1)).isoformat()
    assert run_due("--now", just_before).startswith("Plans: none due.")
    for expected in ("Plans: 1 sent. Deliveries: 1 accepted, 2 skipped.", "Plans: none due."):
        assert run_due("--now", IN_AN_HOUR.isoformat()).startswith(expected)
    assert len(ToldMail.handed) == 1


def test_a_rehearsal_leaves_the_real_clock_alone(planned):
    run_due("--now", IN_AN_HOUR.isoformat())
    assert not Heartbeat.objects.exists()
    run_due()
    assert Heartbeat.objects.get(name="tick")


def test_a_machine_can_read_what_it_did(planned):
    said = json.loads(run_due("--now", IN_AN_HOUR.isoformat(), "--json"))
    assert said == {"plans": {"sent": 1}, "deliveries": {"accepted": 1, "skipped": 2}}


@pytest.mark.parametrize("wrong", ["tomorrow", "2026-11-24", "2026-11-24T09:30", "2026-13-01T09Z"])
def test_a_moment_without_a_zone_is_refused_with_an_example(planned, wrong):
    with pytest.raises(CommandError, match="write 2026-11-24T09:30-05:00"):
        run_due("--now", wrong)
    assert not PatientNotification.objects.exists()


def test_a_rehearsal_is_refused_where_it_would_really_write_to_people(planned, settings):
    settings.EMAIL_BACKEND = "tests.engine.RealMail"
    with pytest.raises(CommandError, match="rehearsals: email would really go out"):
        run_due("--now", IN_AN_HOUR.isoformat())
    assert not PatientNotification.objects.exists()


def test_a_channel_that_is_switched_off_does_not_stand_in_the_way_of_a_rehearsal(planned, settings):
    settings.NOTIFICATIONS_SMS_PROVIDER = settings.NOTIFICATIONS_PUSH_PROVIDER = ""
    assert run_due("--now", IN_AN_HOUR.isoformat()).startswith("Plans: 1 sent.")


def test_watching_and_pretending_do_not_go_together():
    with pytest.raises(CommandError, match="leave --now out"):
        run_due("--watch", "--now", IN_AN_HOUR.isoformat())


def watched(*, until=signal.SIGTERM) -> str:
    """Watch for a second; return what was said."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    told = threading.Timer(1.0, os.kill, (os.getpid(), until))
    told.start()
    try:
        return run_due("--watch")
    finally:
        told.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_watching_sends_what_comes_and_ends_when_it_is_told_to(ana, stop, monkeypatch):
    monkeypatch.setattr("notifications.management.commands.run_due.PAUSE", 0.05)
    email_of(ana)
    send(ana)
    said = watched(until=stop)
    assert said.startswith("Looking every second. Ctrl-C stops.")
    assert len(ToldMail.handed) == 1


@pytest.mark.django_db(transaction=True)  # a connection that broke is closed
@pytest.mark.parametrize("fault", [OperationalError, InterfaceError])
def test_watching_outlasts_a_database_that_is_away_for_a_moment(ana, fault, monkeypatch):
    monkeypatch.setattr("notifications.management.commands.run_due.PAUSE", 0.05)
    email_of(ana)
    send(ana)
    fails_twice(monkeypatch, fault("could not connect to server at 10.0.0.7"))
    said = watched()
    assert said.count("The database does not answer") == 2
    assert "10.0.0.7" not in said
    assert len(ToldMail.handed) == 1
    assert said.endswith("Stopped.")


@pytest.mark.django_db(transaction=True)
def test_watching_goes_on_after_a_fault_of_ours_and_the_log_says_where(ana, monkeypatch, caplog):
    monkeypatch.setattr("notifications.management.commands.run_due.PAUSE", 0.05)
    email_of(ana)
    send(ana)
    fails_twice(monkeypatch, KeyError("Ana Diaz"))
    said = watched()
    assert said.count("A look failed (KeyError)") == 2
    told = [line for line in caplog.messages if line.startswith("a look failed: KeyError")]
    assert len(told) == 2
    assert "in _look" in told[0]
    assert "Ana Diaz" not in said + told[0]
    assert len(ToldMail.handed) == 1


def test_the_pauses_of_a_watch_that_fails_grow_up_to_a_minute():
    pauses = [pause_after(count) for count in (0, 1, 2, 5, 6, 50_000)]
    assert pauses == [1, 2, 4, 32, 60, 60]


def fails_twice(monkeypatch, fault):
    """Let the first two looks fail."""
    real, looks = notification_scheduler_service.run_due, []

    def run(*args, **options):
        looks.append(args)
        if len(looks) <= 2:
            raise fault
        return real(*args, **options)

    monkeypatch.setattr(notification_scheduler_service, "run_due", run)

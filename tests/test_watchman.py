"""Who watches over the worker: when it waits, when it ends the worker, what it tells systemd."""

import socket
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from notifications import heartbeats, queue, watchman
from notifications.models import Heartbeat
from notifications.watchman import Watchman

pytestmark = pytest.mark.django_db(transaction=True)
NIGHT = timedelta(hours=9)


def beat_at(moment):
    for name in (heartbeats.CLOCK, heartbeats.WORKER):
        Heartbeat.objects.update_or_create(name=name, defaults={"beat_at": moment})
    Schedule.objects.filter(name="tick").update(next_run=moment)


@pytest.mark.req("R-16")
def test_after_a_night_off_the_first_tick_gets_its_time():
    beat_at(timezone.now() - NIGHT)
    fresh = Watchman()
    assert fresh._look() == []
    fresh.began -= timedelta(seconds=46)
    assert "restart the worker" in fresh._look()[0]


@pytest.mark.req("R-16")
def test_a_worker_that_ticks_is_left_alone():
    fresh = Watchman()
    beat_at(timezone.now())
    assert fresh._look() == []


@pytest.mark.req("R-16")
def test_once_it_has_ticked_a_task_that_nobody_takes_ends_the_worker():
    fresh = Watchman()
    fresh.began -= timedelta(minutes=5)
    beat_at(timezone.now() - timedelta(seconds=60))
    Schedule.objects.filter(name="tick").update(next_run=timezone.now())
    OrmQ.objects.create(key="dentamind", payload="", lock=timezone.now() - timedelta(seconds=50))
    assert fresh._look() == ["A task has waited for 50 s for a worker: restart the worker."]


@pytest.mark.req("R-16")
def test_at_each_look_strangers_schedules_are_disarmed():
    Schedule.objects.create(name="nightly", func="os.system", args="not a literal(")
    Watchman()._look()
    assert queue.armed() == 0


@pytest.mark.req("R-16")
def test_a_database_that_is_away_is_told_once_and_ends_nothing(monkeypatch, caplog):
    def away():
        raise OperationalError("could not connect to server at 10.0.0.7")

    with monkeypatch.context() as outage:
        outage.setattr(queue, "disarm", away)
        fresh = Watchman()
        fresh.began -= NIGHT
        assert fresh._look() == fresh._look() == []
    assert caplog.messages == ["the queue could not be looked at: OperationalError"]
    beat_at(timezone.now() - timedelta(minutes=5))
    assert fresh._look() == fresh._look() == []  # it is back, and the clock gets its time
    fresh.began -= timedelta(seconds=46)
    assert "restart the worker" in fresh._look()[0]


@pytest.mark.req("R-16")
def test_systemd_hears_that_the_worker_lives(settings, tmp_path):
    settings.NOTIFY_SOCKET = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(settings.NOTIFY_SOCKET)
        systemd.settimeout(5)
        watchman.tell_systemd()
        assert systemd.recv(100) == b"WATCHDOG=1"


@pytest.mark.req("R-16")
def test_a_systemd_that_does_not_listen_is_told_of_in_the_log(settings, tmp_path, caplog):
    settings.NOTIFY_SOCKET = str(tmp_path / "nobody")
    watchman.tell_systemd()
    assert "systemd could not be told" in caplog.messages[0]


@pytest.mark.req("R-16")
def test_without_systemd_nobody_is_told(settings, caplog):
    settings.NOTIFY_SOCKET = ""
    watchman.tell_systemd()
    assert caplog.messages == []

"""Signs of life: who leaves them, how often, and what happens when they cannot be written."""

from contextvars import Context
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone
from django_q.signals import pre_execute

from notifications import clock, delivery, heartbeats, inbox, scheduler
from notifications.heartbeats import CLOCK, HOUSE, RECONCILER, WORKER
from notifications.models import Heartbeat

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(heartbeats, "_beaten", {})
    monkeypatch.setattr(heartbeats, "_failing", set())


def names():
    return set(Heartbeat.objects.values_list("name", flat=True))


@pytest.mark.req("R-16")
def test_a_tick_is_a_sign_of_life_of_clock_worker_and_reconciler():
    scheduler.tick()
    assert names() == {CLOCK, WORKER, RECONCILER, HOUSE}
    assert all(age < 5 for age in heartbeats.ages().values())


@pytest.mark.req("R-16")
def test_who_never_lived_has_no_age():
    heartbeats.beat(WORKER)
    assert heartbeats.ages()[CLOCK] is None
    assert heartbeats.ages()[WORKER] < 5


@pytest.mark.req("R-16")
def test_the_clock_beats_when_a_tick_begins_even_if_it_breaks(monkeypatch):
    def broken(**_):
        raise RuntimeError("no work today")

    monkeypatch.setattr(scheduler.notification_scheduler_service, "run_due", broken)
    with pytest.raises(RuntimeError):
        scheduler.tick()
    assert names() == {CLOCK}


@pytest.mark.req("R-16")
def test_a_worker_beats_when_it_takes_a_task_and_when_it_looks_for_work():
    pre_execute.send(sender="django_q", func=delivery.work, task={})
    assert names() == {WORKER}
    Heartbeat.objects.all().delete()
    heartbeats._beaten.clear()
    delivery.run_due()
    assert names() == {WORKER}


@pytest.mark.req("R-16")
def test_one_who_works_on_and_on_beats_every_few_seconds_only(django_assert_num_queries):
    heartbeats.beat(WORKER, every=60)
    with django_assert_num_queries(0):
        heartbeats.beat(WORKER, every=60)
    Heartbeat.objects.update(beat_at=timezone.now() - timedelta(hours=1))
    heartbeats.beat(WORKER)  # each task that begins counts
    assert heartbeats.ages()[WORKER] < 5


@pytest.mark.req("R-16")
def test_a_rehearsal_at_another_moment_is_no_sign_of_life():
    with clock.at(timezone.now() + timedelta(days=1)):
        scheduler.tick()
    assert names() == set()


@pytest.mark.req("R-16")
def test_a_heartbeat_that_cannot_be_written_stops_nothing_and_is_told_once(monkeypatch, caplog):
    def full(*_, **__):
        raise OperationalError("database or disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(Heartbeat.objects, "bulk_create", full)
        heartbeats.beat(WORKER)
        heartbeats.beat(WORKER)
        delivery.run_due()
    assert caplog.messages == ["the heartbeat worker cannot be written: OperationalError"]
    heartbeats.beat(WORKER)
    assert names() == {WORKER}


@pytest.mark.req("R-16")
def test_house_is_kept_once_an_hour_though_the_clock_beats_as_a_tick_begins(monkeypatch):
    kept = []
    monkeypatch.setattr(inbox, "recount", lambda: kept.append("recount"))
    scheduler.tick()
    scheduler.tick()
    assert kept == ["recount"]
    Heartbeat.objects.filter(name=HOUSE).update(beat_at=timezone.now() - timedelta(days=1))
    Context().run(scheduler.tick)
    assert kept == ["recount"] * 2

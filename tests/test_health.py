"""/healthz, /readyz and /metrics: what a monitor and the supervisor are told."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from notifications import health, heartbeats, queue, scheduler, switches
from notifications.crypto import new_id
from notifications.enums import DeliveryStatus, PatientNotificationPriority, PlanStatus
from notifications.models import Delivery, Heartbeat, PatientNotification, ScheduledNotification

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh():
    health._ask_migrations.cache_clear()


@pytest.fixture
def ticking():
    for name in (heartbeats.CLOCK, heartbeats.WORKER, heartbeats.RECONCILER):
        Heartbeat.objects.create(name=name, beat_at=timezone.now())
    Schedule.objects.update(next_run=timezone.now())


def beat_ago(name, seconds):
    Heartbeat.objects.filter(name=name).update(beat_at=ago(seconds=seconds))


def ago(**amount):
    return timezone.now() - timedelta(**amount)


def test_healthz_answers_while_the_process_lives(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.req("R-16")
def test_readyz_is_green_after_a_tick_and_tells_the_ages(client):
    Schedule.objects.update(next_run=timezone.now())
    scheduler.tick()
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer["Cache-Control"].startswith("max-age=0")
    told = answer.json()
    assert told.pop("last_tick_seconds") < 5
    beats = told.pop("heartbeats")
    assert list(beats) == ["clock", "worker", "reconciler"]
    assert all(age < 5 for age in beats.values())
    assert told.pop("restart_worker") is False
    assert told == {"status": "ok", "problems": [], "alarms": [], "oldest_due_seconds": 0.0}


@pytest.mark.req("R-16")
def test_a_clock_that_never_ran_is_red(client):
    Schedule.objects.update(next_run=timezone.now())
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["problems"] == [
        "The clock has never ticked: start the worker, `manage.py worker`."
    ]


@pytest.mark.req("R-16")
def test_a_clock_that_stopped_is_red_within_three_minutes(client, ticking):
    Heartbeat.objects.update(beat_at=ago(seconds=100))
    assert client.get("/readyz").status_code == 200
    Heartbeat.objects.update(beat_at=ago(seconds=115))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["The last tick was 115 s ago: restart the worker."]
    assert answer.json()["restart_worker"] is True


@pytest.mark.req("R-16")
def test_a_clock_that_waits_for_busy_workers_is_red_a_little_later(client, ticking):
    beat_ago(heartbeats.CLOCK, 140)
    assert client.get("/readyz").status_code == 200
    beat_ago(heartbeats.CLOCK, 155)
    assert client.get("/readyz").status_code == 503


@pytest.mark.req("R-16")
def test_a_tick_that_nobody_queues_is_red_though_workers_stir(client, ticking):
    Schedule.objects.update(next_run=ago(seconds=40))
    assert client.get("/readyz").status_code == 200
    Schedule.objects.update(next_run=ago(seconds=55))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["A tick has been due for 55 s: restart the worker."]


@pytest.mark.req("R-16")
def test_a_task_that_no_worker_takes_is_red(client, ticking):
    beat_ago(heartbeats.WORKER, 50)
    queued(came=timedelta(seconds=40))
    assert client.get("/readyz").status_code == 200
    queued(came=timedelta(seconds=48))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["problems"] == [
        "A task has waited for 48 s for a worker: restart the worker."
    ]


@pytest.mark.req("R-16")
def test_a_task_fetched_for_workers_that_take_none_is_red(client, ticking):
    beat_ago(heartbeats.WORKER, 50)
    queued(fetched=timedelta(seconds=40))
    assert client.get("/readyz").status_code == 200
    queued(fetched=timedelta(seconds=48))
    assert client.get("/readyz").status_code == 503


@pytest.mark.req("R-16")
def test_a_task_that_was_taken_and_never_ended_is_no_reason_to_restart(client, ticking):
    """As after a task that killed its worker: it had begun, which was a sign of life."""
    queued(fetched=timedelta(seconds=90))
    beat_ago(heartbeats.WORKER, 89)
    assert client.get("/readyz").status_code == 200


@pytest.mark.req("R-16")
def test_tasks_whose_end_nobody_notes_are_red_when_they_pile_up(client, ticking):
    for _ in range(10):
        queued(fetched=timedelta(seconds=110))
    assert client.get("/readyz").status_code == 200
    queued(fetched=timedelta(seconds=110))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["Nobody notes the end of 11 tasks: restart the worker."]


@pytest.mark.req("R-16")
def test_a_tick_that_never_gets_to_its_sweep_is_red(client, ticking):
    beat_ago(heartbeats.RECONCILER, 170)
    assert client.get("/readyz").status_code == 200
    beat_ago(heartbeats.RECONCILER, 190)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["restart_worker"]) == (503, False)
    assert "The tick has not swept for 190 s" in answer.json()["problems"][0]


def queued(*, came=None, fetched=None):
    """A task in the queue: put in so long ago, or fetched so long ago and not ended."""
    locked = timedelta(seconds=180)
    lock = timezone.now() - came if came else timezone.now() - fetched + locked
    OrmQ.objects.create(key="dentamind", payload="", lock=lock)


def waiting_delivery(patient, **fields):
    notification = PatientNotification.objects.create(
        patient=patient, seq=1, type="lab_results", priority=PatientNotificationPriority.LOW
    )
    return Delivery.objects.create(notification=notification, channel="email", **fields)


@pytest.fixture
def nobody_works(ticking):
    """The clock ticks and no worker has stirred for longer than from tick to tick."""
    beat_ago(heartbeats.WORKER, 111)


@pytest.mark.req("R-16")
def test_a_delivery_left_lying_is_red(client, nobody_works, ana):
    row = waiting_delivery(ana, due_at=ago(minutes=9))
    answer = client.get("/readyz")
    assert 530 < answer.json()["oldest_due_seconds"] < 560
    assert answer.json()["problems"] == []
    Delivery.objects.filter(pk=row.pk).update(due_at=ago(minutes=11))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["restart_worker"]) == (503, True)
    assert answer.json()["problems"] == [
        "Something has been due for 660 s and was not sent: restart the worker."
    ]


@pytest.mark.req("R-16")
def test_a_lease_nobody_took_back_is_red(client, nobody_works, ana):
    past = {"status": DeliveryStatus.SENDING, "lease_until": ago(minutes=11)}
    waiting_delivery(ana, due_at=timezone.now(), **past)
    assert client.get("/readyz").status_code == 503


@pytest.mark.req("R-16")
def test_a_plan_left_lying_is_red_and_one_for_later_is_not(client, nobody_works, ana):
    plan = ScheduledNotification.objects.create(
        id=new_id(), patient=ana, key="k", subject="s", rule="r", payload={}, due_at=ago(minutes=11)
    )
    assert client.get("/readyz").status_code == 503
    ScheduledNotification.objects.filter(pk=plan.pk).update(due_at=ago(days=-1))
    assert client.get("/readyz").status_code == 200
    ScheduledNotification.objects.filter(pk=plan.pk).update(
        due_at=ago(days=1), status=PlanStatus.CANCELLED
    )
    assert client.get("/readyz").status_code == 200


@pytest.mark.req("R-16")
def test_what_a_release_sets_free_is_late_at_once_and_the_worker_that_sends_it_is_left_alone(
    client, ticking, ana
):
    switches.hold(actor="system:test", why="upgrade")
    waiting_delivery(ana, due_at=ago(minutes=20))
    beat_ago(heartbeats.WORKER, 90)  # it had nothing to do since the last tick
    switches.lift(actor="system:test")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["restart_worker"]) == (200, False)
    assert answer.json()["alarms"] == [
        "Something has been due for 1200 s and was not sent; the worker is at work."
    ]


def test_missing_migrations_are_red(client, ticking):
    (newest,) = MigrationLoader(connection).graph.leaf_nodes("notifications")
    MigrationRecorder(connection).record_unapplied(*newest)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["Migrations are missing: run `manage.py migrate`."]


def test_a_database_that_is_away_is_red_in_a_sentence(client, monkeypatch):
    def away(*_, **__):
        raise OperationalError("could not connect to server at 10.0.0.7")

    monkeypatch.setattr(connection, "cursor", away)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "database does not answer" in answer.json()["problems"][0]
    assert answer.json()["restart_worker"] is False
    assert "10.0.0.7" not in answer.content.decode()


@pytest.mark.req("S-14")
def test_a_planted_schedule_is_an_alarm_but_no_reason_to_restart(client, ticking):
    Schedule.objects.create(func="os.system")
    queue.disarm()
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert "1 schedule rows are not ours" in answer.json()["alarms"][0]


@pytest.mark.req("S-14")
def test_a_planted_schedule_that_could_run_is_red_as_long_as_nobody_disarms_it(client, ticking):
    Schedule.objects.create(func="os.system", args="not a literal(")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["problems"] == [
        "1 schedules that are not ours could run: restart the worker."
    ]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_they_are_only_read(client, path):
    assert client.post(path).status_code == 405


def test_nothing_about_a_patient_is_told(client, ticking, ana, settings):
    settings.NOTIFICATIONS_METRICS_TOKEN = "t" * 32
    row = waiting_delivery(ana, due_at=ago(hours=1))
    told = client.get("/readyz").content + measured(client, "t" * 32).content
    for secret in (ana.pk, row.pk, row.notification_id, "lab_results", "Ana", "ana@"):
        assert str(secret).encode() not in told


def measured(client, token):
    return client.get("/metrics", headers={"Authorization": f"Bearer {token}"})


def test_a_look_reads_of_the_trail_what_was_refused_and_no_more(client, ticking):
    """The trail has a row for each look at a patient; only what was refused has a small index."""
    with CaptureQueriesContext(connection) as asked:
        client.get("/readyz")
    of_the_trail = [each["sql"] for each in asked if '"audit_events"' in each["sql"]]
    assert len(of_the_trail) == 2
    assert all("""."action" = 'denied'""" in sql for sql in of_the_trail)


def test_metrics_need_their_token(client, ticking, settings):
    assert measured(client, "").status_code == 404
    settings.NOTIFICATIONS_METRICS_TOKEN = "t" * 32
    assert client.get("/metrics").status_code == 404
    assert measured(client, "u" * 32).status_code == 404
    text = measured(client, "t" * 32).content.decode()
    assert "dentamind_up 1.0" in text
    assert "dentamind_last_tick_seconds" in text
    for part in ("clock", "worker", "reconciler"):
        assert f"dentamind_{part}_heartbeat_seconds" in text


def test_metrics_tell_of_trouble(client, settings):
    settings.NOTIFICATIONS_METRICS_TOKEN = "t" * 32
    Schedule.objects.create(func="os.system")
    text = measured(client, "t" * 32).content.decode()
    assert "dentamind_up 0.0" in text
    assert "dentamind_alarms 1.0" in text


# -- what waits for a person --------------------------------------------------------------------


def test_what_a_person_switched_off_is_an_alarm_and_no_reason_to_restart(client, ticking):
    switches.hold(actor="system:test", why="moving house")
    switches.pause(channel="sms", code="20003", actor="system:test")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["restart_worker"]) == (200, False)
    held, paused = answer.json()["alarms"]
    assert held.startswith("All is held since ") and held.endswith("`manage.py release`.")
    assert "its carrier answers 20003" in paused
    assert paused.endswith("then `manage.py resume sms`.")


def test_why_a_person_holds_everything_is_for_staff_and_not_for_whoever_asks(client, settings):
    settings.NOTIFICATIONS_METRICS_TOKEN = "t" * 32
    switches.hold(actor="system:test", why="Ana Diaz complained, 555-0142")
    told = client.get("/readyz").content + measured(client, "t" * 32).content
    assert b"All is held since" in told
    assert b"Ana" not in told
    assert b"0142" not in told


def test_what_waits_for_a_channel_that_is_shut_is_not_work_left_lying(client, ticking, ana):
    waiting_delivery(ana, due_at=ago(minutes=30))
    assert client.get("/readyz").json()["oldest_due_seconds"] > 1700
    switches.pause(channel="email", code="535", actor="system:test")
    assert client.get("/readyz").json()["oldest_due_seconds"] == 0

"""The queue: one schedule of ours, and no way in for anybody else's."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from django_q.scheduler import scheduler
from django_q.signals import pre_execute
from django_q.signing import SignedPackage
from django_q.tasks import async_task

from notifications import audit, delivery, queue
from notifications.models import AuditEvent

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
BEFORE = "2026-01-01T00:00Z"


def queued():
    return [SignedPackage.loads(row.payload) for row in OrmQ.objects.order_by("pk")]


@pytest.mark.req("S-14")
def test_after_migrate_the_one_schedule_is_the_tick():
    [row] = Schedule.objects.all()
    assert (row.name, row.func, row.minutes) == ("tick", "notifications.scheduler.tick", 1)
    assert queue.alarms() == []


@pytest.mark.django_db(transaction=True)
def test_the_schedule_is_there_again_after_a_flush():
    Schedule.objects.update(func="os.getcwd")
    call_command("flush", interactive=False, verbosity=0)
    assert queue.alarms() == []


@pytest.mark.req("S-14")
@pytest.mark.parametrize("name", ["nightly", "tick", None])
def test_another_schedule_row_raises_an_alarm(name):
    Schedule.objects.create(name=name, func="os.system", args="'true'")
    assert queue.alarms() == ["1 schedule rows are not ours: delete them from django_q_schedule."]


@pytest.mark.req("S-14")
@pytest.mark.parametrize(
    "change", [{"func": "os.system"}, {"args": "'rm'"}, {"hook": "os.system"}, {"repeats": 0}]
)
def test_a_changed_tick_raises_an_alarm_and_migrate_mends_it(change):
    Schedule.objects.update(**change)
    assert queue.alarms()[0].startswith("The schedule `tick` is missing or was changed")
    call_command("migrate", verbosity=0)
    assert queue.alarms() == []


def test_a_missing_tick_raises_an_alarm():
    Schedule.objects.all().delete()
    assert len(queue.alarms()) == 1


@pytest.mark.django_db(transaction=True)  # the scheduler closes its connection
@pytest.mark.req("S-14")
def test_a_planted_schedule_never_runs_and_is_not_forgotten_though_its_row_is_gone(tmp_path):
    mark = tmp_path / "ran"
    Schedule.objects.all().delete()
    Schedule.objects.create(func="os.system", args=f"'touch {mark}'", hook="os.system")

    scheduler()

    assert not Schedule.objects.exists()  # a schedule of the kind "once"
    [task] = queued()
    assert task["func"] is queue.do_nothing
    assert not task["args"]
    assert "hook" not in task
    task["func"]()
    assert not mark.exists()
    call_command("migrate", verbosity=0)
    assert queue.alarms() == ["1 tasks that are not ours were kept from running since yesterday."]
    assert AuditEvent.objects.get().actor == "system:queue"
    assert audit.verify() == []


@pytest.mark.req("S-14")
@pytest.mark.parametrize(
    ("function", "options"),
    [
        ("notifications.delivery.os.system", {}),
        ("notifications.scheduler.tick", {"hook": "os.system"}),
        ("notifications.scheduler.tick", {"flags": 1}),
        (print, {}),
    ],
)
def test_only_our_two_functions_pass_and_only_bare(function, options):
    async_task(function, **options)
    [task] = queued()
    assert task["func"] is queue.do_nothing
    assert not task["kwargs"]


@pytest.mark.django_db(transaction=True)  # the scheduler closes its connection
def test_our_own_tasks_pass():
    Schedule.objects.update(next_run="2026-01-01T00:00Z")
    scheduler()
    async_task(delivery.work)
    tick, work = queued()
    assert tick["func"] == "notifications.scheduler.tick"
    assert work["func"] is delivery.work
    assert queue.alarms() == []


@pytest.mark.req("S-14")
def test_nobody_holds_a_permission_on_the_queue(django_user_model):
    clerk = django_user_model.objects.create_user(username="clerk@example.com", is_staff=True)
    clerk.user_permissions.set(Permission.objects.all())
    assert not [held for held in clerk.get_all_permissions() if held.startswith("django_q.")]


# -- strangers' schedules, and what a worker does before it starts -------------------------------

MALFORMED = {"func": "os.system", "args": "not a literal(", "schedule_type": "I", "minutes": 1}


@pytest.mark.django_db(transaction=True)  # the scheduler closes its connection
@pytest.mark.req("S-14")
def test_one_schedule_that_cannot_be_read_stops_the_tick_until_it_is_disarmed(caplog):
    row = Schedule.objects.create(name="nightly", **MALFORMED)
    Schedule.objects.update(next_run=BEFORE)
    scheduler()
    assert not queued()

    queue.disarm()
    scheduler()
    [task] = queued()
    assert task["func"] == "notifications.scheduler.tick"
    row.refresh_from_db()
    assert (row.repeats, row.args) == (0, "not a literal(")  # kept, as evidence
    assert queue.armed() == 0
    assert queue.alarms() == ["1 schedule rows are not ours: delete them from django_q_schedule."]
    assert f"schedule {row.pk} is not ours and was disarmed" in caplog.messages


@pytest.mark.req("S-14")
def test_disarming_leaves_one_audit_row_that_names_the_job_and_the_schedule():
    row = Schedule.objects.create(name="nightly", **MALFORMED)
    queue.disarm()
    queue.disarm()
    event = AuditEvent.objects.get()
    assert (event.actor, event.action) == ("system:queue:disarm", "denied")
    assert (event.object_type, event.object_id) == ("schedule", str(row.pk))


@pytest.mark.req("S-14")
def test_a_schedule_of_ours_is_left_alone():
    queue.disarm()
    assert not AuditEvent.objects.exists()
    assert queue.armed() == 0


@pytest.mark.req("S-14")
def test_a_second_tick_is_a_strangers():
    Schedule.objects.create(name="tick", **queue.TICK)
    assert queue.armed() == 1
    queue.disarm()
    assert list(Schedule.objects.order_by("pk").values_list("repeats", flat=True)) == [-1, 0]


@pytest.mark.req("S-14")
@pytest.mark.parametrize(
    "change", [{"func": "os.system"}, {"repeats": 0}, {"next_run": "2099-01-01T00:00Z"}]
)
def test_a_tick_that_was_changed_or_put_off_is_made_again(change):
    Schedule.objects.update(**change)
    assert queue.alarms()[0].startswith("The schedule `tick` is missing or was changed")
    queue.disarm()
    assert queue.alarms() == []
    assert Schedule.objects.get().next_run <= timezone.now()
    assert AuditEvent.objects.get().action == "changed"


def test_a_tick_that_is_missing_is_made_again():
    Schedule.objects.all().delete()
    queue.disarm()
    assert queue.alarms() == []


@pytest.mark.django_db(transaction=True)  # the scheduler closes its connection
def test_a_worker_about_to_start_finds_one_tick_and_nothing_else():
    Schedule.objects.create(name="nightly", **MALFORMED)
    OrmQ.objects.create(key="dentamind", payload="left over", lock=timezone.now() + HOUR)
    queue.prepare()
    [task] = queued()
    assert task["func"] == "notifications.scheduler.tick"
    assert queue.armed() == 0
    assert Schedule.objects.get(name="tick").next_run > timezone.now()


def test_whenever_a_worker_takes_a_task_it_disarms():
    Schedule.objects.create(name="nightly", **MALFORMED)
    pre_execute.send(sender="django_q", func=delivery.work, task={})
    assert queue.armed() == 0


def test_a_task_that_came_before_the_last_sign_of_life_is_not_waiting():
    now = timezone.now()
    OrmQ.objects.create(key="dentamind", payload="", lock=now - timedelta(seconds=30))
    assert queue.unanswered(since=now) == 0
    assert 29 < queue.unanswered(since=now - HOUR) < 35
    assert 29 < queue.unanswered(since=None) < 35

"""The queue: one schedule of ours, and no way in for anybody else's."""

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django_q.models import OrmQ, Schedule
from django_q.scheduler import scheduler
from django_q.signing import SignedPackage
from django_q.tasks import async_task

from notifications import audit, delivery, queue
from notifications.models import AuditEvent

pytestmark = pytest.mark.django_db


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

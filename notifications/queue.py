"""django-q2 as it is allowed here: one schedule, nobody's permission, two functions.

A schedule row is a shell: whatever function it names is run by the worker, and a row of the kind
"once" is gone right after. So a stranger's task is replaced, as it enters the queue, by one that
does nothing, which leaves an audit row; a stranger's schedule is disarmed, because one that cannot
be read keeps all others from running; the one schedule of ours is made again where it is missing or
changed; and the permissions Django makes for the queue's tables are taken away.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import Error, connections, transaction
from django.db.models import QuerySet
from django.db.models.signals import post_migrate
from django_q.signals import pre_enqueue, pre_execute

from notifications import audit, clock, heartbeats
from notifications.delivery import work
from notifications.enums import AuditAction
from notifications.models import AuditEvent
from notifications.scheduler import tick

logger = logging.getLogger(__name__)

ACTOR = "system:queue"
DISARMER = "system:queue:disarm"
ALARM_LASTS = timedelta(hours=24)


def path_of(function: Callable) -> str:
    """Return the dotted name under which the queue finds a function; a partial has none."""
    return f"{function.__module__}.{getattr(function, '__qualname__', '')}"


TICK = {
    "func": path_of(tick),
    "schedule_type": "I",
    "minutes": 1,
    "repeats": -1,
    "args": None,
    "kwargs": None,
    "hook": None,
    "cluster": None,
    "intended_date_kwarg": None,
}
AS_IT_SHOULD_BE = {
    name if value is not None else f"{name}__isnull": value if value is not None else True
    for name, value in TICK.items()
}
ALLOWED = {path_of(tick), path_of(work)}
LATEST_NEXT = timedelta(minutes=2)  # a tick planned for later than that has been put off
SLACK = timedelta(seconds=10)  # between the clocks of two machines
UNFINISHED_AFTER = timedelta(seconds=100)  # a task ends within 60, and may wait for two others


def shut() -> None:
    """Connect the guards; called once, when Django starts. The library has no other hook."""
    post_migrate.connect(keep_shut, sender=apps.get_app_config("django_q"))
    pre_enqueue.connect(defuse)
    pre_execute.connect(begin)


def keep_shut(*, using: str, **_: Any) -> None:
    """Make our schedule and take away what permissions there are, once the tables are there."""
    schedules = apps.get_model("django_q", "Schedule").objects.using(using)
    if schedules.model._meta.db_table not in connections[using].introspection.table_names():
        return
    if not schedules.filter(name="tick").update(**TICK, next_run=clock.real_now()):
        schedules.create(name="tick", **TICK)
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    permissions.filter(content_type__app_label="django_q").delete()


def defuse(*, task: dict[str, Any], **_: Any) -> None:
    """Replace a task that is not ours by one that does nothing, and leave an audit row."""
    name = task["func"] if isinstance(task["func"], str) else path_of(task["func"])
    if name in ALLOWED and not task["args"] and not task["kwargs"] and not task.get("hook"):
        return
    for option in ("hook", "chain"):
        task.pop(option, None)
    task.update(func=do_nothing, args=(), kwargs={})
    audit.record(action=AuditAction.DENIED, actor=ACTOR, task=task["id"])
    logger.error("a task that is not ours was kept from running: look at django_q_schedule")


def do_nothing() -> None:
    """Run in the place of what was refused."""


def begin(**_: Any) -> None:
    """Note that a worker has taken a task, and disarm; a fault here must not end the worker."""
    heartbeats.beat(heartbeats.WORKER)
    try:
        disarm()
    except Error as fault:
        logger.error("the schedules could not be looked at: %s", type(fault).__name__)


# -- schedules ----------------------------------------------------------------------------------


def disarm() -> None:
    """Let no schedule run but our tick, which is made again where it is missing or changed.

    A stranger's row has no repeats left then, which the library's scheduler passes over. It stays,
    as evidence and as an alarm, until a person deletes it.
    """
    ours = _ours().first() or _mend()
    for row in _schedules().exclude(pk=ours.pk).exclude(repeats=0):
        with transaction.atomic():
            if _schedules().filter(pk=row.pk).exclude(repeats=0).update(repeats=0):
                audit.record(action=AuditAction.DENIED, actor=DISARMER, obj=row)
                logger.error("schedule %s is not ours and was disarmed", row.pk)


@transaction.atomic
def _mend() -> Any:
    """Make the tick what it should be, due at once, and return it."""
    row = _schedules().filter(name="tick").order_by("pk").first() or _schedules().model(name="tick")
    for name, value in {**TICK, "next_run": clock.real_now()}.items():
        setattr(row, name, value)
    row.save()
    audit.record(action=AuditAction.CHANGED, actor=DISARMER, obj=row)
    logger.error("the schedule `tick` was missing or changed and was made again")
    return row


def armed() -> int:
    """Return how many schedules that are not ours could run, or keep ours from running."""
    return _schedules().exclude(pk__in=_ours().values("pk")[:1]).exclude(repeats=0).count()


def _schedules() -> QuerySet:
    return apps.get_model("django_q", "Schedule").objects.all()


def _ours() -> QuerySet:
    """Return our tick as it should be; a second one like it is a stranger's."""
    latest = clock.real_now() + LATEST_NEXT
    ours = _schedules().filter(name="tick", next_run__lte=latest, **AS_IT_SHOULD_BE)
    return ours.order_by("pk")


# -- a cluster, and what waits for it ------------------------------------------------------------


def prepare() -> None:
    """Make the queue safe for a cluster that is about to start, and have it tick at once.

    What is left of another is thrown away: wake-ups are hints, and its rows may be locked for
    minutes. Outside a transaction: the library's scheduler closes its connection.
    """
    from django_q.scheduler import scheduler  # opens the broker, which a web process needs not

    disarm()
    _tasks().delete()
    _ours().update(next_run=clock.real_now() - timedelta(seconds=1))
    scheduler()


def new_cluster() -> Any:
    """Return a cluster of the library, to be started; it takes SIGTERM and SIGINT over."""
    from django_q.cluster import Cluster  # only the worker needs it

    return Cluster()


def tick_overdue() -> float:
    """Return for how many seconds our tick has been due and was not put into the queue."""
    planned = _ours().values_list("next_run", flat=True).first()
    return max(0.0, (clock.real_now() - planned).total_seconds()) if planned else 0.0


def unanswered(*, since: datetime | None) -> float:
    """Return for how many seconds the oldest task has waited that came after `since`.

    `since` is when a worker last gave a sign of life (aware; None for never): a live one takes a
    task within a second, or is busy and says so.
    """
    came = [moment for moment in _came() if since is None or moment > since]
    return max(0.0, (clock.real_now() - min(came)).total_seconds()) if came else 0.0


def unfinished() -> int:
    """Return how many tasks were handed out so long ago that they must be over."""
    latest = clock.real_now() - UNFINISHED_AFTER
    return sum(moment < latest for moment in _came())


def _came() -> list[datetime]:
    """Return when each task in the queue was put in or, once fetched, was fetched last.

    The broker stamps a row with the moment it came, and at a fetch with the end of its lock.
    """
    now, retry = clock.real_now(), timedelta(seconds=settings.Q_CLUSTER["retry"])
    locks = _tasks().values_list("lock", flat=True)
    return [lock - retry if lock > now + SLACK else lock for lock in locks]


def _tasks() -> QuerySet:
    return apps.get_model("django_q", "OrmQ").objects.all()


# -- what a person should know -------------------------------------------------------------------


def alarms() -> list[str]:
    """Return a sentence for each sign that somebody else uses the queue, or that ours is gone."""
    strays = _schedules().exclude(pk__in=_ours().values("pk")[:1]).count()
    since = clock.real_now() - ALARM_LASTS
    denied = AuditEvent.objects.filter(action=AuditAction.DENIED, at__gte=since)
    refused = denied.filter(actor=ACTOR).count()
    sentences = []
    if not _ours().exists():
        sentences.append("The schedule `tick` is missing or was changed: run `manage.py migrate`.")
    if strays:
        sentences.append(
            f"{strays} schedule rows are not ours: delete them from django_q_schedule."
        )
    if refused:
        sentences.append(
            f"{refused} tasks that are not ours were kept from running since yesterday."
        )
    return sentences

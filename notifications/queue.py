"""django-q2 as it is allowed here: one schedule, nobody's permission, two functions.

A schedule row is a shell: whatever function it names is run by the worker, and a row of the kind
"once" is gone right after. So a stranger's task is replaced, as it enters the queue, by one that
does nothing, which leaves an audit row; the one schedule of ours is made again after each `migrate`
and `flush`; and the permissions Django makes for the queue's tables are taken away.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db import connections
from django.db.models.signals import post_migrate
from django_q.signals import pre_enqueue

from notifications import audit, clock
from notifications.delivery import work
from notifications.enums import AuditAction
from notifications.models import AuditEvent
from notifications.scheduler import tick

logger = logging.getLogger(__name__)

ACTOR = "system:queue"
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


def shut() -> None:
    """Connect the guards; called once, when Django starts. The library has no other hook."""
    post_migrate.connect(keep_shut, sender=apps.get_app_config("django_q"))
    pre_enqueue.connect(defuse)


def keep_shut(*, using: str, **_: Any) -> None:
    """Make our schedule and take away what permissions there are, once the tables are there."""
    schedules = apps.get_model("django_q", "Schedule").objects.using(using)
    if schedules.model._meta.db_table not in connections[using].introspection.table_names():
        return
    if not schedules.filter(name="tick").update(**TICK):
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


def alarms() -> list[str]:
    """Return a sentence for each sign that somebody else uses the queue, or that ours is gone."""
    schedules = apps.get_model("django_q", "Schedule").objects.all()
    ours = schedules.filter(name="tick", **AS_IT_SHOULD_BE)
    strays = schedules.exclude(pk__in=ours.values("pk")[:1]).count()
    since = clock.real_now() - ALARM_LASTS
    refused = AuditEvent.objects.filter(at__gte=since, actor=ACTOR).count()
    sentences = []
    if not ours.exists():
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

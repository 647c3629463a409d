"""Is it well? For monitors and the supervisor: no sign-in, nothing about any patient.

`/healthz` answers while the process lives. `/readyz` is red (503) when restarting or migrating
would help: no database, migrations missing, no tick, a queue nobody works on, or work left lying
by a worker that does not stir. One that works and is late is an alarm.
What a stranger did to the queue is, once it is harmless, no reason to restart, and neither is what
waits for a person to switch it on again: both are alarms in the answer, the metrics and the log.
"""

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Min
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from notifications import audit, clock, delivery, heartbeats, queue, switches
from notifications.enums import DeliveryStatus, PlanStatus
from notifications.models import Delivery, ScheduledNotification

AWAY = "The database does not answer: look at DATABASE_URL and its server."
# The library looks every 30 s whether a minute is over, so ticks begin up to 91 s apart: more than
# 110 s is too long, unless workers that are busy for 40 s each keep it waiting.
LATE_TICK, OLDEST_TICK = 110.0, 150.0
LOOKS = 50.0  # more than 30 s late with it means that it does not look
OLDEST_SWEEP = 180.0  # it is over before the tick delivers
MOST_UNFINISHED = 10  # tasks whose end nobody noted; one that kills its worker leaves one
REFUSED_WITHIN = timedelta(days=1)
OLDEST_DUE = timedelta(minutes=10)  # a broadcast takes minutes; a wedged worker takes for ever


@dataclass
class State:
    """How old the signs of life and the oldest due row are, in seconds, and what is wrong."""

    heartbeats: dict[str, float | None] = field(default_factory=dict)
    oldest_due: float = 0.0
    refused: int = 0  # minutes of the last 24 h with refused calls of carriers
    problems: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    restart_worker: bool = False  # whether a new worker may mend the problems

    @property
    def last_tick(self) -> float | None:
        return self.heartbeats.get(heartbeats.CLOCK)


def state() -> State:
    """Return how the engine is, without raising: a database that is away is a problem too."""
    found = State()
    if problem := database_problem():
        found.problems.append(problem)
        return found
    try:
        found.heartbeats, found.oldest_due = heartbeats.ages(), _age(_oldest_due()) or 0.0
        mended = worker_problems(found.heartbeats) + _armed()
        behind = _behind(found)
        if _is_silent(found):
            mended += behind
        found.problems = mended + _unswept(found)
        found.alarms = queue.alarms() + switches.alarms() + ([] if _is_silent(found) else behind)
        since = clock.real_now() - REFUSED_WITHIN
        found.refused = audit.refused_minutes(actor=audit.CARRIERS, since=since)
    except DatabaseError:
        found.problems.append(database_problem() or AWAY)
        return found
    found.restart_worker = bool(mended)
    return found


def worker_problems(ages: dict[str, float | None]) -> list[str]:
    """Return a sentence for each thing a new worker mends; `ages` as `heartbeats.ages` has them.

    A worker gives a sign of life when it takes a task and every few seconds while it sends. So a
    task that came after the last sign and still waits means that no worker takes any.
    """
    tick, worker = ages[heartbeats.CLOCK], ages[heartbeats.WORKER]
    silence = float(settings.NOTIFICATIONS_WORKER_SILENCE)
    problems = []
    if tick is None:
        problems.append("The clock has never ticked: start the worker, `manage.py worker`.")
    elif tick > OLDEST_TICK or (tick > LATE_TICK and (worker is None or worker > silence)):
        problems.append(f"The last tick was {tick:.0f} s ago: restart the worker.")
    if (late := queue.tick_overdue()) > LOOKS:
        problems.append(f"A tick has been due for {late:.0f} s: restart the worker.")
    if (waits := queue.unanswered(since=heartbeats.last(heartbeats.WORKER))) > silence:
        problems.append(f"A task has waited for {waits:.0f} s for a worker: restart the worker.")
    if (count := queue.unfinished()) > MOST_UNFINISHED:
        problems.append(f"Nobody notes the end of {count} tasks: restart the worker.")
    return problems


def _armed() -> list[str]:
    if not (count := queue.armed()):
        return []
    return [f"{count} schedules that are not ours could run: restart the worker."]


def _unswept(found: State) -> list[str]:
    """A sweep that breaks in every tick breaks in a new worker's as well: no reason to restart."""
    swept = found.heartbeats[heartbeats.RECONCILER]
    if found.last_tick is None or (swept is not None and swept <= OLDEST_SWEEP):
        return []
    since = "ever" if swept is None else f"for {swept:.0f} s"
    return [f"The tick has not swept {since}: the worker's log says what it meets."]


def _behind(found: State) -> list[str]:
    """Say what lies: a problem when no worker stirs, otherwise work that is being done.

    After a hold, a pause or an outage all that waited is late at once; to kill the worker that
    sends it would make it later still, and answers unknown.
    """
    if found.oldest_due <= OLDEST_DUE.total_seconds():
        return []
    late = f"Something has been due for {found.oldest_due:.0f} s and was not sent"
    return [
        f"{late}: restart the worker." if _is_silent(found) else f"{late}; the worker is at work."
    ]


def _is_silent(found: State) -> bool:
    """Whether no worker has stirred for longer than one that has nothing to do between ticks."""
    worker = found.heartbeats[heartbeats.WORKER]
    return worker is None or worker > LATE_TICK


def _oldest_due() -> datetime | None:
    """Return since when the oldest row waits that should have gone: plan, delivery or lease."""
    now = clock.real_now()
    plans = ScheduledNotification.objects.filter(status=PlanStatus.PLANNED, due_at__lte=now)
    leases = Delivery.objects.filter(status=DeliveryStatus.SENDING, lease_until__lte=now)
    moments = [
        delivery.oldest_due(),
        plans.aggregate(oldest=Min("due_at"))["oldest"],
        leases.aggregate(oldest=Min("lease_until"))["oldest"],
    ]
    return min((moment for moment in moments if moment is not None), default=None)


def _age(moment: datetime | None) -> float | None:
    return None if moment is None else max(0.0, (clock.real_now() - moment).total_seconds())


def database_problem() -> str:
    """Return what is wrong with the database itself, or nothing."""
    try:
        return "" if _is_migrated() else "Migrations are missing: run `manage.py migrate`."
    except DatabaseError:
        return AWAY


def _is_migrated() -> bool:
    """Return whether all migrations are applied; once they are, this process asks no more."""
    try:
        return _ask_migrations()
    except LookupError:
        return False


@lru_cache(maxsize=1)
def _ask_migrations() -> bool:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise LookupError  # not remembered: a migration may be under way
    return True


# -- over HTTP ----------------------------------------------------------------------------------


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    found = state()
    answer = {
        "status": "red" if found.problems else "ok",
        "problems": found.problems,
        "alarms": found.alarms,
        "restart_worker": found.restart_worker,
        "heartbeats": {_spoken(name): age for name, age in found.heartbeats.items()},
        "last_tick_seconds": found.last_tick,
        "oldest_due_seconds": found.oldest_due,
    }
    return JsonResponse(answer, status=503 if found.problems else 200)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in Prometheus's text format, to whoever brings the token; without one, not at all."""
    token = settings.NOTIFICATIONS_METRICS_TOKEN
    given = request.headers.get("Authorization", "")
    if not token or not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return HttpResponse("not found\n", status=404, content_type="text/plain")
    return HttpResponse(generate_latest(_gauges(state())), content_type=CONTENT_TYPE_LATEST)


def _gauges(found: State) -> CollectorRegistry:
    registry = CollectorRegistry()
    values = {
        "up": (not found.problems, "1 while /readyz is not red"),
        "alarms": (len(found.alarms), "what a person has to look at, and no restart mends"),
        "oldest_due_seconds": (found.oldest_due, "since when the oldest due row waits"),
        "refused_calls": (found.refused, "minutes of the last 24 h with refused carrier calls"),
    }
    if found.last_tick is not None:
        values["last_tick_seconds"] = (found.last_tick, "age of the last tick")
    for part, age in found.heartbeats.items():
        if age is not None:
            meaning = f"since the last sign of life of the {_spoken(part)}"
            values[f"{_spoken(part)}_heartbeat_seconds"] = (age, meaning)
    for name, (value, meaning) in values.items():
        Gauge(f"dentamind_{name}", meaning, registry=registry).set(float(value))
    return registry


def _spoken(name: str) -> str:
    """Return what a heartbeat is called outside: the tick's row is the clock's."""
    return "clock" if name == heartbeats.CLOCK else name


urlpatterns = [path("healthz", healthz), path("readyz", readyz), path("metrics", metrics)]

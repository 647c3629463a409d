"""Is it well? For monitors and the supervisor: no sign-in, nothing about any patient.

`/healthz` answers while the process lives. `/readyz` is red (503) when restarting or migrating
would help: no database, migrations missing, no tick, or work left lying. A stranger's task in the
queue is no reason to restart: it is an alarm in the answer, in the metrics and in the log.
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

from notifications import audit, clock, delivery, queue
from notifications.enums import DeliveryStatus, PlanStatus
from notifications.models import Delivery, Heartbeat, ScheduledNotification

AWAY = "The database does not answer: look at DATABASE_URL and its server."
OLDEST_TICK = timedelta(seconds=150)  # the clock runs each minute
REFUSED_WITHIN = timedelta(days=1)
OLDEST_DUE = timedelta(minutes=10)  # a broadcast takes minutes; a wedged worker takes for ever


@dataclass
class State:
    """How old the last tick and the oldest due row are, in seconds, and what is wrong."""

    last_tick: float | None = None
    oldest_due: float = 0.0
    refused: int = 0  # minutes of the last 24 h with refused calls of carriers
    problems: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)


def state() -> State:
    """Return how the engine is, without raising: a database that is away is a problem too."""
    found = State()
    if problem := database_problem():
        found.problems.append(problem)
        return found
    try:
        found.last_tick, found.oldest_due = _age(_last_tick()), _age(_oldest_due()) or 0.0
        found.alarms = queue.alarms()
        since = clock.real_now() - REFUSED_WITHIN
        found.refused = audit.refused_minutes(actor=audit.CARRIERS, since=since)
    except DatabaseError:
        found.problems.append(database_problem() or AWAY)
        return found
    found.problems += _late(found)
    return found


def _late(found: State) -> list[str]:
    problems = []
    if found.last_tick is None:
        problems.append("The clock has never ticked: start the worker, `manage.py qcluster`.")
    elif found.last_tick > OLDEST_TICK.total_seconds():
        problems.append(f"The last tick was {found.last_tick:.0f} s ago: restart the worker.")
    if found.oldest_due > OLDEST_DUE.total_seconds():
        problems.append(f"Something has been due for {found.oldest_due:.0f} s and was not sent.")
    return problems


def _last_tick() -> datetime | None:
    return Heartbeat.objects.filter(name="tick").values_list("beat_at", flat=True).first()


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
        "alarms": (len(found.alarms), "signs that somebody else uses the queue"),
        "oldest_due_seconds": (found.oldest_due, "since when the oldest due row waits"),
        "refused_calls": (found.refused, "minutes of the last 24 h with refused carrier calls"),
    }
    if found.last_tick is not None:
        values["last_tick_seconds"] = (found.last_tick, "age of the last tick")
    for name, (value, meaning) in values.items():
        Gauge(f"dentamind_{name}", meaning, registry=registry).set(float(value))
    return registry


urlpatterns = [path("healthz", healthz), path("readyz", readyz), path("metrics", metrics)]

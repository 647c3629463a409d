"""Plays a simulated month and counts what became of every message."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Count

from notifications import clock
from notifications.models import Delivery, ScheduledNotification
from portal.management.simulation import carriers
from portal.management.simulation.books import Books
from portal.management.simulation.life import Life
from portal.management.simulation.line import Line
from portal.management.simulation.town import found

Progress = Callable[[datetime], None]


@dataclass(kw_only=True)
class Month:
    """What a simulated month came to: what became of every message, and what was wrong."""

    days: int
    patients: int
    seed: int
    messages: int = 0
    plans: dict[str, int] = field(default_factory=dict)
    by_status: dict[str, dict[str, int]] = field(default_factory=dict)  # status, channel
    by_reason: dict[str, dict[str, int]] = field(default_factory=dict)  # reason, channel
    violations: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    def as_dict(self) -> dict:
        return asdict(self)


@transaction.atomic  # the database is thrown away afterwards
def simulate(
    *, days: int, patients: int, seed: int, begins_at: datetime, progress: Progress
) -> Month:
    """Play a month in an empty database; return what it came to. `begins_at` is aware."""
    dice, books = random.Random(seed), Books()
    line = Line(begins_at=begins_at, after=partial(_after_a_run, books, dice))
    until = begins_at + timedelta(days=days)
    with clock.at(begins_at):
        town = found(patients=patients, dice=dice)
        Life(town=town, line=line, dice=dice).put_on_the_line(days=days)
    line.play(until=until, progress=progress)
    with clock.at(until):
        books.close()
    return _month(books, days=days, patients=patients, seed=seed)


def _after_a_run(books: Books, dice: random.Random) -> None:
    """Look at what has left, before anybody hears what became of it."""
    books.look()
    carriers.report(dice=dice)


def _month(books: Books, *, days: int, patients: int, seed: int) -> Month:
    outside = Delivery.objects.exclude(channel="in_app")
    plans = ScheduledNotification.objects.values_list("status").annotate(count=Count("pk"))
    return Month(
        days=days,
        patients=patients,
        seed=seed,
        messages=Delivery.objects.filter(channel="in_app").count(),
        plans=dict(plans.order_by()),
        by_status=_counted(outside, by="status"),
        by_reason=_counted(outside.exclude(reason=""), by="reason"),
        violations=dict(books.violations),
        examples=books.examples[:20],
    )


def _counted(rows, *, by: str) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for value, channel, count in rows.values_list(by, "channel").annotate(n=Count("pk")).order_by():
        found.setdefault(str(value), Counter())[channel] = count
    return {value: dict(channels) for value, channels in found.items()}

"""What every run and scenario has at hand: the site, people, the books, and the clock's tick."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import Error, close_old_connections, connections
from django.utils import timezone
from django_q.models import OrmQ
from django_q.tasks import async_task

from tests.faults.ledger import Ledger
from tests.faults.people import People
from tests.faults.results import SHORT
from tests.faults.site import Site, Trigger

TICK_SECONDS = 0.5
WORKER_SECONDS = 30.0
TICK = "notifications.scheduler.tick"
MOST_WAITING = 3  # ticks in the queue: more would only tell that the workers are away


class Ticker:
    """Puts the tick into the real queue every half second, as the schedule does each minute."""

    def __init__(self) -> None:
        self._over, self.is_paused = threading.Event(), False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(TICK_SECONDS):
            if not self.is_paused:
                self._tick()
        connections.close_all()

    def _tick(self) -> None:
        """Queue one; a database that is away for the moment is what a scenario wants."""
        try:
            close_old_connections()
            if OrmQ.objects.filter(lock__lte=timezone.now()).count() < MOST_WAITING:
                async_task(TICK)
        except Error:
            connections.close_all()


@dataclass(kw_only=True)
class Bench:
    """One site under test. `pace` is one of those below; `together`: no row waits for another."""

    site: Site
    database: str
    pace: str
    trigger: Trigger
    people: People
    ledger: Ledger
    ticker: Ticker
    results: Path
    together: bool
    workers: dict[str, str] = field(default_factory=dict)  # what their environment differs in

    @property
    def is_short(self) -> bool:
        return self.pace == SHORT

    @property
    def patience(self) -> float:
        """Seconds after which what has not recovered never will."""
        return 60.0 if self.is_short else 900.0

    def run_workers(self, environment: dict[str, str]) -> None:
        """Have the workers run in this changed environment; restarts them only if they do not."""
        if "worker" not in self.site.keeper.wanted or self.workers != environment:
            self.site.start_workers(**environment)
            self.workers = environment
            self._wait_for_workers()

    def _wait_for_workers(self) -> None:
        """Return when they have taken a task, or after a while: what follows would count it."""
        async_task(TICK)
        until = time.monotonic() + WORKER_SECONDS
        while OrmQ.objects.filter(lock__lte=timezone.now()).exists() and time.monotonic() < until:
            time.sleep(0.1)

    def say(self, text: str) -> None:
        """Print one line of progress at once."""
        print(f"{self.database:<10} {self.pace:<10} {text}", flush=True)

    def row(self, **known: Any) -> dict[str, Any]:
        return {"database": self.database, "pace": self.pace, **known}

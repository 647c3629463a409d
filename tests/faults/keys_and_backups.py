"""W9, a new SECRET_KEY under a full queue, and W10, a database that is yesterday's."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connections
from django.utils import timezone
from django_q.conf import Conf
from django_q.tasks import async_task

from tests.faults.bench import Bench
from tests.faults.crowd import Crowd
from tests.faults.outages import WORK

HELD_SECONDS = 5.0


def key_rotated(bench: Bench, *, name: str, runs: int) -> None:
    """Rotate SECRET_KEY while messages wait and the queue holds tasks under the old one."""
    count = min(100, max(10, runs))
    bench.site.keeper.drop("worker", at_once=True)
    bench.ticker.is_paused = True
    crowd = Crowd.of(bench, count)
    crowd.tell()
    for _ in range(count):
        async_task(WORK)
    key, old = secrets.token_urlsafe(48), Conf.SECRET_KEY
    begun = time.time()
    bench.site.start_workers(SECRET_KEY=key)
    Conf.SECRET_KEY = key  # what the rig itself queues from now on: ticks
    bench.ticker.is_paused = False
    crowd.wait(seconds=bench.patience)
    note = f"{count} queued under the old key"
    crowd.write(name=name, runs=count, since=begun, note=note, answer_known=True)
    Conf.SECRET_KEY = old
    bench.site.start_workers(**bench.workers)


def restored_under_a_hold(bench: Bench, *, name: str, runs: int) -> None:
    """Restore a backup that was made while all was held, as before an upgrade."""
    restored(bench, name=name, runs=runs, is_held=True)


def restored(bench: Bench, *, name: str, runs: int, is_held: bool = False) -> None:
    """Restore a backup in which messages wait that have long been sent.

    They are held, the carrier is asked about each, and only what it never had is sent.
    """
    count = max(5, runs // 4)
    backup = bench.site.folder / ("backup-under-a-hold" if is_held else "backup")
    sent_before = Crowd.of(bench, count)
    sent_before.tell()
    sent_before.wait(seconds=bench.patience)
    waiting = Crowd.of(bench, count)
    with _everything_stopped(bench):
        waiting.tell()
        _hold(bench, is_held=is_held)
        connections.close_all()
        _copy(bench, backup)
        _release(bench, is_held=is_held)
    made_at = timezone.now()
    waiting.wait(seconds=bench.patience)
    time.sleep(2)  # their receipts
    with _everything_stopped(bench):
        _put_back(bench, backup)
        unsent = Crowd.of(bench, count)
        unsent.tell()
        bench.site.manage("hold", "--restored", made_at.isoformat())
    time.sleep(HELD_SECONDS)
    early = sum(bool(_copies(bench, unsent)[person.address]) for person in unsent.persons)
    begun = time.time()
    bench.site.manage("release")
    for crowd in (sent_before, waiting, unsent):
        crowd.settled.clear()
        crowd.wait(seconds=bench.patience)
    more = sent_before.judged() + unsent.judged() + Counter(contradicted=early)
    note = f"{count} sent before the backup, {count} after it, {count} not yet"
    note += "; made under a hold" if is_held else ""
    waiting.settled.update(unsent.settled)
    waiting.write(name=name, runs=count * 3, since=begun, note=note, more=more)


def _hold(bench: Bench, *, is_held: bool) -> None:
    if is_held:
        bench.site.manage("hold", "--why", "before an upgrade")


def _release(bench: Bench, *, is_held: bool) -> None:
    if is_held:
        bench.site.manage("release")


def _copies(bench: Bench, crowd: Crowd) -> Counter[str]:
    return Counter(
        {
            person.address: len(bench.ledger.copies(channel="sms", address=person.address))
            for person in crowd.persons
        }
    )


@contextmanager
def _everything_stopped(bench: Bench) -> Iterator[None]:
    """No worker and no web for the length of a block; the database runs."""
    bench.ticker.is_paused = True
    for name in list(bench.site.keeper.wanted):
        bench.site.keeper.drop(name, at_once=True)
    try:
        yield
    finally:
        bench.site.start_web()
        bench.site.start_workers(**bench.workers)
        bench.ticker.is_paused = False


def _copy(bench: Bench, backup: Path) -> None:
    """Copy the database's files while nobody has them open."""
    connections.close_all()
    if bench.site.database is None:
        backup.mkdir()
        for path in bench.site.folder.glob("site.sqlite3*"):
            shutil.copy(path, backup / path.name)
        return
    bench.site.database.stop()
    subprocess.run(["cp", "-a", str(_data(bench)), str(backup)], check=True, timeout=60)
    bench.site.database.start()


def _put_back(bench: Bench, backup: Path) -> None:
    connections.close_all()
    if bench.site.database is None:
        for path in bench.site.folder.glob("site.sqlite3*"):
            path.unlink()
        for path in backup.iterdir():
            shutil.copy(path, bench.site.folder / path.name)
        return
    bench.site.database.stop()
    shutil.rmtree(_data(bench))
    subprocess.run(["cp", "-a", str(backup), str(_data(bench))], check=True, timeout=60)
    bench.site.database.start()


def _data(bench: Bench) -> Path:
    """PostgreSQL's folder, as its own command names it."""
    command = bench.site.database.command
    return Path(command[command.index("-D") + 1])

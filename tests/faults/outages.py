"""Workers killed at any moment, a database or Redis that goes away, a queue that is full."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import websockets
from django.contrib.sessions.backends.db import SessionStore
from django.db import connections
from django.utils import timezone
from django_q.models import OrmQ
from django_q.tasks import async_task

from notifications.models import PatientNotification
from notifications.windows import Window
from portal.models import User
from tests.faults import people
from tests.faults.bench import MOST_WAITING, Bench
from tests.faults.crowd import Crowd, write_row
from tests.faults.people import Person

AWAY_SECONDS = 5.0
PAUSE_SECONDS = (0.3, 1.5)  # between two kills
TASKS = 5_000
WORK = "notifications.delivery.work"


def killed_at_random(bench: Bench, *, name: str, runs: int) -> None:
    """Kill any process of the worker, or all of them, at any moment while messages leave."""
    kills, crowd = max(3, runs // 4), Crowd.of(bench, max(20, runs))
    bench.site.control(carrier="twilio", latency=0.2)
    over = threading.Event()
    telling = threading.Thread(target=_tell_slowly, args=(crowd, over), daemon=True)
    telling.start()
    for _ in range(kills):
        time.sleep(random.uniform(*PAUSE_SECONDS))
        _kill_somebody(bench)
    over.set()
    telling.join()
    ended = time.time()
    bench.site.control(carrier="twilio", latency=0)
    crowd.wait(seconds=bench.patience * 2)
    note = f"{len(crowd.persons)} texts under way"
    crowd.write(name=name, runs=kills, since=ended, note=note)


def _tell_slowly(crowd: Crowd, over: threading.Event) -> None:
    """Make the messages spread over the kills; all at once when those are over."""
    for person in crowd.persons:
        people.send(patient_id=person.patient_id, key="crowd")
        over.wait(0.15)
    connections.close_all()


def _kill_somebody(bench: Bench) -> None:
    group = bench.site.keeper.processes["worker"].pid
    if random.random() < 0.3:
        bench.site.keeper.kill("worker")
        return
    with suppress(ProcessLookupError, IndexError):
        os.kill(random.choice(members(group)), signal.SIGKILL)


def members(group: int) -> list[int]:
    """The processes of a group, the first left out."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                found.append(int(stat.parent.name))
    return [pid for pid in found if pid != group]


def database_away(bench: Bench, *, name: str, runs: int) -> None:
    """Take the database away while messages leave, as a crash of its server does."""
    if bench.site.database is None:
        return  # SQLite is a file: there is no server to stop
    crowd = Crowd.of(bench, max(10, runs // 5))
    bench.site.control(carrier="twilio", latency=1.0)  # so that answers find it gone
    crowd.tell()
    time.sleep(0.5)
    connections.close_all()
    bench.site.database.stop()
    time.sleep(AWAY_SECONDS)
    bench.site.database.start()
    back = time.time()
    bench.site.control(carrier="twilio", latency=0)
    crowd.wait(seconds=bench.patience * 2)
    note = f"{len(crowd.persons)} texts under way, away {AWAY_SECONDS:.0f} s"
    crowd.write(name=name, runs=1, since=back, note=note)


def redis_away(bench: Bench, *, name: str, runs: int) -> None:
    """Take Redis away under an open socket: what was missed is replayed, each frame once."""
    if bench.site.redis is None:
        return  # without Redis the table itself is the doorbell
    person = bench.people.one("sms")
    listener = Listener(bench, person)
    each = max(5, runs // 10)
    _tell_many(person, each, "before")
    time.sleep(1)
    bench.site.redis.stop()
    _tell_many(person, each, "during")
    time.sleep(AWAY_SECONDS)
    bench.site.redis.start()
    back = time.time()
    _tell_many(person, each, "after")
    made = PatientNotification.objects.filter(patient_id=person.patient_id)
    wanted = Counter(str(pk) for pk in made.values_list("pk", flat=True))
    took = listener.wait_for(wanted, seconds=60)
    heard = listener.close()
    counts = Counter(lost=sum((wanted - heard).values()), duplicated=sum((heard - wanted).values()))
    write_row(
        bench,
        name=name,
        runs=1,
        counts=counts,
        took=[max(0.0, took - back)] if took else [],
        note=f"{each * 3} live frames, away {AWAY_SECONDS:.0f} s, {listener.calls} connections",
        channel="in_app",
        answer_known=True,
    )


def _tell_many(person: Person, count: int, word: str) -> None:
    for number in range(count):
        people.send(patient_id=person.patient_id, key=f"{word}-{number}")


class Listener:
    """A patient's page: a socket that comes back with the last `seq` it was told of."""

    def __init__(self, bench: Bench, person: Person) -> None:
        self.heard: Counter[str] = Counter()
        self.calls, self.last, self.changed = 0, 0, 0.0
        place = f"{bench.site.url}/patient-notifications/ws/{person.patient_id}"
        self.place, self.origin = place.replace("http", "ws", 1), bench.site.url
        self.cookie = f"sessionid={_session_of(person)}"
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.thread.start()

    def wait_for(self, wanted: Counter[str], *, seconds: float) -> float | None:
        """Return when the last of these came (seconds since 1970); None if one never did."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not wanted - self.heard:
                time.sleep(2)  # a second copy would come now
                return self.changed
            time.sleep(0.1)
        return None

    def close(self) -> Counter[str]:
        self.is_over.set()
        self.thread.join(timeout=10)
        return self.heard

    async def _run(self) -> None:
        while not self.is_over.is_set():
            with suppress(OSError, websockets.WebSocketException):
                await self._listen()
            await asyncio.sleep(0.3)

    async def _listen(self) -> None:
        address = f"{self.place}?since={self.last}"
        headers = {"Cookie": self.cookie}
        async with websockets.connect(
            address, origin=self.origin, additional_headers=headers
        ) as client:
            self.calls += 1
            while not self.is_over.is_set():
                with suppress(TimeoutError):
                    self._hear(json.loads(await asyncio.wait_for(client.recv(), 0.5)))

    def _hear(self, frame: dict) -> None:
        self.last = max(self.last, frame.get("seq", 0))
        if "id" in frame:
            self.heard[frame["id"]] += 1
            self.changed = time.time()


def _session_of(person: Person) -> str:
    user = User.objects.get(pk=person.patient_id)
    session = SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session.save()
    return session.session_key


def queue_full(bench: Bench, *, name: str, runs: int) -> None:
    """Put thousands of tasks before a message: it goes all the same, and the queue empties."""
    tasks, crowd = TASKS if runs >= 20 else runs * 100, Crowd.of(bench, 20)
    for _ in range(tasks):
        async_task(WORK)
    begun = time.time()
    crowd.tell()
    crowd.wait(seconds=bench.patience)
    left = _emptied(seconds=bench.patience * 3)
    note = f"{tasks:,} tasks, the queue empty after {time.time() - begun:.0f} s"
    more = Counter(lost=left)
    crowd.write(name=name, runs=1, since=begun, note=note, answer_known=True, more=more)


def _emptied(*, seconds: float) -> int:
    """Wait for the queue; how many tasks wait when the time is over, but for a tick or two."""
    until, left = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        left = OrmQ.objects.filter(lock__lte=timezone.now()).count()
        if left <= MOST_WAITING:
            return 0
        time.sleep(0.5)
    return left


def tasks_again(bench: Bench, *, name: str, runs: int) -> None:
    """Let the tasks of killed workers come again at once, as the queue does after three minutes."""
    crowd, armoury = Crowd.of(bench, max(3, runs // 10)), bench.site.armoury
    for number, person in enumerate(crowd.persons):
        armoury.arm(window=Window.BEFORE_ACKNOWLEDGE, name=f"again-{number}")
        people.send(patient_id=person.patient_id, key="crowd")
        armoury.wait(window=Window.BEFORE_ACKNOWLEDGE, name=f"again-{number}", seconds=10)
    crowd.wait(seconds=bench.patience)
    left = list(OrmQ.objects.filter(lock__gt=timezone.now()).values_list("pk", flat=True))
    begun = time.time()
    OrmQ.objects.filter(pk__in=left).update(lock=timezone.now())
    until = time.monotonic() + bench.patience
    while OrmQ.objects.filter(pk__in=left).exists() and time.monotonic() < until:
        time.sleep(0.2)
    book = Counter(entry.to for entry in bench.ledger.all(channel="sms"))
    more = Counter(
        lost=OrmQ.objects.filter(pk__in=left).count(),
        duplicated=sum(copies - 1 for copies in book.values()),
    )
    note = f"none of {len(book):,} numbers had a second text"
    crowd.write(name=name, runs=len(left), since=begun, more=more, note=note)

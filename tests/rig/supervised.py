"""The real site under the real supervisor, for tests that hurt its worker.

with live_site() as site, supervised(site, "--red-after", "2") as supervisor:
    supervisor.cluster().workers
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rig.live import START_SECONDS, Site
from tests.rig.processes import answers, start, wait_until


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The processes of one `manage.py worker`: itself, the cluster's first, and its two workers.

    The cluster starts the workers first, and later puts others in the place of those that die.
    """

    watchman: int
    sentinel: int
    workers: tuple[int, ...]


class Supervisor:
    """A supervisor at work."""

    def __init__(self, *, site: Site, process: subprocess.Popen) -> None:
        self.site, self.process = site, process

    def child(self, *, word: str) -> int | None:
        """The process id of the child whose command holds a word, such as daphne."""
        for pid in children_of(self.process.pid):
            with suppress(OSError):
                if word in Path(f"/proc/{pid}/cmdline").read_text().split("\0"):
                    return pid
        return None

    def cluster(self) -> Cluster | None:
        """The worker's processes, once they are all there."""
        watchman = self.child(word="worker")
        sentinels = children_of(watchman) if watchman else []
        forks = children_of(sentinels[0]) if sentinels else []
        if len(forks) < 4:  # two workers, then the monitor and the pusher, then who replaces one
            return None
        return Cluster(watchman=watchman, sentinel=sentinels[0], workers=tuple(forks[:2]))

    def readyz(self) -> dict[str, Any]:
        """What /readyz says, red or not; nothing when it does not answer."""
        try:
            with urllib.request.urlopen(f"{self.site.url}/readyz", timeout=5) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as red:
            return json.load(red)
        except OSError:
            return {}

    def said(self) -> str:
        """What the supervisor has printed."""
        return self.site.log("supervisor")


def children_of(parent: int) -> list[int]:
    """The process ids of a process' children, oldest first."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent and fields[0] not in "ZX":
                found.append((int(fields[19]), int(stat.parent.name)))
    return [pid for _started, pid in sorted(found)]


def signal_all(number: signal.Signals, *pids: int) -> None:
    """Send a signal to each of these processes, those that are gone left out."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


@contextmanager
def supervised(site: Site, *waits: str) -> Iterator[Supervisor]:
    """A site's processes under the supervisor, for the length of a block. Raises DidNotStart."""
    command = [sys.executable, "-m", "dentamind.supervisor", "--port", str(site.port)]
    process = start(
        command=[*command, "--logs", str(site.folder), *waits],
        log=site.log_path("supervisor"),
        environment=site.environment,
    )
    site.warden.watch(group=process.pid)
    try:
        wait_until(
            ready=lambda: answers(url=f"{site.url}/healthz"),
            process=process,
            log=site.log_path("supervisor"),
            seconds=START_SECONDS,
        )
        yield Supervisor(site=site, process=process)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)  # longer than it gives its children
        process.kill()
        process.wait(timeout=10)
        site.warden.release(group=process.pid)

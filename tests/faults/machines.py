"""What the site stands on, each a process of its own that the rig can take away for a while."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dentamind.warden import Warden, kill_group
from tests.rig.install import postgresql_bin
from tests.rig.processes import HOST, end, free_port, listens, start, wait_until
from tests.rig.servers import NAME, START_SECONDS, accepts, create_database, folder, initialise

LOOK_SECONDS = 0.05


class Machine:
    """One process in a group of its own. `stop` is friendly in so far as its signal is."""

    def __init__(
        self,
        *,
        command: list[str],
        log: Path,
        ready: Callable[[], bool],
        cwd: Path,
        user: str | None = None,
        ask: int = signal.SIGTERM,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.command, self.log, self.ready, self.cwd = command, log, ready, cwd
        self.user, self.ask, self.environment = user, ask, environment
        self.warden, self.process = Warden(), None

    def start(self) -> None:
        """Start and wait until it is ready. Raises DidNotStart."""
        self.process = start(
            command=self.command,
            log=self.log,
            environment=self.environment,
            cwd=self.cwd,
            user=self.user,
        )
        self.warden.watch(group=self.process.pid)
        wait_until(ready=self.ready, process=self.process, log=self.log, seconds=START_SECONDS)

    def stop(self) -> None:
        if self.process is not None:
            end(process=self.process, ask=self.ask)
            self.warden.release(group=self.process.pid)
            self.process = None

    @contextmanager
    def running(self) -> Iterator[Machine]:
        try:
            self.start()
            yield self
        finally:
            self.stop()
            self.warden.close()


@contextmanager
def postgres() -> Iterator[tuple[str, Machine]]:
    """The URL of an empty PostgreSQL database, and its server."""
    user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses root
    with folder(prefix="dentamind-faults-pg-", user=user) as place:
        log, port = place / "log", free_port()
        initialise(data=place / "data", user=user, log=log)
        command = [f"{postgresql_bin()}/postgres", "-D", str(place / "data"), "-p", str(port)]
        options = (
            f"listen_addresses={HOST}",
            f"unix_socket_directories={place}",
            "fsync=off",  # kills are of processes, never of the machine
            "max_connections=200",
        )
        for option in options:
            command += ["-c", option]
        url = f"postgres://{NAME}@{HOST}:{port}/postgres"
        server = Machine(
            command=command,
            log=log,
            ready=lambda: accepts(url=url),
            cwd=place,
            user=user,
            ask=signal.SIGQUIT,  # at once, as a crash of the server would be
        )
        with server.running():
            yield create_database(server_url=url, name=NAME), server


@contextmanager
def redis() -> Iterator[tuple[str, Machine]]:
    """The URL of an empty Redis, and its server; what it knew is gone when it stops."""
    with folder(prefix="dentamind-faults-redis-", user=None) as place:
        port = free_port()
        command = [shutil.which("redis-server") or "redis-server", "--port", str(port)]
        command += ["--bind", HOST, "--save", "", "--appendonly", "no", "--dir", str(place)]
        server = Machine(
            command=command, log=place / "log", ready=lambda: listens(port=port), cwd=place
        )
        with server.running():
            yield f"redis://{HOST}:{port}/0", server


class Keeper:
    """Keeps processes running as a supervisor does: whatever dies is started again at once."""

    def __init__(self, *, logs: Path) -> None:
        self.logs, self.warden = logs, Warden()
        self.wanted: dict[str, tuple[list[str], dict[str, str]]] = {}
        self.processes: dict[str, subprocess.Popen] = {}
        self.restarts = 0
        self._lock, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def keep(self, name: str, *, command: list[str], environment: dict[str, str]) -> None:
        """Run a command under a name, from now on and again whenever it ends."""
        with self._lock:
            self.wanted[name] = (command, environment)
            self._start(name)

    def drop(self, name: str, *, at_once: bool = False) -> None:
        """End a process for good: the friendly way, or at once as a power cut would."""
        with self._lock:
            if self.wanted.pop(name, None) is None:
                return
            process = self.processes.pop(name)
            if at_once:
                kill_group(group=process.pid)
            end(process=process)
            self.warden.release(group=process.pid)

    def kill(self, name: str) -> None:
        """End a process with all its forks as a power cut would; it is started again at once."""
        kill_group(group=self.processes[name].pid)

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        for name in list(self.wanted):
            self.drop(name)
        self.warden.close()

    def _start(self, name: str) -> None:
        command, environment = self.wanted[name]
        log = self.logs / f"{name}.log"
        self.processes[name] = start(command=command, log=log, environment=environment)
        self.warden.watch(group=self.processes[name].pid)

    def _keep(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            with self._lock:
                for name in [each for each in self.wanted if self._is_dead(each)]:
                    kill_group(group=self.processes[name].pid)
                    self.warden.release(group=self.processes[name].pid)
                    self.restarts += 1
                    self._start(name)

    def _is_dead(self, name: str) -> bool:
        return self.processes[name].poll() is not None

"""The real site as processes: web and worker on a database of their own, for tests to hurt.

with live_site() as site:
    site.manage("seed_demo")
    site.start()
    site.kill("worker")
    site.start("worker")
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dentamind.supervisor import commands
from dentamind.warden import Warden, kill_group
from tests.rig.environment import testing
from tests.rig.processes import HOST, ROOT, answers, end, free_port, start, tail, wait_until
from tests.rig.servers import fresh_database

START_SECONDS = 60.0
COMMAND_SECONDS = 120.0


class CommandFailed(Exception):
    """A management command ended with an error; the text holds its output."""


class Site:
    """One installation: its address, its processes by name (`web`, `worker`), its logs."""

    def __init__(self, *, folder: Path, environment: dict[str, str], warden: Warden) -> None:
        self.folder, self.warden = folder, warden
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.environment = {
            "DJANGO_SETTINGS_MODULE": "dentamind.settings",
            **environment,
            "PORT": str(self.port),
            "PUBLIC_URL": self.url,
            "TRUSTED_ORIGINS": self.url,
            "PYTHONUNBUFFERED": "1",
        }
        self.processes: dict[str, subprocess.Popen] = {}

    def start(self, *names: str) -> None:
        """Start the named processes (both when none is named) and wait for the web to answer.

        Raises DidNotStart with the end of the log.
        """
        for name in names or ("web", "worker"):
            self.processes[name] = process = start(
                command=commands(port=self.port)[name],
                log=self.log_path(name),
                environment=self._environment(name),
            )
            self.warden.watch(group=process.pid)
        if "web" in (names or ("web",)):
            self._wait_for_web()

    def _environment(self, name: str) -> dict[str, str]:
        """A web process takes its connections from a pool; a worker keeps one."""
        return {**self.environment, "DATABASE_POOL": "true" if name == "web" else "false"}

    def _wait_for_web(self) -> None:
        """Return when the web answers. Raises DidNotStart."""
        wait_until(
            ready=lambda: answers(url=f"{self.url}/healthz"),
            process=self.processes["web"],
            log=self.log_path("web"),
            seconds=START_SECONDS,
        )

    def stop(self, *names: str) -> None:
        """End the named processes (all when none is named) the friendly way."""
        for name in names or tuple(self.processes):
            process = self.processes.pop(name)
            end(process=process)
            self.warden.release(group=process.pid)

    def kill(self, name: str, *, whole_group: bool = True) -> None:
        """End a process as a crash would; without the group its own children stay behind."""
        process = self.processes[name]
        if not whole_group:
            process.kill()
            process.wait(timeout=10)
            return
        kill_group(group=process.pid)
        process.wait(timeout=10)
        self.warden.release(group=process.pid)
        del self.processes[name]

    def suspend(self, name: str) -> None:
        """Freeze a process with its children: alive, but doing nothing."""
        os.killpg(self.processes[name].pid, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a frozen process go on."""
        os.killpg(self.processes[name].pid, signal.SIGCONT)

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        """Run manage.py on the same database, bounded in time. Raises CommandFailed."""
        result = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if check and result.returncode:
            raise CommandFailed(
                f"manage.py {' '.join(arguments)} ended with code {result.returncode}:\n"
                f"{result.stdout}{result.stderr}"
            )
        return result

    def log_path(self, name: str) -> Path:
        """The file a process writes its output to."""
        return self.folder / f"{name}.log"

    def log(self, name: str, *, lines: int = 1000) -> str:
        """The end of what a process has written so far."""
        return tail(log=self.log_path(name), lines=lines)


@contextmanager
def live_site(
    *, database_url: str | None = None, redis_url: str | None = None, **settings: str
) -> Iterator[Site]:
    """A migrated site, nothing started yet, for the length of a block.

    By default it lives beside the servers the tests run on: a new database on the PostgreSQL of
    DATABASE_URL, or else a new SQLite file. `settings` are environment variables. Raises
    CommandFailed when the migrations fail.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dentamind-live-")))
        url = database_url or stack.enter_context(own_database(folder=folder))
        bus = os.environ.get("REDIS_URL", "") if redis_url is None else redis_url
        environment = {**testing(database_url=url, redis_url=bus), **settings}
        site = Site(folder=folder, environment=environment, warden=Warden())
        stack.callback(site.warden.close)
        stack.callback(site.stop)
        site.manage("migrate", "--verbosity", "0")
        yield site


@contextmanager
def own_database(*, folder: Path) -> Iterator[str]:
    """The URL of a database nobody else uses, of the kind the tests run on."""
    server_url = os.environ.get("DATABASE_URL", "")
    if server_url.startswith(("postgres://", "postgresql://")):
        with fresh_database(server_url=server_url) as url:
            yield url
    else:
        yield f"sqlite:///{folder / 'live.sqlite3'}"

"""The supervised processes: how one is started, followed, ended, and how it is known to be well."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path

from dentamind.warden import Warden, kill_group

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "var" / "log"
HOST = "127.0.0.1"
GRACE_SECONDS = 12.0
REPLACE_SECONDS = 5.0  # for the friendly end of one that does nothing: it hardly needs any
LONGEST_BACKOFF = 30.0
STEADY_SECONDS = 60.0
PROBE_SECONDS = 5.0
LONGEST_REST = 600.0
LOUD = re.compile(r"\b(warning|error|critical|exception)\b", re.IGNORECASE)

# What stands in a traceback before its last line, chained ones included.
BETWEEN = re.compile(r"\s|$|The above exception was|During handling of")


class Filter:
    """Keeps what warns; of a traceback only the last line, which names the error."""

    def __init__(self) -> None:
        self.in_traceback = False

    def lets_through(self, *, line: str) -> bool:
        """Whether to show this line of a child's output."""
        if "Traceback (most recent call last)" in line:
            self.in_traceback = True
            return False
        if self.in_traceback:
            self.in_traceback = BETWEEN.match(line) is not None
            return not self.in_traceback
        # Our own question about readiness, answered "not yet", is no news.
        return LOUD.search(line) is not None and "Service Unavailable: /readyz" not in line


class Child:
    """One supervised command: its process, its log, its backoff."""

    def __init__(
        self,
        *,
        name: str,
        command: list[str],
        environment: dict[str, str],
        warden: Warden,
        logs: Path,
    ) -> None:
        self.name, self.command = name, command
        self.environment, self.warden = environment, warden
        self.process: subprocess.Popen | None = None
        self.started_at = self.next_start = 0.0
        self.backoff = 1.0
        self.log_path = logs / f"{name}.log"

    def start(self) -> None:
        """Start the command in a process group of its own and follow its output."""
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            errors="replace",
        )
        self.warden.watch(group=self.process.pid)
        self.started_at = time.monotonic()
        threading.Thread(target=self._follow, args=(self.process,), daemon=True).start()

    def _follow(self, process: subprocess.Popen) -> None:
        """Copy the output into the log file and show the lines that warn, until it ends."""
        filtered = Filter()
        with self.log_path.open("a") as log:
            for line in process.stdout:
                log.write(line)
                log.flush()
                if filtered.lets_through(line=line):
                    say(f"{self.name:<6} | {line.rstrip()}")

    def has_died(self) -> bool:
        """Whether it was running and is not any more; also ends what it left behind."""
        if self.process is None or self.process.poll() is None:
            return False
        self.note_end()
        return True

    def note_end(self) -> None:
        """Clean up after an end, and say when the next start is due."""
        kill_group(group=self.process.pid)
        self.warden.release(group=self.process.pid)
        if time.monotonic() - self.started_at > STEADY_SECONDS:
            self.backoff = 1.0
        self.next_start = time.monotonic() + self.backoff
        code, self.process = self.process.returncode, None
        say(
            f"The {self.name} stopped (exit code {code}); starting it again in "
            f"{self.backoff:.0f} s. Its log is {shown(self.log_path)}."
        )
        self.backoff = min(self.backoff * 2, LONGEST_BACKOFF)

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the command itself, which then ends its own processes."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def finish(self, *, deadline: float) -> None:
        """Wait until the deadline (monotonic), then kill what is left of the group."""
        if self.process is None:
            return
        try:
            self.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            say(f"The {self.name} did not stop in time and was killed.")
        kill_group(group=self.process.pid)
        self.process.wait()
        self.warden.release(group=self.process.pid)
        self.process = None

    def replace(self, *, why: str) -> None:
        """End a child that is alive but does no work; the supervisor then starts it again."""
        if self.process is None:
            return
        say(f"The {self.name} is being restarted: {why}.")
        self.ask_to_stop()
        self.finish(deadline=time.monotonic() + REPLACE_SECONDS)
        self.next_start = time.monotonic()


class Health:
    """Reads /readyz and tells which child has been wrong for too long.

    A worker is wrong when the answer says that a new one may help, which has its waiting built in;
    the web when there is no answer, or no sense in it. A child that was just started, or whose
    database is back, gets its time, `settle` seconds; twice as much after each replacement that did
    not help.
    """

    def __init__(self, *, port: int, patience: dict[str, float], settle: float) -> None:
        self.url = f"http://{HOST}:{port}/readyz"
        self.patience, self.settle = patience, settle
        self.next_probe = time.monotonic() + PROBE_SECONDS
        self.since: dict[str, float] = {}
        self.rest = dict.fromkeys(patience, settle)
        self.database_away = float("-inf")  # when it last was (monotonic)

    def overdue(self, *, started: dict[str, float]) -> str | None:
        """The name of the child to replace now, or None; `started` is when each was (monotonic).

        Probes at most every few seconds.
        """
        now = time.monotonic()
        if now < self.next_probe:
            return None
        wrong = self._wrong()
        self.next_probe = time.monotonic() + PROBE_SECONDS
        if wrong is None:
            self.since, self.rest = {}, dict.fromkeys(self.patience, self.settle)
            return None
        self.since = {wrong: self.since.get(wrong, now)}
        is_borne = now - self.since[wrong] < self.patience[wrong]
        if is_borne or now - max(started[wrong], self.database_away) < self.rest[wrong]:
            return None
        self.since, self.rest[wrong] = {}, min(self.rest[wrong] * 2, LONGEST_REST)
        return wrong

    def _wrong(self) -> str | None:
        """Whom the answer blames: the worker for a red one, the web for none or a broken one."""
        try:
            with urllib.request.urlopen(self.url, timeout=PROBE_SECONDS):
                return None
        except urllib.error.HTTPError as error:
            return self._blamed(error) if error.code >= 500 else None
        except (OSError, http.client.HTTPException):
            return "web"

    def _blamed(self, error: urllib.error.HTTPError) -> str | None:
        """Whom a red answer blames; nobody for a database that is away: no restart helps."""
        try:
            says_worker = json.load(error)["restart_worker"]
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
            return "web"
        if says_worker:
            return "worker"
        self.database_away = time.monotonic()
        return None


def prepare_logs(*, names: Iterable[str], folder: Path) -> None:
    """Create the folder of logs and begin with empty ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.log").write_text("")


def shown(path: Path) -> str:
    """A path as a person in the project's folder would write it."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def say(text: str) -> None:
    """Print one line at once; a closed terminal must not stop the site."""
    with contextlib.suppress(OSError, ValueError):
        print(text, flush=True)

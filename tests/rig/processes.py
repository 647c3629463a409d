"""Processes the tests start: in groups of their own, bounded in time, ended by their pid."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dentamind.warden import Warden, kill_group

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"


class DidNotStart(Exception):
    """A process was not ready in time; the text holds the end of its log."""


def free_port() -> int:
    """A port on the loopback interface that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def start(
    *,
    command: list[str],
    log: Path,
    environment: dict[str, str] | None = None,
    cwd: Path = ROOT,
    user: str | None = None,
) -> subprocess.Popen:
    """Start a command in its own process group, its output in a file. Raises OSError."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **owner(user=user),
        )


def owner(*, user: str | None) -> dict[str, object]:
    """The arguments that let a process run as another user; none to stay who we are."""
    return {"user": user, "group": user, "extra_groups": []} if user else {}


def end(*, process: subprocess.Popen, ask: int = signal.SIGTERM, grace: float = 10.0) -> int:
    """Ask a process to end, kill what is left of its group after the grace; the exit code."""
    if process.poll() is None:
        process.send_signal(ask)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=grace)
    kill_group(group=process.pid)
    return process.wait(timeout=10)


@contextmanager
def running(
    *, command: list[str], log: Path, ask: int = signal.SIGTERM, user: str | None = None, cwd: Path
) -> Iterator[subprocess.Popen]:
    """A process for the length of a block; it does not survive us, however we end."""
    warden = Warden()
    process = start(command=command, log=log, user=user, cwd=cwd)
    warden.watch(group=process.pid)
    try:
        yield process
    finally:
        end(process=process, ask=ask)
        warden.release(group=process.pid)
        warden.close()


def wait_until(
    *, ready: Callable[[], bool], process: subprocess.Popen, log: Path, seconds: float
) -> None:
    """Return once `ready()` holds. Raises DidNotStart when it never does or the process ends."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if ready():
            return
        time.sleep(0.05)
    why = "is not ready" if process.poll() is None else f"ended with code {process.returncode}"
    raise DidNotStart(
        f"{os.path.basename(str(process.args[0]))} {why} after {seconds:.0f} s. "
        f"The end of {log}:\n{tail(log=log)}"
    )


def listens(*, port: int) -> bool:
    """Whether something accepts connections on the port."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def answers(*, url: str) -> bool:
    """Whether a web server gives any answer, an error included."""
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def tail(*, log: Path, lines: int = 20) -> str:
    """The last lines of a log; empty when there is none."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])

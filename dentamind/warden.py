"""Ends the process groups another process started, should that process die without doing so.

The owner keeps a pipe to this process open and writes `+ID` and `-ID` lines. When the pipe closes,
by whatever death, every group still listed is asked to stop and, after a grace, killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

GRACE_SECONDS = 10.0


class Warden:
    """The owner's end of the pipe. Raises OSError when the helper process cannot be started."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )

    def watch(self, *, group: int) -> None:
        """From now on this process group must not outlive the owner."""
        self._tell(line=f"+{group}")

    def release(self, *, group: int) -> None:
        """The owner has ended this group itself."""
        self._tell(line=f"-{group}")

    def close(self) -> None:
        """Let the helper go; what is still watched is ended by it. Bounded by its grace."""
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.wait(timeout=GRACE_SECONDS + 5)

    def _tell(self, *, line: str) -> None:
        """Write one line; a helper that is gone must not stop the owner."""
        with contextlib.suppress(OSError, ValueError):
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()


def main() -> None:
    """Follow the owner's lines until the pipe closes, then end what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        groups = groups | {group} if line.startswith("+") else groups - {group}
    end_groups(groups=groups, grace=GRACE_SECONDS)


def end_groups(*, groups: set[int], grace: float) -> None:
    """Ask each group's first process to stop, wait for it, then kill what is left of the group."""
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.kill(group, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline and any(is_running(pid=group) for group in groups):
        time.sleep(0.05)
    for group in groups:
        kill_group(group=group)


def is_running(*, pid: int) -> bool:
    """Whether a process is there and has not ended; one that only waits to be reaped has."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except OSError:
        return not Path("/proc/self/stat").exists()  # no such files on this system
    return state not in "ZX"


def kill_group(*, group: int) -> None:
    """Kill every member of a process group; an empty one is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()

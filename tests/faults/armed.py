"""How a process is killed at a window: an armed file is claimed by whoever passes it next.

The claim is a rename, which one process alone can win, so that one file is one kill. The claimed
file then says when, and which process.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from notifications import windows
from notifications.windows import Window

FOLDER_VARIABLE = "FAULTS_FOLDER"
ARMED, CLAIMED, FIRED = "armed", "claimed", "fired"


@dataclass(frozen=True, kw_only=True)
class Kill:
    """A process that was killed: when (seconds since 1970) and its number."""

    at: float
    pid: int


def listen() -> None:
    """From now on this process, and what it forks, may be killed at an armed window."""
    windows.listener = partial(_pass, Path(os.environ[FOLDER_VARIABLE]))


def _pass(folder: Path, window: Window) -> None:
    for armed in sorted((folder / ARMED).glob(f"{window.value}.*")):
        claimed = folder / CLAIMED / armed.name
        with suppress(FileNotFoundError):  # another process was faster
            armed.rename(claimed)
            _die(claimed, folder / FIRED / armed.name)


def _die(claimed: Path, fired: Path) -> NoReturn:
    """Write down when and who, then end this process as a power cut would."""
    claimed.write_text(f"{time.time()} {os.getpid()}")
    claimed.rename(fired)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


class Armoury:
    """The rig's side of it. Names are the rig's own, one a kill."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in (ARMED, CLAIMED, FIRED):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def arm(self, *, window: Window, name: str) -> None:
        (self.folder / ARMED / f"{window.value}.{name}").touch()

    def disarm(self, *, window: Window, name: str) -> None:
        (self.folder / ARMED / f"{window.value}.{name}").unlink(missing_ok=True)

    def kill(self, *, window: Window, name: str) -> Kill | None:
        """Return the kill of this name, or None while there was none."""
        fired = self.folder / FIRED / f"{window.value}.{name}"
        if not fired.exists():
            return None
        at, pid = fired.read_text().split()
        return Kill(at=float(at), pid=int(pid))

    def wait(self, *, window: Window, name: str, seconds: float) -> Kill | None:
        """Return the kill once it has happened; after so many seconds disarm and return None."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if kill := self.kill(window=window, name=name):
                return kill
            time.sleep(0.01)
        self.disarm(window=window, name=name)
        return self.kill(window=window, name=name)

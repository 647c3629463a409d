"""How a carrier behaves at the moment; changed while it runs."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

OK, DOWN, REFUSE, SENDER = "ok", "down", "refuse", "sender"
MODES = {
    "twilio": (OK, DOWN, REFUSE),
    "smtp": (OK, DOWN, REFUSE, SENDER),
    "push": (OK, DOWN, REFUSE),
}
LONGEST = 60.0  # seconds of any wait


@dataclass(kw_only=True)
class Modes:
    """One carrier's. Times in seconds.

    `mode`: ok; down: answers that it cannot; refuse: takes no connections; sender: refuses ours.
    `per_second`: what it takes in one second, the rest is told to wait. `lag`: after how long a
    text can be found. `callback_delay`: before each status. `callbacks`: whether any are posted.
    """

    mode: str = OK
    latency: float = 0.0
    per_second: int | None = None
    callbacks: bool = True
    lag: float = 0.5
    callback_delay: float = 0.05
    replies_url: str = ""

    def change(self, wanted: Mapping[str, Any], *, carrier: str) -> None:
        """Take on what is named, all of it or nothing. Raises ValueError saying what is wrong."""
        for name, value in wanted.items():
            _check(name, value, carrier=carrier)
        for name, value in wanted.items():
            setattr(self, name, value)

    def told(self) -> dict[str, Any]:
        return asdict(self)


class Meter:
    """Counts what came in the present second."""

    def __init__(self, modes: Modes) -> None:
        self._modes, self._second, self._count = modes, 0, 0

    def is_over(self) -> bool:
        """Count one more; return whether that is more than may come."""
        second = int(time.monotonic())
        self._count = self._count + 1 if second == self._second else 1
        self._second = second
        limit = self._modes.per_second
        return limit is not None and self._count > limit


NAMES = {field.name for field in fields(Modes)}


def _check(name: str, value: Any, *, carrier: str) -> None:
    if name not in NAMES:
        raise ValueError(f"{name} is not one of {', '.join(sorted(NAMES))}")
    if not _fits(name, value, carrier=carrier):
        raise ValueError(f"{name} cannot be {value!r} for {carrier}")


def _fits(name: str, value: Any, *, carrier: str) -> bool:
    if name == "mode":
        return value in MODES[carrier]
    if name == "callbacks":
        return isinstance(value, bool)
    if name == "replies_url":
        return isinstance(value, str)
    if name == "per_second":
        return value is None or (_is_number(value, int) and value >= 0)
    return _is_number(value, int | float) and 0 <= value <= LONGEST


def _is_number(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)

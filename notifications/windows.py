"""The moments at which a crash has a consequence of its own: docs/faults.md says what happens.

A fault run listens here and ends the process at one of them; otherwise passing one is nothing.
"""

from collections.abc import Callable
from enum import StrEnum


class Window(StrEnum):
    """Where a process may be killed."""

    BEFORE_COMMIT = "W1"  # a message is written, its transaction is not committed
    BEFORE_WAKE_UP = "W2"  # committed, nobody was woken
    BEFORE_ATTEMPT = "W3"  # claimed, the attempt is not written
    BEFORE_REQUEST = "W4"  # the attempt is committed, the carrier was not called
    BEFORE_RECORD = "W5"  # the carrier has it, its answer is not written down
    BEFORE_ACKNOWLEDGE = "W6"  # all is written down, the queue does not know
    BEFORE_RECEIPT = "W7"  # a carrier's call is kept, nothing was made of it
    BEFORE_PLAN = "W8"  # a plan became a message, its transaction is not committed


listener: Callable[[Window], None] | None = None


def passing(window: Window) -> None:
    """Tell whoever listens that this process is at a window."""
    if listener is not None:
        listener(window)

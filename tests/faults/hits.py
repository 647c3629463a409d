"""Whether a kill hit the message it was meant for, told by what the rows kept of that moment.

A kill that came an instant early or late, or hit another message, proves nothing about this one:
such a run is not counted, and made again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from carriers.books import Entry
from notifications.models import CarrierEvent, Delivery, DeliveryAttempt
from notifications.windows import Window


@dataclass(frozen=True, kw_only=True)
class Traces:
    """The rows of one message in the end, and its copies. `killed_at` is aware."""

    killed_at: datetime
    delivery: Delivery
    made_at: datetime
    attempts: Sequence[DeliveryAttempt]
    events: Sequence[CarrierEvent]
    copies: Sequence[Entry]

    def open_attempt(self) -> bool:
        """Whether a try was under way: begun, and not ended."""
        return any(
            each.started_at <= self.killed_at
            and (each.finished_at is None or each.finished_at > self.killed_at)
            for each in self.attempts
        )

    def begun(self) -> bool:
        return any(each.started_at <= self.killed_at for each in self.attempts)

    def ended(self) -> bool:
        return any(
            each.finished_at and each.finished_at <= self.killed_at for each in self.attempts
        )

    def taken(self) -> bool:
        """Whether the carrier had it."""
        return any(moment(entry.at) <= self.killed_at for entry in self.copies)

    def open_event(self) -> bool:
        """Whether a carrier's call was kept, and nothing made of it."""
        return any(
            each.received_at <= self.killed_at
            and (each.settled_at is None or each.settled_at > self.killed_at)
            for each in self.events
        )


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


EVIDENCE: dict[Window, Callable[[Traces], bool]] = {
    Window.BEFORE_COMMIT: lambda seen: seen.made_at > seen.killed_at,
    Window.BEFORE_WAKE_UP: lambda seen: seen.made_at <= seen.killed_at and not seen.begun(),
    Window.BEFORE_ATTEMPT: lambda seen: seen.made_at <= seen.killed_at and not seen.begun(),
    Window.BEFORE_REQUEST: lambda seen: seen.open_attempt() and not seen.taken(),
    Window.BEFORE_RECORD: lambda seen: seen.open_attempt() and seen.taken(),
    Window.BEFORE_ACKNOWLEDGE: lambda seen: seen.ended(),
    Window.BEFORE_RECEIPT: lambda seen: seen.open_event(),
    Window.BEFORE_PLAN: lambda seen: seen.made_at > seen.killed_at,
}

"""What a timeline is made of, ready to be written on a page: no bodies, no whole addresses."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from notifications.enums import TimelineKind
from notifications.history.message import HistoryEntry


@dataclass(frozen=True, kw_only=True)
class Try:
    """One call of a carrier: what came back, and in which of its own words."""

    number: int
    at: datetime
    result: str
    code: str
    provider_id: str
    means: str = ""  # the code in our words


@dataclass(frozen=True, kw_only=True)
class ReceiptLine:
    """What a carrier told us later, and what that led to."""

    at: datetime
    said: str
    outcome: str


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One question asked before a message goes; `objection` is empty where it passes."""

    asks: str
    objection: str = ""


@dataclass(frozen=True, kw_only=True)
class ChannelLine:
    """A message on one channel: where it stands, why, and what staff can do about it."""

    delivery_id: UUID
    channel: str
    label: str
    address: str
    status: str
    says: str
    reason: str
    next_step: str
    at: datetime
    due_at: datetime | None  # while it waits
    handled_at: datetime | None = None
    tries: list[Try] = field(default_factory=list)
    receipts: list[ReceiptLine] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message with its channels and what the patient did with it."""

    id: UUID
    at: datetime
    actor: str
    label: str
    title: str
    language: str
    priority: str
    subject: str
    channels: list[ChannelLine]
    acts: list[HistoryEntry]
    kind: TimelineKind = TimelineKind.MESSAGE

    @property
    def object_id(self) -> str:
        return str(self.id)


@dataclass(frozen=True, kw_only=True)
class Happening:
    """Something beside the messages. `object_id` is the row it is about, `address` is masked."""

    id: UUID
    at: datetime
    kind: TimelineKind
    sentence: str
    actor: str = ""
    address: str = ""
    detail: str = ""
    object_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A message to come."""

    id: UUID
    due_at: datetime
    label: str
    rule: str
    subject: str


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """One page, newest first. `older` is the cursor of the next page, empty on the last."""

    entries: list[Message | Happening]
    planned: list[Planned]
    older: str = ""

"""What a socket says: the inbox's events after a position, in order, as its client wishes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import orjson

from notifications import realtime
from notifications.api import shapes
from notifications.api.admission import Close, Refusal
from notifications.crypto import keys_loaded
from notifications.enums import InboxEventKind
from notifications.models import InboxEvent, PatientNotification

RESYNC = {"event": "resync"}


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a client asked for in the address: texts, events or both, and from where on."""

    texts: bool = True
    events: bool = False
    since: int | None = None


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One client's question: what happened in this inbox after a position?"""

    patient_id: UUID
    seq: int
    wish: Wish


@dataclass(frozen=True, kw_only=True)
class News:
    """Frames to send, and the position they lead to."""

    frames: list[str]
    seq: int


def wish_of(*, query: bytes) -> Wish:
    """Read `?events=all|only` and `?since=SEQ`. Raises Refusal for any other value."""
    asked = parse_qs(query.decode("latin1"), keep_blank_values=True)
    events, since = asked.get("events", [""])[-1], asked.get("since", [""])[-1]
    is_number = since.isascii() and since.isdecimal() and len(since) <= 18
    if events not in ("", "all", "only") or (since and not is_number):
        raise Refusal(Close.BAD_REQUEST)
    position = int(since) if since else None
    return Wish(texts=events != "only", events=events != "", since=position)


def news_of(asks: Sequence[Ask]) -> list[News]:
    """Answer many clients in a fixed number of queries for a hundred of them."""
    changes = realtime.changes_since(positions=[(ask.patient_id, ask.seq) for ask in asks])
    rows = _created(
        [
            event
            for ask, change in zip(asks, changes, strict=True)
            if ask.wish.texts and not change.resync
            for event in change.events
        ]
    )
    with keys_loaded({patient_id for patient_id, _pk in rows}):
        return [
            _news(ask=ask, change=change, rows=rows)
            for ask, change in zip(asks, changes, strict=True)
        ]


Rows = Mapping[tuple[UUID, UUID], PatientNotification]  # by patient id and id


def _created(events: Iterable[InboxEvent]) -> Rows:
    """Return the notifications these events made, less those put away since: they stay away."""
    made = [event for event in events if event.kind == InboxEventKind.CREATED]
    if not made:
        return {}
    found = PatientNotification.objects.filter(
        patient_id__in={event.patient_id for event in made},
        pk__in={event.notification_id for event in made},
    )
    return {(row.patient_id, row.pk): row for row in found if shapes.status(row) == "inbox"}


def _news(*, ask: Ask, change: realtime.Changes, rows: Rows) -> News:
    if change.resync:
        last, _unread = realtime.position(patient_id=ask.patient_id)
        return News(frames=[_encode(RESYNC)], seq=last)
    frames = [_frame(event=event, rows=rows, wish=ask.wish) for event in change.events]
    last = change.events[-1].seq if change.events else ask.seq
    return News(frames=[_encode(frame) for frame in frames if frame], seq=last)


def _frame(*, event: InboxEvent, rows: Rows, wish: Wish) -> dict[str, Any] | None:
    """Return an event as one frame: the notification itself where it came to be."""
    if wish.texts and event.kind == InboxEventKind.CREATED:
        row = rows.get((event.patient_id, event.notification_id))
        extra = {"unread": event.unread} if wish.events else {}
        return {**shapes.notification(row), **extra} if row else None
    return shapes.event(event, names_row=wish.texts) if wish.events else None


def _encode(frame: dict[str, Any]) -> str:
    return orjson.dumps(frame).decode()

"""What a socket says: the inbox's events after a position, in order, as its client wishes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import orjson

from notifications import realtime
from notifications.api import shapes
from notifications.api.admission import Close, Refusal
from notifications.enums import InboxEventKind
from notifications.models import InboxEvent, PatientNotification
from notifications.services import patient_notification_service

RESYNC = {"event": "resync"}


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a client asked for in the address: texts, events or both, and from where on."""

    texts: bool = True
    events: bool = False
    since: int | None = None


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


def news_after(*, patient_id: UUID, seq: int, wish: Wish) -> News:
    """Return what happened after a position; where that is no longer known, a resync."""
    changes = patient_notification_service.changes_since(patient_id=patient_id, seq=seq)
    if changes.resync:
        last, _unread = realtime.position(patient_id=patient_id)
        return News(frames=[_encode(RESYNC)], seq=last)
    rows = _created(patient_id=patient_id, events=changes.events) if wish.texts else {}
    frames = [_frame(event=event, rows=rows, wish=wish) for event in changes.events]
    last = changes.events[-1].seq if changes.events else seq
    return News(frames=[_encode(frame) for frame in frames if frame], seq=last)


def _created(*, patient_id: UUID, events: Iterable[InboxEvent]) -> dict[UUID, PatientNotification]:
    """Return the notifications these events made, less those put away since: they stay away."""
    ids = [event.notification_id for event in events if event.kind == InboxEventKind.CREATED]
    rows = PatientNotification.objects.filter(patient_id=patient_id, pk__in=ids) if ids else []
    return {row.pk: row for row in rows if shapes.status(row) == "inbox"}


def _frame(
    *, event: InboxEvent, rows: dict[UUID, PatientNotification], wish: Wish
) -> dict[str, Any] | None:
    """Return an event as one frame: the notification itself where it came to be."""
    if wish.texts and event.kind == InboxEventKind.CREATED:
        row = rows.get(event.notification_id)
        extra = {"unread": event.unread} if wish.events else {}
        return {**shapes.notification(row), **extra} if row else None
    return shapes.event(event, names_row=wish.texts) if wish.events else None


def _encode(frame: dict[str, Any]) -> str:
    return orjson.dumps(frame).decode()

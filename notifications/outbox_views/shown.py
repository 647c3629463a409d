"""What lies in the outbox as patients see it: letters, conversations, cards on a lock screen."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.urls import reverse

from notifications.crypto import blind_index
from notifications.enums import (
    ContactKind,
    DeliveryStatus,
    PatientNotificationChannel,
)
from notifications.facts import profiles_for
from notifications.history import channel_label, words_for
from notifications.models import Delivery, InboundText
from notifications.providers.outbox import OutboxMessage
from notifications.segments import segments
from notifications.types import PatientProfile

MOST = 100  # messages, newest first
GOOD = (DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED)
BAD = (DeliveryStatus.FAILED, DeliveryStatus.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class State:
    """Where a delivery stands, in words; `tone` is only a colour's name."""

    words: str = "An answer to a reply, or a code: it has no delivery"
    tone: str = "off"
    admin_url: str = ""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One message that left. Templates of `kind` draw it."""

    kind: ClassVar[str] = "other"
    message: OutboxMessage
    label: str  # its channel's
    state: State

    @property
    def at(self) -> datetime:
        return self.message.created_at

    @property
    def text(self) -> str:
        return self.message.content.get("text", "")


class Letter(Sent):
    """An e-mail, with its frame, its text part, its headers and what is attached."""

    kind = "letter"

    @property
    def takes_out(self) -> bool:
        """Return whether the calendar's file with it takes the visit out."""
        return "METHOD:CANCEL" in self.message.content.get("calendar", "")


@dataclass(frozen=True, kw_only=True)
class Card(Sent):
    """A push on a lock screen; its title is who it is from, the practice's public name."""

    kind: ClassVar[str] = "card"
    title: str = ""
    device: str = ""


@dataclass(frozen=True, kw_only=True)
class Bubble:
    """One text of a conversation, ours or theirs. `count`: segments a carrier bills."""

    is_ours: bool
    at: datetime
    id: UUID  # of its row: ids grow, so they tell the order within one moment
    text: str
    count: int
    state: State | None = None
    note: str = ""


@dataclass(kw_only=True)
class Conversation:
    """Every text between us and one number, oldest first, as on a phone."""

    kind: ClassVar[str] = "conversation"
    number: str
    bubbles: list[Bubble] = field(default_factory=list)

    @property
    def at(self) -> datetime:
        return self.bubbles[-1].at

    @property
    def anchor(self) -> str:
        return anchor_of(self.number)


def shown(*, channel: str = "") -> list[Sent | Conversation]:
    """Return what left, newest first, of one channel if it is known. A fixed number of queries."""
    rows = OutboxMessage.objects.all()
    is_chosen = channel in PatientNotificationChannel
    if is_chosen:
        rows = rows.filter(channel=channel)
    messages = list(rows[:MOST])
    known = _deliveries_of(messages)
    names = profiles_for({each.notification.patient_id for each in known.values()})
    others = [
        _sent(row, known.get(row.delivery_id), names) for row in messages if not _is_text(row)
    ]
    talks = []
    if not is_chosen or _kind_of(channel) == ContactKind.PHONE:
        talks = _talks([row for row in messages if _is_text(row)], known)
    return sorted([*others, *talks], key=lambda item: item.at, reverse=True)


def _is_text(row: OutboxMessage) -> bool:
    return _kind_of(row.channel) == ContactKind.PHONE


def _kind_of(channel: str) -> ContactKind | None:
    return getattr(PatientNotificationChannel.get(channel), "contact_kind", None)


def _deliveries_of(messages: Iterable[OutboxMessage]) -> Mapping[str, Delivery]:
    ids = [UUID(row.delivery_id) for row in messages if _is_id(row.delivery_id)]
    rows = Delivery.objects.filter(pk__in=ids).select_related("notification", "contact")
    return {str(row.pk): row for row in rows}


def _is_id(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def _state_of(delivery: Delivery | None) -> State:
    if delivery is None:
        return State()
    tones = {**dict.fromkeys(GOOD, "ok"), **dict.fromkeys(BAD, "urgent")}
    return State(
        words=words_for(delivery),
        tone=tones.get(delivery.status, "off"),
        admin_url=reverse("admin:notifications_delivery_change", args=[delivery.pk]),
    )


# -- one message --------------------------------------------------------------------------------


def _sent(
    row: OutboxMessage, delivery: Delivery | None, profiles: Mapping[UUID, PatientProfile]
) -> Sent:
    common = {"message": row, "label": channel_label(row.channel), "state": _state_of(delivery)}
    kind = _kind_of(row.channel)
    if kind == ContactKind.EMAIL:
        return Letter(**common)
    if kind != ContactKind.PUSH:
        return Sent(**common)
    if delivery is None:
        return Card(**common)
    device = delivery.contact.label if delivery.contact else ""
    sender = profiles[delivery.notification.patient_id].public_name
    return Card(**common, title=sender, device=device)


# -- conversations ------------------------------------------------------------------------------


def _talks(texts: Sequence[OutboxMessage], known: Mapping[str, Delivery]) -> list[Conversation]:
    """Return a conversation for each number we wrote to or heard from lately."""
    talks = {row.to: Conversation(number=row.to) for row in texts}
    for row in texts:
        talks[row.to].bubbles.append(_ours(row, known.get(row.delivery_id)))
    kept = {(row.to, row.content.get("text", "")) for row in texts if not row.delivery_id}
    for row in InboundText.objects.order_by("-received_at")[:MOST]:
        talk = talks.setdefault(row.number, Conversation(number=row.number))
        talk.bubbles += _theirs(row, has_answer=(row.number, row.answer) not in kept)
    for talk in talks.values():
        talk.bubbles.sort(key=lambda bubble: (bubble.at, bubble.id))
    return list(talks.values())


def _ours(row: OutboxMessage, delivery: Delivery | None) -> Bubble:
    text = row.content.get("text", "")
    return Bubble(
        is_ours=True,
        at=row.created_at,
        id=row.pk,
        text=text,
        count=segments(text),
        state=_state_of(delivery),
    )


def _theirs(row: InboundText, *, has_answer: bool) -> list[Bubble]:
    """Return what a patient wrote, and what we wrote straight back if the outbox lacks it."""
    wrote = Bubble(
        is_ours=False,
        at=row.received_at,
        id=row.pk,
        text=row.text,
        count=segments(row.text),
        note=row.get_meaning_display(),
    )
    if not (row.answer and has_answer):
        return [wrote]
    answer = Bubble(
        is_ours=True,
        at=row.received_at,
        id=row.pk,
        text=row.answer,
        count=segments(row.answer),
        note="Our answer to this reply",
    )
    return [wrote, answer]


def anchor_of(number: str) -> str:
    """Return a conversation's name in links, which does not hold the number itself."""
    return f"phone-{blind_index(kind=ContactKind.PHONE, value=number)[:12]}"

"""A carrier of texts with a book of its own: it may take a text and lose the answer, or the text.

Asked, it answers from the book as Twilio does: by its own id, or by number, words and time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest

from notifications import clock
from notifications.providers import twilio_calls
from notifications.types import AnswerLost, ChannelError, Envelope, Receipt, Reply, SendResult


class Fate(StrEnum):
    """What becomes of a call."""

    ANSWERED = "answered"
    LOST_AFTER = "taken, its answer lost"
    LOST_BEFORE = "lost on the way"


@dataclass(kw_only=True)
class Kept:
    """A text in the carrier's book."""

    sid: str
    number: str
    words: str
    delivery: str
    at: datetime
    status: str = "sent"
    code: str = ""


class Forgetful:
    """`fates` are met in order, then all is answered; `hides` look-ups find nothing yet."""

    is_outbox = True
    book: ClassVar[list[Kept]] = []
    fates: ClassVar[list[Fate]] = []
    asked: ClassVar[list[tuple[str, str]]] = []  # number and id of each question
    hides: ClassVar[int] = 0
    refuses: ClassVar[Exception | None] = None  # what a question is answered with

    def __init__(self, *, channel: str) -> None:
        self.channel = channel

    @classmethod
    def fresh(cls) -> None:
        cls.book, cls.fates, cls.asked, cls.hides, cls.refuses = [], [], [], 0, None

    @classmethod
    def text_of(cls, delivery_id: object) -> Kept:
        """Return the one text that was taken for a delivery."""
        [kept] = [each for each in cls.book if each.delivery == str(delivery_id)]
        return kept

    @classmethod
    def knows_nothing_of(cls, number: str) -> None:
        """Forget the texts of a number, as if they had never come."""
        cls.book = [each for each in cls.book if each.number != number]

    def send(self, *, envelope: Envelope, content: Mapping[str, str]) -> SendResult:
        fate = self.fates.pop(0) if self.fates else Fate.ANSWERED
        if isinstance(fate, ChannelError):
            raise fate
        if fate == Fate.LOST_BEFORE:
            raise AnswerLost(code="ConnectionReset")
        kept = Kept(
            sid=f"SM{len(self.book) + 1:032d}",
            number=envelope.to["address"],
            words=content["sms.txt"],
            delivery=str(envelope.delivery_id),
            at=clock.now(),
        )
        self.book.append(kept)
        if fate == Fate.LOST_AFTER:
            raise AnswerLost(code="ReadTimeout")
        return SendResult(provider_id=kept.sid)

    def look_up(
        self, *, envelope: Envelope, content: Mapping[str, str], since: datetime, provider_id: str
    ) -> list[Receipt]:
        number = envelope.to["address"]
        Forgetful.asked.append((number, provider_id))
        if self.refuses is not None:
            raise self.refuses
        if self.hides:
            Forgetful.hides -= 1
            return []
        found = [
            each
            for each in reversed(self.book)
            if (each.sid == provider_id if provider_id else _is_like(each, number, content, since))
        ]
        return [_receipt(each, envelope) for each in found]

    def replies_since(self, *, since: datetime) -> list[Reply]:
        """Nobody writes to it."""
        return []

    def receipts(self, *, request: HttpRequest, delivery_id: UUID | None = None) -> list[Receipt]:
        token = settings.NOTIFICATIONS_TWILIO_AUTH_TOKEN
        return twilio_calls.receipts_in(request=request, token=token, delivery_id=delivery_id)


def _is_like(kept: Kept, number: str, content: Mapping[str, str], since: datetime) -> bool:
    return kept.number == number and kept.words == content["sms.txt"] and kept.at >= since


def _receipt(kept: Kept, envelope: Envelope) -> Receipt:
    raw = {"sid": kept.sid}
    return twilio_calls.receipt(
        kept.sid, said=kept.status, code=kept.code, delivery_id=envelope.delivery_id, raw=raw
    )

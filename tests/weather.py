"""A carrier of texts in pretended time: away for a while, then slower than we are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from notifications import clock
from notifications.enums import ErrorKind
from notifications.models import Delivery
from notifications.types import AnswerLost, ChannelError, Envelope, Receipt, SendResult
from tests.engine import run
from tests.forgetful import Forgetful

AWAY = ChannelError(code="ConnectTimeout", kind=ErrorKind.TRANSIENT)
LOST = AnswerLost(code="503")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call, answered or not; a question has no delivery."""

    at: datetime
    delivery: str
    taken: bool


class Weather(Forgetful):
    """Away from `away_from` until `back_at`; takes `per_moment` at one moment, then says 429."""

    calls: ClassVar[list[Call]] = []
    away_from: ClassVar[datetime | None] = None
    back_at: ClassVar[datetime | None] = None
    trouble: ClassVar[ChannelError] = AWAY
    per_moment: ClassVar[int | None] = None
    poisoned: ClassVar[dict[str, ChannelError]] = {}  # what a number is always answered with

    @classmethod
    def fresh(cls) -> None:
        super().fresh()
        cls.calls, cls.away_from, cls.back_at = [], None, None
        cls.trouble, cls.per_moment, cls.poisoned = AWAY, None, {}

    @classmethod
    def is_away(cls) -> bool:
        return cls.away_from is not None and cls.away_from <= clock.now() < cls.back_at

    def send(self, *, envelope: Envelope, content: Mapping[str, str]) -> SendResult:
        no = self._no(envelope)
        call = Call(at=clock.now(), delivery=str(envelope.delivery_id), taken=no is None)
        Weather.calls.append(call)
        if no is not None:
            raise no
        return super().send(envelope=envelope, content=content)

    def _no(self, envelope: Envelope) -> ChannelError | None:
        if self.is_away():
            return self.trouble
        taken = sum(call.taken and call.at == clock.now() for call in Weather.calls)
        if self.per_moment is not None and taken >= self.per_moment:
            patience = timedelta(seconds=1)
            return ChannelError(code="20429", kind=ErrorKind.THROTTLED, retry_after=patience)
        return self.poisoned.get(envelope.to["address"])

    def look_up(self, **known: object) -> list[Receipt]:
        Weather.calls.append(Call(at=clock.now(), delivery="", taken=False))
        if self.is_away():
            raise self.trouble
        return super().look_up(**known)


def ticks(begin: datetime, end: datetime, *, every: timedelta) -> Iterator[datetime]:
    """Let the clock run at each step; what the block makes at a step is due in it."""
    at = begin
    while at < end:
        with clock.at(at):
            yield at
        run(at=at)
        at += every


def texts() -> dict[str, Delivery]:
    """Return every text by its delivery's id."""
    return {str(row.pk): row for row in Delivery.objects.filter(channel="sms")}

"""Asks carriers what became of what: side by side, outside any transaction."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.db import connection, connections

from notifications.channels.base import Channel
from notifications.enums import Level, PatientNotificationChannel
from notifications.models import Delivery, DeliveryAttempt
from notifications.types import ChannelError, Envelope, NotSupported, Receipt

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a carrier: about one delivery, by its last attempt."""

    row: Delivery
    attempt: DeliveryAttempt | None
    channel: Channel | None

    def asked(self) -> "Answer":
        """Return what the carrier says; no database."""
        if not self._can_be_asked():
            return Answer(question=self, can_tell=False)
        try:
            return Answer(question=self, found=self._looked_up())
        except NotSupported:
            return Answer(question=self, can_tell=False)
        except ChannelError as error:
            logger.warning("no look-up of delivery %s: %s", self.row.pk, error.code)
        except Exception as fault:  # one that cannot be asked must not keep the others waiting
            logger.error("no look-up of delivery %s: %s", self.row.pk, type(fault).__name__)
        return Answer(question=self)

    def _can_be_asked(self) -> bool:
        """Whether there is somebody to ask, and the same who was called then."""
        if self.attempt is None or self.channel is None or self.row.contact is None:
            return False
        return self.attempt.account == self.channel.account()

    def _looked_up(self) -> list[Receipt]:
        envelope = Envelope(
            delivery_id=self.row.pk,
            to=self.row.contact.value,
            level=Level(self.attempt.level),
            expires_at=self.row.expires_at,
        )
        return self.channel.look_up(
            envelope=envelope,
            content=self.attempt.snapshot or {},
            since=self.attempt.started_at,
            provider_id=self.row.provider_id,
        )


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of a question. `found` None: the carrier gave no answer this time."""

    question: Question
    found: list[Receipt] | None = None
    can_tell: bool = True

    @property
    def is_missing(self) -> bool:
        return self.found is None and self.can_tell


def questions_about(rows: Sequence[Delivery]) -> list[Question]:
    """Return a question for each delivery, by its last attempt. One query."""
    tries = DeliveryAttempt.objects.filter(delivery__in=rows).order_by("number")
    last = {each.delivery_id: each for each in tries}
    return [
        Question(row=row, attempt=last.get(row.pk), channel=_channel(row.channel)) for row in rows
    ]


def _channel(key: str) -> Channel | None:
    known = key in PatientNotificationChannel
    return PatientNotificationChannel.known(key)() if known else None


def ask(questions: Sequence[Question], *, slots: int) -> list[Answer]:
    """Ask side by side: the wait is the carriers'.

    With one slot, and inside somebody's open transaction, one after the other.
    """
    if slots == 1 or connection.in_atomic_block:
        return [question.asked() for question in questions]
    with ThreadPoolExecutor(max_workers=slots) as pool:
        return list(pool.map(_asked_in_thread, questions))


def _asked_in_thread(question: Question) -> Answer:
    try:
        return question.asked()
    finally:
        connections.close_all()  # the outbox looks into a table, over this thread's connection

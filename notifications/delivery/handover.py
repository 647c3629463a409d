"""Talk to the carriers, side by side and outside any transaction: the wait is theirs."""

import logging
from collections.abc import Sequence
from concurrent.futures import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextvars import copy_context
from dataclasses import dataclass
from time import monotonic
from typing import Self

from django.db import connection, connections

from notifications import clock, windows
from notifications.delivery.claim import Parcel
from notifications.models import Delivery
from notifications.types import AnswerLost, ChannelError, SendResult

logger = logging.getLogger(__name__)

SLICE = 2.0  # seconds after which somebody looks again for what has become due


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of handing a parcel over."""

    parcel: Parcel
    latency_ms: int
    result: SendResult | None = None
    error: ChannelError | None = None
    never_left: bool = False  # it was too late for the call: its lease, or its time, was over


class Couriers:
    """Hands parcels over side by side, each in a thread.

    With one slot, and inside somebody's open transaction, whose rows no other thread would see,
    one after the other.
    """

    def __init__(self, *, slots: int) -> None:
        self._slots = slots
        in_threads = slots > 1 and not connection.in_atomic_block
        self._pool = ThreadPoolExecutor(max_workers=slots) if in_threads else None
        self._under_way: set[Future[Outcome]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    @property
    def are_busy(self) -> bool:
        return bool(self._under_way)

    def room(self) -> int:
        """Return how many more to claim: none while most are under way, for one claim costs
        about the same for many rows as for one.
        """
        free = self._slots - len(self._under_way)
        return free if free * 2 >= self._slots else 0

    def take(self, parcels: Sequence[Parcel]) -> None:
        """Set out with parcels; without threads, come back only when all are handed over."""
        self._under_way |= {self._set_out(parcel) for parcel in parcels}

    def _set_out(self, parcel: Parcel) -> "Future[Outcome]":
        if self._pool is not None:
            pretended = copy_context()  # the time, in a rehearsal
            return self._pool.submit(pretended.run, _hand_over_in_thread, parcel)
        done: Future[Outcome] = Future()
        done.set_result(_hand_over(parcel))
        return done

    def back(self, *, seconds: float | None = SLICE) -> list[Outcome]:
        """Return what has come back, waiting for the first; None as a time waits for all."""
        first = ALL_COMPLETED if seconds is None else FIRST_COMPLETED
        done, self._under_way = wait(self._under_way, timeout=seconds, return_when=first)
        return [future.result() for future in done]


def _is_too_late(row: Delivery) -> bool:
    """Whether another may be at it by now, or the time to act is over (R-10)."""
    is_expired = row.expires_at is not None and row.expires_at <= clock.now()
    return is_expired or clock.real_now() >= row.lease_until


def _hand_over_in_thread(parcel: Parcel) -> Outcome:
    try:
        return _hand_over(parcel)
    finally:
        connections.close_all()  # an outbox writes to a table, over this thread's own connection


def _hand_over(parcel: Parcel) -> Outcome:
    if _is_too_late(parcel.delivery):
        return Outcome(parcel=parcel, latency_ms=0, never_left=True)
    result, error, started = None, None, monotonic()
    windows.passing(windows.Window.BEFORE_REQUEST)
    try:
        result = parcel.channel.send(envelope=parcel.envelope, content=parcel.content)
        error = None if result else AnswerLost(code="no_result")
    except ChannelError as refusal:
        error = refusal
    except Exception as fault:  # whether it went cannot be known: never resent blindly
        logger.error("delivery %s: %s", parcel.delivery.pk, type(fault).__name__)
        error = AnswerLost(code=type(fault).__name__)
    windows.passing(windows.Window.BEFORE_RECORD)
    latency = int((monotonic() - started) * 1000)
    return Outcome(parcel=parcel, latency_ms=latency, result=result, error=error)

"""Talk to the carriers, side by side and outside any transaction: the wait is theirs."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic

from django.db import connections

from notifications.delivery.claim import Parcel
from notifications.types import AnswerLost, ChannelError, SendResult

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of handing a parcel over."""

    parcel: Parcel
    latency_ms: int
    result: SendResult | None = None
    error: ChannelError | None = None


def hand_over_all(
    parcels: Sequence[Parcel], *, pool: ThreadPoolExecutor | None
) -> Sequence[Outcome]:
    """Return what came of each parcel, in order; without a pool, one after the other."""
    if pool is None or len(parcels) < 2:
        return [_hand_over(parcel) for parcel in parcels]
    return list(pool.map(_hand_over_in_thread, parcels))


def _hand_over_in_thread(parcel: Parcel) -> Outcome:
    try:
        return _hand_over(parcel)
    finally:
        connections.close_all()  # an outbox writes to a table, over this thread's own connection


def _hand_over(parcel: Parcel) -> Outcome:
    result, error, started = None, None, monotonic()
    try:
        result = parcel.channel.send(envelope=parcel.envelope, content=parcel.content)
    except ChannelError as refusal:
        error = refusal
    except Exception as fault:  # whether it went cannot be known: never resent blindly
        logger.error("delivery %s: %s", parcel.delivery.pk, type(fault).__name__)
        error = AnswerLost(code=type(fault).__name__)
    latency = int((monotonic() - started) * 1000)
    return Outcome(parcel=parcel, latency_ms=latency, result=result, error=error)

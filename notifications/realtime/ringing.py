"""Ringing: one message after a commit, with the ids of the patients who have news.

The channel layer drops messages under load and on restart, and says nothing. That costs a moment.
"""

import asyncio
import logging
import threading
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.db import transaction

logger = logging.getLogger(__name__)

GROUP = "inbox_news"
RING_SECONDS = 2.0  # the longest a change waits for a bus that does not answer


class _Pending(threading.local):
    """Whom this thread's transaction has news for. A rollback leaves names: ringing is harmless."""

    def __init__(self) -> None:
        self.patient_ids: set[UUID] = set()


_pending = _Pending()


def ring_on_commit(*, patient_ids: Iterable[UUID]) -> None:
    """Ring once for the whole transaction, after its commit, with ids only.

    A doorbell that cannot be rung (Redis is away) is logged and nothing else: the rows stand,
    and readers look at them by themselves now and then.
    """
    _pending.patient_ids.update(patient_ids)
    transaction.on_commit(_ring_pending)


def _ring_pending() -> None:
    """Ring for all at the first call after a commit; the calls after it find nobody left."""
    patient_ids, _pending.patient_ids = _pending.patient_ids, set()
    layer = shared_layer()
    if patient_ids and layer is not None:
        try:
            async_to_sync(_ring)(layer=layer, patient_ids=patient_ids)
        except Exception as error:  # whatever is wrong with the bus, the change itself stands
            logger.warning("the doorbell was not rung: %s", type(error).__name__)


async def _ring(*, layer: Any, patient_ids: Iterable[UUID]) -> None:
    names = [str(patient_id) for patient_id in patient_ids]
    async with asyncio.timeout(RING_SECONDS):
        await layer.group_send(GROUP, {"type": "inbox.news", "patients": names})


def shared_layer() -> Any | None:
    """Return the channel layer if it reaches other processes, which the in-memory one does not."""
    layer = get_channel_layer()
    return None if isinstance(layer, InMemoryChannelLayer) else layer

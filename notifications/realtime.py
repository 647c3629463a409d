"""The log of what changed in each inbox, and the doorbell that says there is news.

The rows are the truth; whatever rings is a hint. A change to an inbox is an `InboxEvent` written
in the change's own transaction, numbered by the patient's `InboxState` row. That row is locked
before anything is inserted: ids alone become visible out of order on PostgreSQL, and a reader
that goes by "id > last" would miss some. This is the only file that touches the channel layer.
"""

import asyncio
import logging
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import Max
from django.db.transaction import TransactionManagementError

from notifications.enums import InboxEventKind
from notifications.models import InboxEvent, InboxState

logger = logging.getLogger(__name__)

GROUP = "inbox_news"
CHUNK = 300  # rows a statement: SQLite takes 999 parameters at most
BESIDE_REDIS = 5.0  # seconds between polls where Redis rings: what a dropped message costs
RETRY_SECONDS = 1.0
LOOK_BACK = 200  # ids

ADVANCE = """
    INSERT INTO inbox_states (patient_id, last_seq, unread) VALUES {rows}
    ON CONFLICT (patient_id) DO UPDATE SET
        last_seq = inbox_states.last_seq + excluded.last_seq,
        unread = CASE WHEN inbox_states.unread + %s < 0 THEN 0 ELSE inbox_states.unread + %s END
    RETURNING patient_id, last_seq, unread
"""


def lock(*, patient_id: UUID) -> None:
    """Hold the patient's counters until the transaction ends, making them when there are none."""
    _require_transaction()
    _advance(patient_ids=[patient_id], steps=0, unread_delta=0)


def lock_all(*, patient_ids: Iterable[UUID]) -> None:
    """Hold the counters of many patients, taken in the order of their ids."""
    _require_transaction()
    _advance(patient_ids=sorted(set(patient_ids)), steps=0, unread_delta=0)


def record(
    *,
    patient_id: UUID,
    event: InboxEventKind,
    notification_id: UUID | None = None,
    unread_delta: int = 0,
    priority: str = "",
) -> InboxEvent:
    """Write one change of a patient's inbox and ring when the transaction commits.

    The event's `seq` is the next of the patient's own count; a created notification keeps it.
    Raises TransactionManagementError outside a transaction.
    """
    _require_transaction()
    counters = _advance(patient_ids=[patient_id], steps=1, unread_delta=unread_delta)
    seq, unread = counters[patient_id]
    ring_on_commit(patient_ids=[patient_id])
    return InboxEvent.objects.create(
        patient_id=patient_id,
        seq=seq,
        kind=event,
        notification_id=notification_id,
        priority=priority,
        unread=unread,
    )


def record_created(*, rows: Sequence[tuple[UUID, UUID, str]]) -> dict[UUID, InboxEvent]:
    """Write one "created" for each (patient id, notification id, priority), a patient once.

    Counters are taken in the order of the ids, so that two broadcasts cannot lock each other
    out. Raises ValueError when a patient is named twice.
    """
    _require_transaction()
    ordered = sorted(rows, key=lambda row: row[0])
    patient_ids = [patient_id for patient_id, _, _ in ordered]
    if len(set(patient_ids)) < len(patient_ids):
        raise ValueError("record_created takes each patient once")
    counters = _advance(patient_ids=patient_ids, steps=1, unread_delta=1)
    events = [_created(row=row, counters=counters[row[0]]) for row in ordered]
    ring_on_commit(patient_ids=patient_ids)
    return {event.patient_id: event for event in InboxEvent.objects.bulk_create(events)}


def position(*, patient_id: UUID) -> tuple[int, int]:
    """Return (last seq, unread count) of an inbox; (0, 0) when nothing ever happened in it."""
    counters = InboxState.objects.filter(patient_id=patient_id)
    return counters.values_list("last_seq", "unread").first() or (0, 0)


def _created(*, row: tuple[UUID, UUID, str], counters: tuple[int, int]) -> InboxEvent:
    patient_id, notification_id, priority = row
    seq, unread = counters
    return InboxEvent(
        patient_id=patient_id,
        seq=seq,
        kind=InboxEventKind.CREATED,
        notification_id=notification_id,
        priority=priority,
        unread=unread,
    )


def _require_transaction() -> None:
    if not connection.in_atomic_block:
        raise TransactionManagementError("an inbox changes inside transaction.atomic() only")


def _advance(
    *, patient_ids: Sequence[UUID], steps: int, unread_delta: int
) -> dict[UUID, tuple[int, int]]:
    """Move counters and return (last seq, unread) by patient: one statement a chunk.

    The statement takes the rows' locks in the order given; they are held to the end of the
    transaction.
    """
    as_stored = InboxState._meta.pk.target_field.get_db_prep_value
    first = (steps, max(unread_delta, 0))
    counters: dict[UUID, tuple[int, int]] = {}
    for start in range(0, len(patient_ids), CHUNK):
        chunk = patient_ids[start : start + CHUNK]
        values = [value for each in chunk for value in (as_stored(each, connection), *first)]
        rows = ", ".join(["(%s, %s, %s)"] * len(chunk))
        with connection.cursor() as cursor:
            cursor.execute(ADVANCE.format(rows=rows), [*values, unread_delta, unread_delta])
            counters |= {UUID(str(row[0])): (row[1], row[2]) for row in cursor.fetchall()}
    return counters


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
    transaction.on_commit(_ring_pending, robust=True)


def _ring_pending() -> None:
    """Ring for all at the first call after a commit; the calls after it find nobody left."""
    patient_ids, _pending.patient_ids = _pending.patient_ids, set()
    layer = get_channel_layer()
    if patient_ids and not isinstance(layer, InMemoryChannelLayer):
        names = [str(patient_id) for patient_id in patient_ids]
        async_to_sync(layer.group_send)(GROUP, {"type": "inbox.news", "patients": names})


class Doorbell:
    """Tells this process's sockets that a patient has news: one watch an event loop.

    Without Redis the watch is one poll of the event table. With Redis it is one subscription, and
    the poll goes on slowly beside it: whatever the bus drops or forgets is noticed by then.
    """

    def __init__(self) -> None:
        self._watches: dict[asyncio.AbstractEventLoop, _Watch] = {}

    @asynccontextmanager
    async def listening(self, patient_id: UUID) -> AsyncIterator[asyncio.Event]:
        """Give an event that is set whenever the patient may have news; the listener clears it."""
        loop = asyncio.get_running_loop()
        if loop not in self._watches:
            self._watches[loop] = _Watch()
        watch, news = self._watches[loop], asyncio.Event()
        watch.listeners[patient_id].add(news)
        try:
            yield news
        finally:
            watch.forget(patient_id=patient_id, news=news)
            if not watch.listeners and self._watches.get(loop) is watch:
                del self._watches[loop]
                await watch.stop()


class _Watch:
    """The listeners of one event loop and the tasks that wake them."""

    def __init__(self) -> None:
        self.listeners: defaultdict[UUID, set[asyncio.Event]] = defaultdict(set)
        layer = get_channel_layer()
        is_shared = layer is not None and not isinstance(layer, InMemoryChannelLayer)
        seconds = BESIDE_REDIS if is_shared else float(settings.NOTIFICATIONS_POLL_SECONDS)
        self.tasks = [asyncio.create_task(self._poll(seconds=seconds))]
        if is_shared:
            self.tasks.append(asyncio.create_task(self._subscribe(layer=layer)))

    def forget(self, *, patient_id: UUID, news: asyncio.Event) -> None:
        self.listeners[patient_id].discard(news)
        if not self.listeners[patient_id]:
            del self.listeners[patient_id]

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def ring(self, *, patient_ids: Iterable[UUID]) -> None:
        for patient_id in self.listeners.keys() & set(patient_ids):
            for news in self.listeners[patient_id]:
                news.set()

    async def _poll(self, *, seconds: float) -> None:
        """Ring for whom events were written since the last look; at the first look, for all."""
        recent = RecentEvents()
        while True:
            try:
                patient_ids = await database_sync_to_async(recent.patient_ids)()
                self.ring(patient_ids=self.listeners if patient_ids is None else patient_ids)
            except Error as error:
                logger.warning("the inbox events cannot be read: %s", type(error).__name__)
            await asyncio.sleep(seconds)

    async def _subscribe(self, *, layer: Any) -> None:
        """Follow the group for ever, starting anew when the bus breaks. Rings for all then."""
        while True:
            try:
                channel = await layer.new_channel()
                await layer.group_add(GROUP, channel)
                self.ring(patient_ids=self.listeners)
                while True:
                    message = await layer.receive(channel)
                    self.ring(patient_ids=map(UUID, message["patients"]))
            except Exception as error:  # whatever breaks the bus must not silence this process
                logger.warning("the doorbell is away, trying again: %s", type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)


class RecentEvents:
    """Reads whom new events belong to, looking back a little.

    PostgreSQL shows ids out of order, so the last few are read again and those already told are
    left out. SQLite writes one at a time: there is nothing to look back for.
    """

    def __init__(self) -> None:
        self.last_id: int | None = None
        self.told: set[int] = set()
        self.look_back = 0 if connection.vendor == "sqlite" else LOOK_BACK

    def patient_ids(self) -> set[UUID] | None:
        """Return whom unseen events belong to; None at the first call: it could be anyone."""
        if self.last_id is None:
            self.last_id = InboxEvent.objects.aggregate(last=Max("id"))["last"] or 0
            return None
        since = InboxEvent.objects.filter(id__gt=self.last_id - self.look_back).order_by("id")
        rows = list(since.values_list("id", "patient_id"))
        fresh = {patient_id for event_id, patient_id in rows if event_id not in self.told}
        self.last_id = max(self.last_id, rows[-1][0]) if rows else self.last_id
        self.told = {event_id for event_id, _ in rows if event_id > self.last_id - self.look_back}
        return fresh


doorbell = Doorbell()

"""Listening: one watch a process (and event loop) wakes all of its sockets."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import Error, connection
from django.db.models import Max

from notifications.models import InboxEvent
from notifications.realtime.ringing import GROUP, shared_layer

logger = logging.getLogger(__name__)

BESIDE_REDIS = 5.0  # seconds between polls where Redis rings: what a dropped message costs
RETRY_SECONDS = 1.0
ASK_AGAIN_SECONDS = 0.2
LOOK_BACK = 200  # ids


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
        layer = shared_layer()
        seconds = BESIDE_REDIS if layer else float(settings.NOTIFICATIONS_POLL_SECONDS)
        self.tasks = [asyncio.create_task(self._poll(seconds=seconds))]
        if layer is not None:
            self.tasks.append(asyncio.create_task(self._subscribe(layer=layer)))

    def forget(self, *, patient_id: UUID, news: asyncio.Event) -> None:
        self.listeners[patient_id].discard(news)
        if not self.listeners[patient_id]:
            del self.listeners[patient_id]

    async def stop(self) -> None:
        """End both tasks. A library may swallow a cancel that comes at a bad moment: ask again."""
        while running := [task for task in self.tasks if not task.done()]:
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=ASK_AGAIN_SECONDS)

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

"""Reads for all sockets of a process at once.

A thousand sockets that hear the doorbell together would ask a thousand times; whoever asks while
a read is under way is answered by the next one instead.
"""

import asyncio
import logging
from collections import deque
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async

from notifications.api.frames import Ask, News, news_of

logger = logging.getLogger(__name__)

AT_ONCE = 100  # asks a read


class Newsroom:
    """The asks of one event loop, and the one task that answers them."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[Ask, asyncio.Future[News]]] = deque()
        self.reading: asyncio.Task | None = None

    async def answer(self, ask: Ask) -> News:
        """Return what is new for one client. Raises whatever reading it raised."""
        answer: asyncio.Future[News] = asyncio.get_running_loop().create_future()
        self.waiting.append((ask, answer))
        if self.reading is None:
            self.reading = asyncio.create_task(self._read())
        return await answer

    async def _read(self) -> None:
        try:
            while self.waiting:
                await self._read_some()
        finally:
            self.reading = None

    async def _read_some(self) -> None:
        some = [self.waiting.popleft() for _ in range(min(AT_ONCE, len(self.waiting)))]
        try:
            results = await database_sync_to_async(read)([ask for ask, _answer in some])
        except Exception as error:  # nobody may be left waiting
            results = [error] * len(some)
        for (_ask, answer), result in zip(some, results, strict=True):
            if answer.done():  # the client has left
                continue
            if isinstance(result, Exception):
                answer.set_exception(result)
            else:
                answer.set_result(result)


def read(asks: list[Ask]) -> list[News | Exception]:
    """Answer all asks together; where that fails, each by itself: one must not break the rest."""
    try:
        return list(news_of(asks))
    except Exception as error:
        if len(asks) == 1:
            return [error]
        logger.warning("reading for %s clients one by one: %s", len(asks), type(error).__name__)
        return [result for ask in asks for result in read([ask])]


_rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, Newsroom] = WeakKeyDictionary()


def newsroom() -> Newsroom:
    """Return the newsroom of the running event loop."""
    return _rooms.setdefault(asyncio.get_running_loop(), Newsroom())

"""The live line: one socket a client, fed from the inbox's events in their order, each once.

Nothing is pushed into a socket. The doorbell says "there may be news", and the socket's one task
reads the rows after its last `seq`: a doorbell that is lost, doubled or early changes nothing.
The same task looks at the session now and then, and hangs up when it is over.
"""

import asyncio
import logging
import random
from collections import deque
from contextlib import suppress
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.urls import re_path

from notifications import realtime
from notifications.api.admission import Close, Refusal, admit, still_admitted
from notifications.api.frames import Ask, Wish, wish_of
from notifications.api.newsroom import newsroom

logger = logging.getLogger(__name__)

CHECK_SECONDS = 20.0  # between looks at the session, give or take a quarter: never above 30
LONGEST_MESSAGE = 64 * 1024  # bytes
MESSAGES_A_SECOND = 10


class LiveLine(AsyncWebsocketConsumer):
    """One client's socket. It listens; all a client may say is "ping"."""

    channel_layer_alias = ""  # no channel of its own: a process has one doorbell for all sockets
    wish: Wish
    patient_id: UUID
    seq: int  # of the last event the client was told of
    task: asyncio.Task | None = None
    is_over = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self.stop_following()

    async def connect(self) -> None:
        """Accept, and only then refuse: a browser cannot see why a handshake failed.

        The position is read before accepting: whatever happens once the line is up is told.
        """
        self.session_key = self.scope["cookies"].get(settings.SESSION_COOKIE_NAME, "")
        self.arrivals: deque[float] = deque(maxlen=MESSAGES_A_SECOND)
        try:
            await self.admit()
        except Refusal as refusal:
            await self.accept()
            return await self.hang_up(code=refusal.code)
        await self.accept()
        self.task = asyncio.create_task(self.follow())

    async def admit(self) -> None:
        """Find out who wants what, and from where on. Raises Refusal."""
        self.wish = wish_of(query=self.scope["query_string"])
        self.patient_id, last = await database_sync_to_async(admit)(
            session_key=self.session_key,
            patient_id=self.scope["url_route"]["kwargs"]["patient_id"],
            is_read_in=self.wish.texts,
        )
        self.seq = last if self.wish.since is None else self.wish.since

    async def follow(self) -> None:
        """Tell what is new until the client leaves or may no longer stay."""
        self.plan_check()
        try:
            async with realtime.doorbell.listening(self.patient_id) as rung:
                while True:
                    await self.tell_news()
                    await self.wait(rung=rung)
        except Refusal as refusal:
            await self.hang_up(code=refusal.code)
        except Exception:
            logger.exception("a live line broke")
            await self.hang_up(code=Close.OUR_FAULT)

    async def tell_news(self) -> None:
        ask = Ask(patient_id=self.patient_id, seq=self.seq, wish=self.wish)
        news = await newsroom().answer(ask)
        for frame in news.frames:
            await self.send(text_data=frame)
        self.seq = news.seq

    async def wait(self, *, rung: asyncio.Event) -> None:
        """Wait for the doorbell, but not past the next look at the session. Raises Refusal."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self.check_at):
                await rung.wait()
        rung.clear()
        if asyncio.get_running_loop().time() >= self.check_at:
            await database_sync_to_async(still_admitted)(
                session_key=self.session_key, patient_id=self.patient_id
            )
            self.plan_check()

    def plan_check(self) -> None:
        pause = CHECK_SECONDS * random.uniform(0.75, 1.25)  # many lines must not ask at once
        self.check_at = asyncio.get_running_loop().time() + pause

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Answer a ping, ignore the rest; hang up on a client that says too much."""
        text = text_data or ""
        if max(len(text.encode()), len(bytes_data or b"")) > LONGEST_MESSAGE:
            await self.hang_up(code=Close.TOO_LARGE)
        elif self.is_flooded():
            await self.hang_up(code=Close.TOO_MUCH)
        elif text == "ping" and not self.is_over:
            await self.send(text_data='{"event":"pong"}')

    def is_flooded(self) -> bool:
        """Note a message; return whether there were more in a second than may be."""
        now = asyncio.get_running_loop().time()
        is_full = len(self.arrivals) == MESSAGES_A_SECOND
        too_many = is_full and now - self.arrivals[0] < 1
        self.arrivals.append(now)
        return too_many

    async def hang_up(self, *, code: Close) -> None:
        """Close once and tell nothing more; the server takes a plain int as the code."""
        if self.is_over:
            return
        self.is_over = True
        if self.task is not asyncio.current_task():
            await self.stop_following()
        await self.close(code=int(code))

    async def disconnect(self, code: int) -> None:
        await self.stop_following()

    async def stop_following(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)


websocket_urlpatterns = [
    re_path(r"^(?:api/)?patient-notifications/ws/(?P<patient_id>[^/]+)\Z", LiveLine.as_asgi())
]

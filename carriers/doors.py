"""A carrier's port on this machine, and how its HTTP requests are met, or not."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from carriers.magic import HANG_SECONDS
from carriers.modes import REFUSE, Modes

HOST = "127.0.0.1"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_here(url: str) -> bool:
    """Return whether a URL is on this machine; an address that is none is not."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.hostname in LOOPBACK


class Door:
    """A port that can be shut, so that connections are refused, and opened again."""

    def __init__(self, *, answer: Callable[[], asyncio.BaseProtocol], port: int = 0) -> None:
        self.port, self._answer = port, answer
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen; the first time at a free port where none is named. Raises OSError."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._answer, HOST, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def leave(self) -> None:
        """Shut for good."""
        self.shut()


class WebDoor(Door):
    """A door behind which HTTP is spoken."""

    def __init__(self, *, application: web.Application, port: int = 0) -> None:
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        super().__init__(answer=self._connected, port=port)

    def _connected(self) -> asyncio.BaseProtocol:
        return self._runner.server()

    async def open(self) -> None:
        if self._runner.server is None:
            await self._runner.setup()
        await super().open()

    async def leave(self) -> None:
        """Shut for good, and end what is connected."""
        await super().leave()
        await self._runner.cleanup()


def patience(modes: Modes) -> Callable:
    """Return the layer that cuts kept connections behind a shut door, and takes its time."""

    @web.middleware
    async def layer(request: web.Request, handler: Handler) -> web.StreamResponse:
        if modes.mode == REFUSE:
            return cut(request)
        if modes.latency:
            await asyncio.sleep(modes.latency)
        return await handler(request)

    return layer


def cut(request: web.Request) -> web.Response:
    """End the connection without an answer. What is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def hang(request: web.Request) -> web.Response:
    """Say nothing for longer than anybody waits, then end the connection."""
    await asyncio.sleep(HANG_SECONDS)
    return cut(request)

"""A client of the live line for tests: signs in with a session's cookie, as a browser does."""

from contextlib import asynccontextmanager

from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings

from dentamind.asgi import application

SOON = 20  # seconds in which a frame must come, on however busy a machine
QUIET = 0.4  # seconds in which none may come: several polls


def play(scenario):
    """Run a scenario on a loop of its own."""
    return async_to_sync(scenario)()


def in_database(function):
    """Call a service from a scenario: `await in_database(send)(ana)`."""
    return database_sync_to_async(function)


class Socket(WebsocketCommunicator):
    """One open socket; `closed_with` is the code the server hung up with."""

    async def frame(self):
        return await self.receive_json_from(timeout=SOON)

    async def frames(self, count):
        return [await self.frame() for _ in range(count)]

    async def stays_quiet(self):
        return await self.receive_nothing(timeout=QUIET)

    async def closed_with(self):
        message = await self.receive_output(timeout=SOON)
        assert message["type"] == "websocket.close", message
        return message["code"]


def socket(client, patient_id, *, query="", start="", origin=None):
    """Return a socket that is not open yet, with a client's cookies (None: nobody's)."""
    morsel = client.cookies.get(settings.SESSION_COOKIE_NAME) if client else None
    cookie = f"{settings.SESSION_COOKIE_NAME}={morsel.value}" if morsel else ""
    headers = [
        (b"cookie", cookie.encode()),
        (b"origin", (origin or settings.TRUSTED_ORIGINS[0]).encode()),
    ]
    path = f"{start}/patient-notifications/ws/{patient_id}"
    return Socket(application, f"{path}?{query}" if query else path, headers)


@asynccontextmanager
async def live(client, patient_id, **options):
    """Open a socket, which must be accepted, and leave it properly at the end."""
    line = socket(client, patient_id, **options)
    accepted, _protocol = await line.connect(timeout=SOON)
    assert accepted
    try:
        yield line
    finally:
        await line.disconnect()

"""Stands in for a browser's push service: RFC 8030, signed by RFC 8292, sealed by RFC 8291.

It plays the browser as well and keeps its private keys, so that it can tell what arrived. TLS is
left to whoever calls: the audience is still https and the name in the Host header.
"""

import re
import time
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from uuid import uuid4

from aiohttp import web

from carriers import books, doors, magic, sealed
from carriers.magic import Fate, Handover
from carriers.modes import DOWN, Meter, Modes

LARGEST = 4096  # bytes of a body; RFC 8030 section 7.2
TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")  # RFC 8030 section 5.4
URGENCIES = ("", "very-low", "low", "normal", "high")


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """One browser. `key` is the only sender it hears, if it named one (RFC 8292 section 4)."""

    id: str
    browser: sealed.Browser
    fate: Fate
    key: str = ""


class Refused(Exception):
    """What a request is answered with instead: a status."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(status)


class Push:
    """The service. `replaced`: how many messages gave way to a later one of the same topic."""

    def __init__(self, *, modes: Modes, kept: books.Books) -> None:
        self.modes, self._kept = modes, kept
        self._meter, self._busy = Meter(modes), Counter[str]()
        self._known: dict[str, Subscription] = {}
        self._waiting: dict[tuple[str, str], float] = {}  # until when, by subscription and topic
        self.replaced = 0

    def application(self) -> web.Application:
        app = web.Application(middlewares=[doors.patience(self.modes)])
        app.router.add_post("/subscribe", self._subscribe)
        app.router.add_post("/push/{id}", self._take)
        return app

    async def _subscribe(self, request: web.Request) -> web.Response:
        wanted = await request.json() if request.can_read_body else {}
        named = wanted.get("fate")
        if named and named not in magic.PUSHES:
            known = ", ".join(magic.PUSHES)
            return web.json_response({"error": f"fate is one of {known}"}, status=400)
        fate = magic.PUSHES[named] if named else magic.PUSH_TAKEN
        made = Subscription(
            id=uuid4().hex, browser=sealed.Browser(), fate=fate, key=wanted.get("key", "")
        )
        self._known[made.id] = made
        keys = {"p256dh": made.browser.p256dh, "auth": made.browser.auth}
        return web.json_response({"endpoint_path": f"/push/{made.id}", **keys}, status=201)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        try:
            to = self._judged(request)
            return await self._met(request, to)
        except Refused as refused:
            self._kept.refuse(to=request.path, code=str(refused.status))
            headers = {"Retry-After": "1"} if refused.status == 429 else {}
            return web.Response(status=refused.status, headers=headers)

    def _judged(self, request: web.Request) -> Subscription:
        """Return whom it is for. Raises Refused as the service itself, and by RFC 8030 and 8292."""
        if self.modes.mode == DOWN:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE)
        if self._meter.is_over():
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS)
        to = self._known.get(request.match_info["id"])
        if to is None:
            raise Refused(HTTPStatus.NOT_FOUND)
        _check_headers(request)
        try:
            key = sealed.signer(request.headers.get("Authorization", ""), host=request.host)
        except ValueError:
            raise Refused(HTTPStatus.FORBIDDEN) from None
        if to.key and key != to.key:
            raise Refused(HTTPStatus.FORBIDDEN)
        return to

    async def _met(self, request: web.Request, to: Subscription) -> web.StreamResponse:
        """Do what the subscription is fated to."""
        handover = to.fate.handover
        if handover in (Handover.CUT_BEFORE, Handover.HANG_BEFORE):
            is_cut = handover == Handover.CUT_BEFORE
            self._kept.refuse(to=request.path, code="cut" if is_cut else "hang")
            return doors.cut(request) if is_cut else await doors.hang(request)
        if handover in magic.NOT_TAKEN or (handover == Handover.BUSY and self._is_busy(to)):
            raise Refused(int(to.fate.code))
        entry = await self._booked(request, to)
        if handover == Handover.CUT_AFTER:
            return doors.cut(request)
        return web.Response(status=201, headers={"Location": f"/message/{entry.id}"})

    def _is_busy(self, to: Subscription) -> bool:
        self._busy[to.id] += 1
        if self._busy[to.id] <= magic.BUSY_TIMES:
            return True
        del self._busy[to.id]
        return False

    async def _booked(self, request: web.Request, to: Subscription) -> books.Entry:
        body = await request.read()
        if len(body) > LARGEST:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        try:
            said = to.browser.opened(body)
        except ValueError:
            raise Refused(HTTPStatus.BAD_REQUEST) from None
        ttl, topic = int(request.headers["TTL"]), request.headers.get("Topic", "")
        entry = books.Entry(
            id=str(uuid4()),
            to=request.path,
            delivery=sealed.delivery_in(said),
            body_sha256=books.digest(said),
            expires=ttl,
            topic=topic,
        )
        self._kept.take(entry)
        self._wait(to.id, topic, until=entry.at + ttl)
        return entry

    def _wait(self, to: str, topic: str, *, until: float) -> None:
        """Keep it for the browser, in place of what waits under the same topic."""
        if not topic:
            return
        self.replaced += self._waiting.get((to, topic), 0.0) > time.time()
        self._waiting[to, topic] = until


def _check_headers(request: web.Request) -> None:
    """Raise Refused unless the headers are as RFC 8030 section 5 and RFC 8291 section 4 want."""
    told = request.headers
    is_fine = (
        told.get("TTL", "").isdecimal()
        and told.get("Content-Encoding") == "aes128gcm"
        and told.get("Urgency", "") in URGENCIES
        and ("Topic" not in told or TOPIC.fullmatch(told["Topic"]))
    )
    if not is_fine:
        raise Refused(HTTPStatus.BAD_REQUEST)

"""Stands in for Twilio's Messages resource, as its SDK speaks to it.

https://www.twilio.com/docs/messaging/api/message-resource, errors as
https://www.twilio.com/docs/usage/twilios-response describes them. A text can be found only a
moment after it was taken, so that who looks too soon and believes "not found" is caught.
"""

import hmac
import re
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from itertools import islice
from typing import Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from carriers import books, doors, magic
from carriers.lives import Lives
from carriers.magic import Fate, Handover
from carriers.modes import DOWN, Meter, Modes
from carriers.texts import VERSION, Text, Texts

ACCOUNT = "AC" + "0" * 32
SENDER = "+15005550006"  # Twilio's magic number that may send
ROOT = f"/{VERSION}/Accounts/{{account}}/Messages"
E_164 = re.compile(r"\+[1-9][0-9]{6,14}")
UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
LONGEST_BODY, USUAL_PAGE, LARGEST_PAGE = 1600, 50, 1000
# In the order they are looked for: the field, its code, and what Twilio says.
NEEDED = (
    (("To",), 21604, "A 'To' phone number is required."),
    (("From", "MessagingServiceSid"), 21603, "A 'From' phone number is required."),
    (("Body", "MediaUrl", "ContentSid"), 21602, "Message body is required."),
)


class Twilio:
    """One account with one sender. `lives` is what becomes of a text that was taken."""

    def __init__(self, *, token: str, modes: Modes, kept: books.Books, lives: Lives) -> None:
        self.modes, self.lives, self._kept = modes, lives, kept
        self._meter, self._texts = Meter(modes), Texts()
        self._busy: Counter[str] = Counter()
        self._login = "Basic " + b64encode(f"{ACCOUNT}:{token}".encode()).decode()

    def application(self) -> web.Application:
        app = web.Application(middlewares=[doors.patience(self.modes), self._gate])
        app.router.add_post(f"{ROOT}.json", self._create)
        app.router.add_get(f"{ROOT}.json", self._list)
        app.router.add_get(f"{ROOT}/{{sid}}.json", self._fetch)
        return app

    @web.middleware
    async def _gate(self, request: web.Request, handler: doors.Handler) -> web.StreamResponse:
        """Answer for the whole service: it is down, too busy, or does not know the caller."""
        if self.modes.mode == DOWN:
            return self._refused(request, HTTPStatus.SERVICE_UNAVAILABLE, 20503, "Out of service")
        if request.method == "POST" and self._meter.is_over():
            return self._too_many(to="")
        if not hmac.compare_digest(request.headers.get("Authorization", ""), self._login):
            return self._refused(request, HTTPStatus.UNAUTHORIZED, 20003, "Authenticate")
        if request.match_info.get("account", ACCOUNT) != ACCOUNT:
            return error(HTTPStatus.NOT_FOUND, 20404, "The requested resource was not found")
        return await handler(request)

    # -- making one ----------------------------------------------------------------------------

    async def _create(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        if wrong := self._wrong(form):
            return self._no(form.get("To", ""), *wrong)
        fate = magic.fate_of_text(form["To"])
        if fate.handover == Handover.BUSY and self._is_busy(form):
            return self._too_many(to=form["To"])
        if fate.handover in magic.NOT_TAKEN:
            return await self._misfortune(request, fate, to=form["To"])
        return await self._answer(request, fate, self._take(form, fate))

    def _wrong(self, form: Mapping[str, str]) -> tuple[int, str] | None:
        """Return the code and words of what Twilio would not take; nothing where all is well."""
        for names, code, words in NEEDED:
            if not any(form.get(name) for name in names):
                return code, words
        to, callback = form["To"], form.get("StatusCallback", "")
        if not E_164.fullmatch(to):
            return 21211, f"Invalid 'To' Phone Number: {to[:8]}XXXX"
        if len(form.get("Body", "")) > LONGEST_BODY:
            return 21617, "The concatenated message body exceeds the 1600 character limit."
        if callback and not doors.is_here(callback):
            return 21609, "Invalid 'StatusCallback' URL: not on this machine."
        if to in self.lives.stopped:
            return 21610, "Attempt to send to unsubscribed recipient"
        fate = magic.fate_of_text(to)
        is_refused = fate.handover == Handover.REFUSED
        return (int(fate.code), f"Not to {to}") if is_refused else None

    def _is_busy(self, form: Mapping[str, str]) -> bool:
        """Whether this text has still to come again."""
        name = delivery_in(form.get("StatusCallback", "")) or books.digest(
            form["To"] + form.get("Body", "")
        )
        self._busy[name] += 1
        if self._busy[name] <= magic.BUSY_TIMES:
            return True
        del self._busy[name]
        return False

    def _take(self, form: Mapping[str, str], fate: Fate) -> Text:
        """Take a text on: it is in the book before anybody hears of it."""
        text = Text(
            to=form["To"],
            sender=form.get("From", ""),
            service=form.get("MessagingServiceSid", ""),
            body=form.get("Body", ""),
            callback=form.get("StatusCallback", ""),
            status="queued" if form.get("From") else "accepted",
            made=time.time(),
        )
        validity = form.get("ValidityPeriod", "")
        self._kept.take(
            books.Entry(
                at=text.made,
                id=text.sid,
                to=text.to,
                delivery=delivery_in(text.callback),
                body_sha256=books.digest(text.body),
                expires=int(validity) if validity.isdecimal() else None,
            )
        )
        self._texts.add(text)
        self.lives.begin(text, fate)
        return text

    async def _answer(self, request: web.Request, fate: Fate, text: Text) -> web.StreamResponse:
        """Tell that it was taken, where its fate allows it."""
        if fate.handover == Handover.ERROR_AFTER:
            return error(HTTPStatus.INTERNAL_SERVER_ERROR, 20500, "Internal Server Error")
        if fate.handover == Handover.CUT_AFTER:
            return doors.cut(request)
        if fate.handover == Handover.HANG_AFTER:
            return await doors.hang(request)
        return web.json_response(text.shown(account=ACCOUNT), status=HTTPStatus.CREATED)

    async def _misfortune(self, request: web.Request, fate: Fate, *, to: str) -> web.StreamResponse:
        """Not take it, and not say so either."""
        self._kept.refuse(to=to, code=fate.handover)
        if fate.handover == Handover.CUT_BEFORE:
            return doors.cut(request)
        if fate.handover == Handover.HANG_BEFORE:
            return await doors.hang(request)
        return error(HTTPStatus.INTERNAL_SERVER_ERROR, 20500, "Internal Server Error")

    def _no(self, to: str, code: int, words: str) -> web.Response:
        self._kept.refuse(to=to, code=str(code))
        return error(HTTPStatus.BAD_REQUEST, code, words)

    def _too_many(self, *, to: str) -> web.Response:
        self._kept.refuse(to=to, code="20429")
        answer = error(HTTPStatus.TOO_MANY_REQUESTS, 20429, "Too Many Requests")
        answer.headers["Retry-After"] = "1"
        return answer

    def _refused(
        self, request: web.Request, status: HTTPStatus, code: int, words: str
    ) -> web.Response:
        if request.method == "POST":
            self._kept.refuse(to="", code=str(code))
        return error(status, code, words)

    # -- finding them --------------------------------------------------------------------------

    async def _fetch(self, request: web.Request) -> web.Response:
        text = self._texts.one(request.match_info["sid"], until=time.time() - self.modes.lag)
        if text is None:
            return error(HTTPStatus.NOT_FOUND, 20404, "The requested resource was not found")
        return web.json_response(text.shown(account=ACCOUNT))

    async def _list(self, request: web.Request) -> web.Response:
        """Return one page, newest first. A page's token is the last text before it."""
        wanted = dict(request.query)
        try:
            found = self._texts.newest_first(wanted, until=time.time() - self.modes.lag)
            size = min(max(int(wanted.get("PageSize", USUAL_PAGE)), 1), LARGEST_PAGE)
            page = int(wanted.get("Page", 0))
        except ValueError:
            return error(HTTPStatus.BAD_REQUEST, 20001, "Invalid parameter")
        if token := wanted.get("PageToken"):
            found = islice(_after(found, sid=token.removeprefix("PA")), None)
        texts = list(islice(found, size + 1))
        return web.json_response(_page(wanted, texts, size=size, page=page))


def _after(found: Any, *, sid: str) -> Any:
    for text in found:
        if text.sid == sid:
            break
    return found


def _page(wanted: dict[str, str], texts: list[Text], *, size: int, page: int) -> dict[str, Any]:
    """Return Twilio's envelope; there is no way back, since nobody turns pages backwards."""
    shown, has_more = texts[:size], len(texts) > size
    path = ROOT.format(account=ACCOUNT) + ".json?"
    filters = {name: value for name, value in wanted.items() if not name.startswith("Page")}
    here = filters | {"PageSize": size, "Page": page}
    after = filters | {"PageSize": size, "Page": page + 1}
    start = page * size
    return {
        "end": start + len(shown) - 1 if shown else start,
        "first_page_uri": path + urlencode(filters | {"PageSize": size, "Page": 0}),
        "messages": [text.shown(account=ACCOUNT) for text in shown],
        "next_page_uri": path + urlencode(after | {"PageToken": f"PA{shown[-1].sid}"})
        if has_more
        else None,
        "page": page,
        "page_size": size,
        "previous_page_uri": None,
        "start": start,
        "uri": path + urlencode(here),
    }


def delivery_in(callback: str) -> str:
    """Return the last UUID in a callback's path: our name for what was sent; or nothing."""
    found = UUID.findall(urlsplit(callback).path)
    return books.as_delivery(found[-1]) if found else ""


def error(status: HTTPStatus, code: int, words: str) -> web.Response:
    """Return an error as Twilio words it."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    said = {"code": code, "message": words, "more_info": more, "status": int(status)}
    return web.json_response(said, status=status)

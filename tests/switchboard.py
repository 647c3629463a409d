"""Twilio on this machine: a local server that answers in its words, and the client sent there."""

import json
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from notifications.providers.twilio import Twilio, TwilioHttp
from tests.rig.processes import HOST
from tests.site import serving

SID, TOKEN = "AC" + "0" * 32, "a token nobody else knows"
OUR_NUMBER, SERVICE = "+12125550199", "MG" + "1" * 32
TEXT_SID = "SM" + "2" * 32


class Switchboard(ThreadingHTTPServer):
    """Keeps every request it is called with; `answers` are given in order, then all is well."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Operator)
        self.texts: list[dict[str, str]] = []
        self.calls: list[tuple[str, str]] = []  # path and credentials
        self.asked: list[dict[str, str]] = []  # what lists were asked for
        self.answers: list[tuple[int, Any, dict[str, str]]] = []

    def will_say(self, status: int, body: Any = None, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append((status, body, named))

    def will_refuse(self, status: int, code: int | None, **headers: str) -> None:
        """Refuse the next text as Twilio does: with the number in the words."""
        message = "The 'To' number +12125550142 is not what we want: your visit is on Tuesday"
        body = {"status": status, "message": message, "more_info": "https://www.twilio.com/docs"}
        self.will_say(status, body | ({"code": code} if code else {}), **headers)

    def will_hang_up(self) -> None:
        self.will_say(0)


class _Operator(BaseHTTPRequestHandler):
    server: Switchboard

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.texts.append(dict(parse_qsl(self.rfile.read(length).decode())))
        self.server.calls.append((self.path, self.headers["Authorization"]))
        usual = (201, {"sid": TEXT_SID, "status": "queued"}, {})
        status, body, headers = self.server.answers.pop(0) if self.server.answers else usual
        if not status:
            self.close_connection = True
            return
        self._answer(status, body if isinstance(body, str) else json.dumps(body), headers)

    def do_GET(self) -> None:
        self.server.asked.append(dict(parse_qsl(urlsplit(self.path).query)))
        status, body, headers = self.server.answers.pop(0)
        self._answer(status, json.dumps(body), headers)

    def _answer(self, status: int, body: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body.encode()))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_line: object) -> None:
        """Say nothing."""


def switchboard() -> AbstractContextManager[Switchboard]:
    """Return a switchboard for the length of a block."""
    return serving(Switchboard())


class LocalHttp(TwilioHttp):
    """The client, sent to a port of this machine: only the host of each call is another."""

    port: ClassVar[int] = 0
    scheme: ClassVar[str] = "http"

    def __init__(self) -> None:
        super().__init__()
        self.session.trust_env = False  # no proxy on the way to ourselves

    def address(self, url: str) -> str:
        parts = urlsplit(url)
        return urlunsplit((self.scheme, f"{HOST}:{self.port}", parts.path, parts.query, ""))


class LocalTwilio(Twilio):
    http = LocalHttp

"""A site that carriers call: keeps each call, and answers as it is told."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar
from urllib.parse import parse_qsl

from tests.rig.processes import HOST

Served = TypeVar("Served", bound=ThreadingHTTPServer)


@dataclass(frozen=True)
class FormCall:
    """One POST of a form."""

    url: str
    path: str
    form: dict[str, str]
    headers: dict[str, str]


class Site(ThreadingHTTPServer):
    """`answers` are given in order, then 200."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Page)
        self.calls: list[FormCall] = []
        self.answers: list[int] = []
        self.url = f"http://{HOST}:{self.server_port}"


class _Page(BaseHTTPRequestHandler):
    server: Site

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        url = self.server.url + self.path
        form = dict(parse_qsl(body, keep_blank_values=True))
        self.server.calls.append(FormCall(url, self.path, form, dict(self.headers)))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_line: object) -> None:
        """Say nothing."""


@contextmanager
def serving(server: Served) -> Iterator[Served]:
    """Let a server answer for the length of a block."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def site() -> AbstractContextManager[Site]:
    """Return a site for the length of a block."""
    return serving(Site())

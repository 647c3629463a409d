"""A real SMTP server on a free port of this machine, which answers as it is told."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from tests.rig.processes import free_port

HOST = "127.0.0.1"
OK = "250 OK"


class Postman:
    """Keeps every mail it takes; `sender`, `recipient` and `data` are its answers, in order."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.sender: list[str] = []
        self.recipient: list[str] = []
        self.data: list[str] = []

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list
    ) -> str:
        answer = self.sender.pop(0) if self.sender else OK
        if answer == OK:
            envelope.mail_from = address
        return answer

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list
    ) -> str:
        answer = self.recipient.pop(0) if self.recipient else OK
        if answer == OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = self.data.pop(0) if self.data else OK
        if answer in (OK, "cut"):
            self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
            self.recipients.append(envelope.rcpt_tos)
        if answer == "cut":
            server.transport.abort()
        if answer == "silence":
            await asyncio.sleep(30)
        return answer if answer[0].isdigit() else OK


@contextmanager
def post_office(postman: Postman, **options) -> Iterator[int]:
    """Run a server for a postman; yields its port."""
    server = Controller(postman, hostname=HOST, port=free_port(), **options)
    server.start()
    try:
        yield server.port
    finally:
        server.stop(no_assert=True)


@contextmanager
def black_hole(*, greeting: bytes = b"") -> Iterator[int]:
    """A server that takes a connection, greets at most, and is silent; yields its port."""
    with socket.socket() as listener, ThreadPoolExecutor(max_workers=1) as pool:
        listener.bind((HOST, 0))
        listener.listen()
        done = threading.Event()
        pool.submit(_say_and_wait, listener, greeting, done)
        try:
            yield listener.getsockname()[1]
        finally:
            done.set()


def _say_and_wait(listener: socket.socket, greeting: bytes, done: threading.Event) -> None:
    line, _caller = listener.accept()
    with line:
        line.sendall(greeting)
        done.wait()


def refuses_everyone(*_login: object) -> AuthResult:
    return AuthResult(success=False, handled=False)

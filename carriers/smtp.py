"""Stands in for an SMTP server (RFC 5321), which answers by whom a mail is for."""

import asyncio
from collections import Counter
from email import message_from_bytes, policy
from email.message import EmailMessage
from uuid import uuid4

from aiosmtpd.smtp import SMTP, Envelope, Session

from carriers import books, magic
from carriers.doors import Door
from carriers.magic import Fate, Handover
from carriers.modes import DOWN, SENDER, Meter, Modes

OK, TAKEN = "250 2.1.0 Ok", "250 2.0.0 Ok: queued as"
NO_SERVICE = b"421 4.3.2 Service not available\r\n"
TOO_MANY = "451 4.7.0 Too many mails at once, try again later"
NOT_YOURS = "550 5.7.1 Sender address rejected"
LARGEST = 25 * 1024 * 1024  # bytes


class PostOffice:
    """aiosmtpd's handler: who may send, to whom, and what becomes of it."""

    def __init__(self, *, modes: Modes, kept: books.Books) -> None:
        self.modes, self._kept = modes, kept
        self._meter, self._busy = Meter(modes), Counter[str]()

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await asyncio.sleep(self.modes.latency)
        if self.modes.mode == SENDER:
            return self._no(address, NOT_YOURS)
        envelope.mail_from = address
        return OK

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._meter.is_over():
            return self._no(address, TOO_MANY)
        fate = magic.fate_of_mail(address)
        if magic.is_refused_at_once(fate) or self._is_busy(address, fate):
            return self._no(address, f"{fate.code} Not to this address")
        envelope.rcpt_tos.append(address)
        return OK

    def turn_away(self) -> None:
        """Write down that somebody came while there was no service."""
        self._kept.refuse(to="", code=NO_SERVICE[:3].decode())

    def _is_busy(self, address: str, fate: Fate) -> bool:
        if fate.handover != Handover.BUSY:
            return False
        self._busy[address] += 1
        if self._busy[address] <= magic.BUSY_TIMES:
            return True
        del self._busy[address]
        return False

    def _no(self, address: str, answer: str) -> str:
        self._kept.refuse(to=address, code=answer[:3])
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take a mail on, as a whole; of several recipients the first's fate decides."""
        fate = magic.fate_of_mail(envelope.rcpt_tos[0])
        if fate.handover == Handover.CUT_BEFORE:
            self._kept.refuse(to=envelope.rcpt_tos[0], code="cut")
            return _cut(server)
        if fate.handover == Handover.SLOW:
            await asyncio.sleep(magic.SLOW_SECONDS)
        entry = _entry(envelope)
        self._kept.take(entry)
        if fate.handover == Handover.CUT_AFTER:
            return _cut(server)
        if fate.handover == Handover.HANG_AFTER:
            await asyncio.sleep(magic.HANG_SECONDS)
            return _cut(server)
        return f"{TAKEN} {entry.id}"


def _cut(server: SMTP) -> str:
    """End the connection without an answer. What is returned reaches nobody."""
    server.transport.abort()
    return OK


def _entry(envelope: Envelope) -> books.Entry:
    mail = message_from_bytes(envelope.original_content, policy=policy.default)
    return books.Entry(
        id=uuid4().hex,
        to=", ".join(envelope.rcpt_tos),
        delivery=books.as_delivery(mail["X-Delivery-Id"] or ""),
        body_sha256=books.digest(_words(mail)),
    )


def _words(mail: EmailMessage) -> str:
    """Return the plain text as it was written, without the line ends of the way.

    The whole will not do: copies of one mail differ in what divides their parts.
    """
    part = mail.get_body(("plain",))
    words = part.get_content() if part is not None else mail.as_string()
    return "\n".join(words.splitlines()).rstrip("\n")


class NoService(asyncio.Protocol):
    """Says that it cannot, and ends (RFC 5321 section 3.8)."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        transport.write(NO_SERVICE)
        transport.close()


def door(office: PostOffice, *, port: int) -> Door:
    """Return the port an office serves."""

    def connected() -> asyncio.BaseProtocol:
        if office.modes.mode == DOWN:
            office.turn_away()
            return NoService()
        return SMTP(
            office,
            hostname="localhost",
            ident="a stand-in",
            data_size_limit=LARGEST,
            loop=asyncio.get_running_loop(),
        )

    return Door(answer=connected, port=port)

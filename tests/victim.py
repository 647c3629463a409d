"""A worker to be killed: `python -m tests.victim` sends what is due, and its carriers keep books.

Each carrier writes the delivery's id into the file LEDGER in the middle of its call, so a kill may
come before the message leaves, or after it left and before anyone heard.
"""

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import django
from django.core.mail.backends.base import BaseEmailBackend

PAUSE = 0.03  # seconds of a call before the message leaves, and after


def note(channel: str, delivery_id: object) -> None:
    time.sleep(PAUSE)
    line = f"{channel} {delivery_id}\n".encode()
    ledger = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(ledger, line)
    os.close(ledger)
    time.sleep(PAUSE)


def noted(ledger: Path) -> list[tuple[str, str]]:
    """Return (channel, delivery id) of everything that left, in order."""
    text = ledger.read_text() if ledger.exists() else ""
    return [tuple(line.split()) for line in text.splitlines()]


class Texts:
    is_outbox = True

    def __init__(self, *, channel: str) -> None:
        self.channel = channel

    def send(self, *, envelope: object, content: Mapping[str, str]) -> object:
        from notifications.types import SendResult

        note(self.channel, envelope.delivery_id)
        return SendResult(provider_id="noted")

    def look_up(self, *, envelope: object, **_known: object) -> list:
        from notifications.types import NotSupported

        raise NotSupported


class Mails(BaseEmailBackend):
    is_outbox = True

    def send_messages(self, email_messages: list) -> int:
        for message in email_messages:
            note("email", message.extra_headers["X-Delivery-Id"])
        return len(email_messages)


def work() -> None:
    django.setup()
    from notifications import clock, delivery
    from notifications.enums import PatientNotificationType
    from tests.engine import NOON, NotePayload

    PatientNotificationType.register(NotePayload)
    delivery.oldest_due()  # connected: what follows is the work alone
    print("ready", flush=True)  # noqa: T201 - how it tells that it waits
    sys.stdin.readline()
    with clock.at(NOON):
        delivery.run_due()


if __name__ == "__main__":
    work()

"""Who carries a message. A provider is named in settings by its dotted path."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string

from notifications.types import Envelope, Receipt, Reply, SendResult


class Provider(Protocol):
    """A carrier of one channel's messages."""

    is_outbox: bool

    def __init__(self, *, channel: str) -> None: ...

    def send(self, *, envelope: Envelope, content: dict[str, str]) -> SendResult: ...


class TextProvider(Provider, Protocol):
    """A carrier of texts, which also tells what became of them and what patients write."""

    def look_up(
        self, *, envelope: Envelope, content: Mapping[str, str], since: datetime, provider_id: str
    ) -> list[Receipt]: ...

    def receipts(
        self, *, request: HttpRequest, delivery_id: UUID | None = None
    ) -> list[Receipt]: ...

    def replies(self, *, request: HttpRequest) -> list[Reply]: ...

    def replies_since(self, *, since: datetime) -> list[Reply]: ...

    def reply_response(self, *, answer: str) -> HttpResponse: ...


def load(name: str) -> type[Provider]:
    """Return the provider class of a dotted path. Raises ImportError naming it."""
    return import_string(name)


def missing(name: str) -> list[str]:
    """Return the settings a named provider needs and lacks; "A or B" where either would do.

    A provider lists them in `needs`: of each line, one setting at least.
    """
    return [
        " or ".join(line)
        for line in getattr(load(name), "needs", ())
        if not any(getattr(settings, setting) for setting in line)
    ]


def account_of(name: str) -> str:
    """Return whose books a look-up by a named provider reads, as a short fingerprint.

    Another account, or one that keeps other things, knows nothing of what this one took. A
    provider lists the settings that make the difference in `account`.
    """
    kept = [str(getattr(settings, setting)) for setting in getattr(load(name), "account", ())]
    return sha256("\n".join([name, *kept]).encode()).hexdigest()[:16]


def is_outbox(name: str) -> bool:
    """Return whether a named provider only keeps what it is given, here on this machine."""
    return bool(name) and load(name).is_outbox

"""Who carries a message. A provider is named in settings by its dotted path."""

from typing import Protocol

from django.utils.module_loading import import_string

from notifications.types import Envelope, SendResult


class Provider(Protocol):
    """A carrier of one channel's messages."""

    is_outbox: bool

    def __init__(self, *, channel: str) -> None: ...

    def send(self, *, envelope: Envelope, content: dict[str, str]) -> SendResult: ...


def load(name: str) -> type[Provider]:
    """Return the provider class of a dotted path. Raises ImportError naming it."""
    return import_string(name)


def is_outbox(name: str) -> bool:
    """Return whether a named provider only keeps what it is given, here on this machine."""
    return bool(name) and load(name).is_outbox

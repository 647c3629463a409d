"""The outbox's own signing keys: it speaks carriers' real protocols, and nobody else can as it."""

from django.utils.crypto import salted_hmac


def key(purpose: str) -> str:
    """Return what the stand-in signs calls of a purpose with: derived from SECRET_KEY."""
    return salted_hmac("notifications.outbox", purpose, algorithm="sha256").hexdigest()

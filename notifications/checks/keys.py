"""The keys: there, long enough, random, and each its own."""

import base64
import binascii
from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

from notifications.crypto import parse_keys

VERSIONED = ("NOTIFICATIONS_MASTER_KEYS", "NOTIFICATIONS_AUDIT_KEYS")
INDEX = "NOTIFICATIONS_INDEX_KEY"
SAMPLES = ("django-insecure", "changeme", "change-me", "change_me", "example", "sample", "secret")
SHORTEST_SECRET = 50
NEW_KEY = (
    'Make one: python3 -c "import base64, os; print(base64.urlsafe_b64encode(os.urandom(32))'
    '.decode())"'
)
NEW_SECRET = 'Make one: python3 -c "import secrets; print(secrets.token_urlsafe(48))"'


@register(Tags.security)
def check_keys(**_: Any) -> list[Error]:
    """Report keys that are missing, malformed, made up by a person, or used twice."""
    keys, errors = {}, []
    for setting in (*VERSIONED, INDEX):
        try:
            keys[setting] = _read(setting)
        except ImproperlyConfigured as error:
            errors.append(Error(f"{error}.", hint=f"{setting}: {NEW_KEY}", id="notifications.E001"))
    return errors + _typed_by_hand(keys) + _used_twice(keys)


@register(Tags.security)
def check_secret_key(**_: Any) -> list[Error]:
    """Report a SECRET_KEY that is short or copied from somewhere: it signs sessions and tasks."""
    key = settings.SECRET_KEY
    if len(key) < SHORTEST_SECRET or len(set(key)) < 10 or _is_sample(key):
        message = f"SECRET_KEY must be {SHORTEST_SECRET} random characters or more."
        return [Error(message, hint=NEW_SECRET, id="notifications.E002")]
    return []


def _read(setting: str) -> list[bytes]:
    """Return a setting's keys. Raises ImproperlyConfigured, naming it."""
    text = getattr(settings, setting)
    if not text:
        raise ImproperlyConfigured(f"{setting} is empty")
    if setting in VERSIONED:
        return list(parse_keys(text, setting=setting).values())
    try:
        key = base64.urlsafe_b64decode(text)
    except (binascii.Error, ValueError) as error:
        raise ImproperlyConfigured(f"{setting} must be base64 (URL-safe)") from error
    if len(key) != 32:
        raise ImproperlyConfigured(f"{setting} must be one 32-byte key, base64 (URL-safe)")
    return [key]


def _typed_by_hand(keys: dict[str, list[bytes]]) -> list[Error]:
    """32 random bytes are never all printable, nor few different ones: somebody typed these."""
    return [
        Error(f"{setting} is not random.", hint=f"{setting}: {NEW_KEY}", id="notifications.E003")
        for setting, values in keys.items()
        if any(all(32 <= byte < 127 for byte in key) or len(set(key)) < 10 for key in values)
    ]


def _used_twice(keys: dict[str, list[bytes]]) -> list[Error]:
    owners: dict[bytes, list[str]] = {}
    for setting, values in keys.items():
        for key in values:
            owners.setdefault(key, []).append(setting)
    secret = settings.SECRET_KEY.encode()
    for key, names in owners.items():
        if secret in (key, base64.urlsafe_b64encode(key)) or secret in _texts(names):
            names.append("SECRET_KEY")
    return [
        Error(
            f"{' and '.join(names)} hold the same key.",
            hint=f"Give each its own. {NEW_KEY}",
            id="notifications.E004",
        )
        for names in owners.values()
        if len(names) > 1
    ]


def _texts(names: list[str]) -> list[bytes]:
    return [getattr(settings, name).encode() for name in names if name != "SECRET_KEY"]


def _is_sample(key: str) -> bool:
    return any(word in key.lower() for word in SAMPLES)

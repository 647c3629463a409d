"""The key that names us to push services (VAPID, RFC 8292): devices register for its public half.

A key is 32 bytes of P-256, base64url without padding, as browsers and pywebpush take it.
"""

import base64

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings


def new_key() -> str:
    """Return a fresh private key."""
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return _encoded(number.to_bytes(32))


def public_key(private: str) -> str:
    """Return the public half, which browsers want. Raises ValueError for what is no key."""
    raw = base64.urlsafe_b64decode(private + "=" * (-len(private) % 4))
    if len(raw) != 32:
        raise ValueError("a private key has 32 bytes")
    point = ec.derive_private_key(int.from_bytes(raw), ec.SECP256R1()).public_key()
    return _encoded(point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def subject() -> str:
    """Return where a push service can write to us; Apple's refuses a push without it."""
    return settings.NOTIFICATIONS_VAPID_SUBJECT or f"mailto:{settings.DEFAULT_FROM_EMAIL}"


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")

"""Which devices a push may go to: the endpoint comes from a browser, so anybody can make one up.

Asked when a device registers and again before each push. The list of hosts keeps us from calling
arbitrary machines (SSRF); what those names resolve to is checked by `is_public`, because a name
server can answer with an address of our own network.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from notifications.types import Refused

LONGEST_ENDPOINT = 2048  # bytes
P256DH_BYTES, AUTH_BYTES = 65, 16  # RFC 8291 section 3: a point on P-256, and a shared secret
# No room for a user name, another port, a fragment, a backslash or anything a parser may bend.
ENDPOINT = re.compile(r"https://[A-Za-z0-9.-]+(:443)?/[!\"$-\[\]-~]*")
BASE64URL = re.compile(r"[A-Za-z0-9_-]+={0,2}")
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits


def accepted(value: Mapping[str, str]) -> dict[str, str]:
    """Return a device's address and keys as they are kept. Raises Refused, naming the field."""
    endpoint = value.get("address", "")
    host_of(endpoint)
    return {
        "address": endpoint,
        "p256dh": _checked_key(value, "p256dh", P256DH_BYTES),
        "auth": _checked_key(value, "auth", AUTH_BYTES),
    }


def host_of(endpoint: str) -> str:
    """Return the push service's host. Raises Refused unless it is one of those in settings."""
    refusal = Refused(
        _(
            "This browser’s notification service is not one we work with. "
            "Try a current Chrome, Edge, Firefox or Safari."
        ),
        field="endpoint",
    )
    is_text = isinstance(endpoint, str) and len(endpoint.encode()) <= LONGEST_ENDPOINT
    if not is_text or not ENDPOINT.fullmatch(endpoint):
        raise refusal
    host = urlsplit(endpoint).hostname or ""
    if not any(_is_named(host, pattern) for pattern in allowed_hosts()):
        raise refusal
    return host


def allowed_hosts() -> list[str]:
    """Return the hosts devices may be at; one that begins with `*.` stands for all below it."""
    named = settings.NOTIFICATIONS_PUSH_HOSTS.lower().split(",")
    return [host.strip() for host in named if host.strip()]


def _is_named(host: str, pattern: str) -> bool:
    if not pattern.startswith("*."):
        return host == pattern
    below = host.removesuffix(pattern[1:])
    return below != host and all(below.split("."))


def _checked_key(value: Mapping[str, str], name: str, length: int) -> str:
    """Return a key without padding. Raises Refused for one no push could be encrypted with."""
    text = value.get(name, "")
    try:
        raw = _decoded(text)
        if name == "p256dh":
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
    except (ValueError, binascii.Error):
        raw = b""
    if len(raw) != length:
        message = _("This browser sent a key that does not work. Turn notifications on once more.")
        raise Refused(message, field=name)
    return text.rstrip("=")


def _decoded(text: str) -> bytes:
    if not isinstance(text, str) or not BASE64URL.fullmatch(text):
        raise ValueError("not base64url")
    bare = text.rstrip("=")
    return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))


# -- where a name leads -------------------------------------------------------------------------


def is_public(address: str) -> bool:
    """Return whether an IP address is on the open internet, seen through all its disguises.

    Python calls the NAT64 form of 127.0.0.1 global, and multicast too.
    """
    ip = _unwrapped(ip_address(address))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _unwrapped(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address an IPv6 address stands for: mapped, NAT64 or 6to4."""
    if isinstance(ip, IPv4Address):
        return ip
    if ip in NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip

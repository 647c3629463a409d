"""A browser's keys, and what they open: RFC 8291's encryption and RFC 8292's signature."""

import base64
import binascii
import json
import os
import time
from typing import Any

import http_ece
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from carriers import books

LONGEST = 24 * 60 * 60  # seconds a signature may be good for; RFC 8292 section 2
SLACK = 5  # seconds two clocks may differ


class Browser:
    """One that has subscribed: its public key and secret, and the private key it keeps."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._secret = os.urandom(16)
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.p256dh, self.auth = encoded(point), encoded(self._secret)

    def opened(self, body: bytes) -> bytes:
        """Return what was sealed for this browser. Raises ValueError when it was not."""
        try:
            return http_ece.decrypt(
                body, private_key=self._key, auth_secret=self._secret, version="aes128gcm"
            )
        except http_ece.ECEException as error:
            raise ValueError("not sealed for this browser") from error


def signer(authorization: str, *, host: str) -> str:
    """Return the public key a request is signed with. Raises ValueError for a bad signature.

    `host` is the name in the Host header; RFC 8292 section 2 wants it as the audience.
    """
    scheme, _space, rest = authorization.partition(" ")
    given = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    if scheme.lower() != "vapid" or not {"t", "k"} <= given.keys():
        raise ValueError("not a signature by VAPID")
    _check_claims(_verified(given["t"], given["k"]), host=host)
    return given["k"]


def _verified(token: str, key: str) -> dict[str, Any]:
    """Return a token's claims once its signature fits the key (RFC 7518 section 3.4)."""
    signed, _dot, signature = token.rpartition(".")
    raw, point = decoded(signature), decoded(key)
    if len(raw) != 64 or signed.count(".") != 1:
        raise ValueError("not a signature by ES256")
    both = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    try:
        public.verify(both, signed.encode(), ec.ECDSA(SHA256()))
    except InvalidSignature:
        raise ValueError("signed with another key") from None
    claims = json.loads(decoded(signed.partition(".")[2]))
    if not isinstance(claims, dict):
        raise ValueError("no claims")
    return claims


def _check_claims(claims: dict[str, Any], *, host: str) -> None:
    until = claims.get("exp")
    left = (until if isinstance(until, int | float) else 0) - time.time()
    if claims.get("aud") != f"https://{host}" or not -SLACK < left <= LONGEST + SLACK:
        raise ValueError("signed for another service, or another day")


def delivery_in(said: bytes) -> str:
    """Return the `id` in what arrived; empty where there is none."""
    try:
        return books.as_delivery(str(json.loads(said)["id"]))
    except (ValueError, KeyError, TypeError):
        return ""


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decoded(text: str) -> bytes:
    """Return the bytes of base64url without padding. Raises ValueError."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("not base64url") from error

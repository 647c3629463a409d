"""Web push (RFC 8030, 8291, 8292): a sign to one browser that there is a message, no words.

The endpoint is somebody else's word, so it is judged again here, its name is resolved once, every
address must be public, and the connection goes to the address that was judged. No answer's body
is ever read: it could be anything.
"""

import io
import json
import logging
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from django.conf import settings
from py_vapid import Vapid, VapidException
from pywebpush import WebPushException, webpush
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError

from notifications.enums import ContactEffect, ErrorKind, PatientNotificationPriority
from notifications.providers import push_endpoints, vapid
from notifications.types import (
    AnswerLost,
    ChannelError,
    Envelope,
    Meaning,
    Refused,
    SendResult,
)

logger = logging.getLogger(__name__)

TIMEOUT = (5, 10)  # seconds to connect, and between two bytes of an answer
LONGEST_TTL = 28 * 24 * 60 * 60  # seconds; FCM takes no more
USUAL_TTL = 7 * 24 * 60 * 60  # for what never expires: a week with the device switched off
LONGEST_WAIT = timedelta(days=1)
# RFC 8030 section 5.3: "low" waits for Wi-Fi or power, "high" is for what cannot wait.
URGENCY = {
    PatientNotificationPriority.LOW: "low",
    PatientNotificationPriority.MEDIUM: "normal",
    PatientNotificationPriority.HIGH: "high",
    PatientNotificationPriority.URGENT: "high",
}
TOO_LARGE = 413
# What a push service's status means (RFC 8030 section 7.3, RFC 8292 section 4.2). A service that
# asks for patience speaks of itself: others carry pushes too, so the channel does not rest.
GONE = Meaning(kind=ErrorKind.PERMANENT, contact=ContactEffect.REMOVED)
BUSY = Meaning(kind=ErrorKind.TRANSIENT)
WRONG_SETUP = Meaning(kind=ErrorKind.CONFIGURATION)  # our key, its subject, or no answer to judge
OUR_FAULT = Meaning(kind=ErrorKind.PERMANENT)
STATUSES: dict[int | None, Meaning] = {
    None: WRONG_SETUP,
    401: WRONG_SETUP,
    403: WRONG_SETUP,
    404: GONE,
    406: BUSY,  # Windows' service says so where others say 429
    410: GONE,
    TOO_LARGE: OUR_FAULT,
    429: BUSY,
}
REFUSED_HERE = Meaning(kind=ErrorKind.PERMANENT)  # one device's, so no reason to stop the others


class WebPush:
    """Carries pushes to the browsers' own push services."""

    is_outbox = False
    needs = (("NOTIFICATIONS_VAPID_PRIVATE_KEY",),)

    def __init__(self, *, channel: str) -> None:
        self.channel = channel

    def send(self, *, envelope: Envelope, content: Mapping[str, str]) -> SendResult:
        """Hand a push over. Raises ChannelError when refused, AnswerLost when nobody can tell.

        `content` is what the device will show; it does not travel.
        """
        device, host = _judged(envelope.to)
        key = _our_key()
        data = _payload(envelope)
        with _session(host) as session, _in_our_words(envelope):
            webpush(
                subscription_info=device,
                data=data,
                vapid_private_key=key,
                # A new dict a call: pywebpush writes into it.
                vapid_claims={"sub": vapid.subject(), "aud": f"https://{host}"},
                headers=_headers(envelope),
                ttl=_ttl(envelope),
                timeout=TIMEOUT,
                requests_session=session,
            )
        return SendResult()


def _judged(to: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """Return the device as pywebpush wants it and its host, if the rule still allows it."""
    try:
        kept = push_endpoints.accepted(to)
        host = push_endpoints.host_of(kept["address"])
    except Refused as refused:
        code = f"refused_{refused.field}"
        raise ChannelError.of(code, REFUSED_HERE) from None
    keys = {"p256dh": kept["p256dh"], "auth": kept["auth"]}
    return {"endpoint": kept["address"], "keys": keys}, host


def _our_key() -> Vapid:
    try:
        vapid.public_key(settings.NOTIFICATIONS_VAPID_PRIVATE_KEY)
        return Vapid.from_raw(settings.NOTIFICATIONS_VAPID_PRIVATE_KEY.encode())
    except ValueError:
        raise ChannelError(code="no_vapid_key", kind=ErrorKind.CONFIGURATION) from None


def _payload(envelope: Envelope) -> str:
    """Return ids and codes only: the words are in the service worker, which knows each language."""
    said = {"v": 1, "id": str(envelope.delivery_id), "code": "new", "lang": envelope.language}
    return json.dumps(said)


def _headers(envelope: Envelope) -> dict[str, str]:
    return {
        "Urgency": URGENCY[envelope.priority],
        "Topic": envelope.delivery_id.hex,  # 32 characters, the most; a repeat replaces the first
        "Content-Type": "application/octet-stream",
    }


def _ttl(envelope: Envelope) -> int:
    """Return for how many seconds a push service may keep it for a device that is off."""
    if envelope.expires_at is None:
        return USUAL_TTL
    left = int(envelope.expires_at.timestamp() - time.time())
    return max(0, min(left, LONGEST_TTL))


# -- the way there ------------------------------------------------------------------------------


def _session(host: str) -> requests.Session:
    """Return a session that reaches this one host at a public address, and nothing else."""
    session = Unbending()
    session.adapters.clear()
    session.mount(f"https://{host}", Pinned(host=host, address=_public_address(host)))
    return session


def _public_address(host: str) -> str:
    """Resolve a name once. Raises ChannelError if it leads, even partly, to a private address."""
    try:
        found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except OSError:
        raise ChannelError(code="no_such_host", kind=ErrorKind.TRANSIENT) from None
    addresses = [str(each[4][0]) for each in found]
    if not addresses or not all(push_endpoints.is_public(each) for each in addresses):
        logger.error("push host %s leads to an address that is not public", host)
        raise ChannelError.of("private_address", REFUSED_HERE)
    return addresses[0]


class Unbending(requests.Session):
    """Goes where it was sent: no redirects, and no proxies or passwords of the environment."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class Pinned(HTTPAdapter):
    """Connects to one address; certificate, SNI and Host header still go by the name."""

    def __init__(self, *, host: str, address: str) -> None:
        self.host, self.address = host, address
        super().__init__(max_retries=0)

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None):
        place, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        names = {"server_hostname": self.host, "assert_hostname": self.host}
        return place | {"host": self.address}, tls | names

    def add_headers(self, request: requests.PreparedRequest, **_options: Any) -> None:
        request.headers["Host"] = self.host

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        return bodiless(super().build_response(req, resp))


def bodiless(response: requests.Response) -> requests.Response:
    """Return an answer with its body left unread, whoever asks for it."""
    response.raw.close()
    response.raw = io.BytesIO()
    return response


# -- what came back -----------------------------------------------------------------------------


@contextmanager
def _in_our_words(envelope: Envelope) -> Iterator[None]:
    try:
        yield
    except WebPushException as error:
        _raise_refusal(error, envelope)
    except VapidException:
        raise ChannelError(code="bad_vapid_subject", kind=ErrorKind.CONFIGURATION) from None
    except requests.RequestException as error:
        code = type(error).__name__
        if _never_arrived(error):
            raise ChannelError(code=code, kind=ErrorKind.TRANSIENT) from None
        raise AnswerLost(code=code) from None


def _never_arrived(error: requests.RequestException) -> bool:
    """Return whether nothing was handed over: no connection, or none we could trust."""
    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.SSLError):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _raise_refusal(error: WebPushException, envelope: Envelope) -> None:
    """Judge a push service's no by its number. Any other success than 201 is one as well."""
    status = error.status_code
    if status is not None and 200 <= status < 300:
        return
    if status == TOO_LARGE:
        logger.error("push %s was too large for its service", envelope.delivery_id)
    raise ChannelError.of(
        str(status or "unsent"), _meaning_of(status), retry_after=_wait(error.retry_after)
    ) from None


def _meaning_of(status: int | None) -> Meaning:
    if status in STATUSES:
        return STATUSES[status]
    return BUSY if status >= 500 else OUR_FAULT


def _wait(retry_after: str | None) -> timedelta | None:
    """Return how long a service asks us to wait: seconds or a date (RFC 9110 section 10.2.3)."""
    if not retry_after:
        return None
    try:
        seconds = float(retry_after) if retry_after.isdecimal() else _until(retry_after)
    except ValueError:
        return None
    return min(timedelta(seconds=max(0.0, min(seconds, 1e6))), LONGEST_WAIT)


def _until(date: str) -> float:
    return parsedate_to_datetime(date).timestamp() - time.time()

"""Texts through Twilio's Messages resource, with its errors put in our words.

https://www.twilio.com/docs/messaging/api/message-resource. Creating a message has no idempotency
key: once a request has left, only an answer tells whether a text went, and without one it must
not be sent again.
"""

import json
import logging
import re
import ssl
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import requests
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from requests.exceptions import ConnectTimeout, ProxyError
from twilio.base import values
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from urllib3.exceptions import NewConnectionError

from notifications import clock
from notifications.enums import ContactEffect, ErrorKind
from notifications.providers import twilio_calls, twilio_look_ups
from notifications.providers.twilio_codes import SET_UP, meaning_of
from notifications.types import (
    AnswerLost,
    ChannelError,
    Envelope,
    Meaning,
    NotSupported,
    Receipt,
    Reply,
    SendResult,
)

logger = logging.getLogger(__name__)

CONNECT_SECONDS, READ_SECONDS = 5.0, 10.0
LONGEST_VALIDITY = 36_000  # seconds; Twilio's default and most
LONGEST_WAIT = timedelta(minutes=15)
PART = "sms.txt"
E_164 = re.compile(r"\+[1-9][0-9]{6,14}")


class TwilioHttp(TwilioHttpClient):
    """The SDK's client, which answers or raises ChannelError, and writes no log.

    Errors are judged here, before the SDK makes exceptions of them: their text quotes the number.
    """

    def __init__(self) -> None:
        super().__init__(timeout=READ_SECONDS, max_retries=0)
        # The constructor compares its timeout with 0, which a pair cannot be.
        self.timeout = (CONNECT_SECONDS, READ_SECONDS)

    def request(self, method: str, url: str, *args: Any, **options: Any) -> Response:
        try:
            answer = super().request(method, self.address(url), *args, **options)
        except OSError as error:  # requests' own are OSErrors too
            raise _unanswered(error) from None
        if not 200 <= answer.status_code < 300:
            raise _refusal(answer)
        return answer

    def address(self, url: str) -> str:
        """Return an address of Twilio's at the API that is set, which may be a stand-in here."""
        there, here = urlsplit(url), urlsplit(settings.NOTIFICATIONS_TWILIO_API)
        return urlunsplit((here.scheme, here.netloc, there.path, there.query, ""))

    def log_request(self, kwargs: dict[str, Any]) -> None:
        """Write nothing: the SDK would log addresses and parameters."""

    def log_response(self, status_code: int, response: requests.Response) -> None:
        """Write nothing."""


class Twilio:
    """A carrier of texts. Texts leave from a number, a messaging service, or one in the other."""

    is_outbox = False
    # Of each line, one setting at least. The token also proves that it is Twilio that calls.
    needs: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("NOTIFICATIONS_TWILIO_ACCOUNT_SID",),
        ("NOTIFICATIONS_TWILIO_AUTH_TOKEN",),
        ("NOTIFICATIONS_TWILIO_FROM", "NOTIFICATIONS_TWILIO_MESSAGING_SERVICE"),
    )
    account: ClassVar[tuple[str, ...]] = (
        "NOTIFICATIONS_TWILIO_API",
        "NOTIFICATIONS_TWILIO_ACCOUNT_SID",
        "NOTIFICATIONS_TWILIO_REDACTION",
    )
    http: ClassVar[type[TwilioHttp]] = TwilioHttp

    def __init__(self, *, channel: str) -> None:
        self.channel = channel

    def send(self, *, envelope: Envelope, content: Mapping[str, str]) -> SendResult:
        """Hand a text over. Raises ChannelError when refused, AnswerLost when nobody can tell."""
        # A connection of its own: one that was kept may be closed while a text is under way.
        http = self.http()
        try:
            made = _client(http).messages.create(**_message(envelope, content[PART]))
        except ValueError:  # an answer of 2xx that is no JSON: some proxy's, perhaps
            raise AnswerLost(code="unreadable") from None
        finally:
            http.session.close()
        if not made.sid:
            raise AnswerLost(code="unreadable")
        return SendResult(provider_id=made.sid)

    def look_up(
        self, *, envelope: Envelope, content: Mapping[str, str], since: datetime, provider_id: str
    ) -> list[Receipt]:
        """Ask Twilio what it has. Raises NotSupported where it keeps nothing to know a text by."""
        if not provider_id and _is_on(settings.NOTIFICATIONS_TWILIO_REDACTION):
            raise NotSupported
        http = self.http()
        try:
            found = twilio_look_ups.found(
                _client(http),
                number=envelope.to["address"],
                text=content.get(PART, ""),
                since=since,
                sid=provider_id,
            )
        except ValueError:
            raise AnswerLost(code="unreadable") from None
        finally:
            http.session.close()
        return [replace(each, delivery_id=envelope.delivery_id) for each in found]

    def receipts(self, *, request: HttpRequest, delivery_id: UUID | None = None) -> list[Receipt]:
        """Return what a status callback says. Raises PermissionDenied for a forged one."""
        return twilio_calls.receipts_in(
            request=request,
            token=settings.NOTIFICATIONS_TWILIO_AUTH_TOKEN,
            delivery_id=delivery_id,
        )

    def replies(self, *, request: HttpRequest) -> list[Reply]:
        """Return what a patient wrote. Raises PermissionDenied for a forged call."""
        return twilio_calls.replies_in(
            request=request,
            token=settings.NOTIFICATIONS_TWILIO_AUTH_TOKEN,
            answers_stop=_is_on(settings.NOTIFICATIONS_TWILIO_ANSWERS_STOP),
        )

    def replies_since(self, *, since: datetime) -> list[Reply]:
        """Ask Twilio what patients wrote. Raises NotSupported where it keeps no words."""
        if _is_on(settings.NOTIFICATIONS_TWILIO_REDACTION):
            raise NotSupported
        http = self.http()
        try:
            ours = settings.NOTIFICATIONS_TWILIO_FROM
            return twilio_look_ups.written(_client(http), to=ours, since=since)
        except ValueError:
            raise AnswerLost(code="unreadable") from None
        finally:
            http.session.close()

    def reply_response(self, *, answer: str) -> HttpResponse:
        return twilio_calls.reply_response(answer=answer)


def _client(http: TwilioHttp) -> Client:
    account = settings.NOTIFICATIONS_TWILIO_ACCOUNT_SID
    pair = settings.NOTIFICATIONS_TWILIO_API_KEY, settings.NOTIFICATIONS_TWILIO_API_SECRET
    user, secret = pair if all(pair) else (account, settings.NOTIFICATIONS_TWILIO_AUTH_TOKEN)
    if not (account and secret):  # the SDK would look for others in the environment
        raise ChannelError(code="not_configured", kind=ErrorKind.CONFIGURATION)
    return Client(user, secret, account_sid=account, http_client=http)


def _message(envelope: Envelope, text: str) -> dict[str, Any]:
    """Return what `create` is called with. Nothing here but To and Body tells of the patient."""
    redacts = _is_on(settings.NOTIFICATIONS_TWILIO_REDACTION)
    return {
        "to": _one_number(envelope.to["address"]),
        "body": text,
        "from_": settings.NOTIFICATIONS_TWILIO_FROM or values.unset,
        "messaging_service_sid": settings.NOTIFICATIONS_TWILIO_MESSAGING_SERVICE or values.unset,
        "status_callback": envelope.callback_url or values.unset,
        "validity_period": _validity(envelope),
        "smart_encoded": True,
        "content_retention": "discard" if redacts else values.unset,
        "address_retention": "obfuscate" if redacts else values.unset,
    }


def _one_number(value: str) -> str:
    if not E_164.fullmatch(value):
        raise ChannelError(
            code="bad_address", kind=ErrorKind.PERMANENT, contact=ContactEffect.NEEDS_UPDATE
        )
    return value


def _validity(envelope: Envelope) -> Any:
    """Return for how many seconds the text is worth sending; unset: as long as Twilio keeps it."""
    if envelope.expires_at is None:
        return values.unset
    left = int((envelope.expires_at - clock.now()).total_seconds())
    return min(max(left, 1), LONGEST_VALIDITY)


def _is_on(setting: str) -> bool:
    return setting.strip().lower() in ("true", "1", "yes", "on")


# -- no answer, or a no -------------------------------------------------------------------------


def _unanswered(error: OSError) -> ChannelError:
    """Nothing was sent where no connection came about; in any other case nobody can tell."""
    code = type(error).__name__
    if _never_connected(error):
        return ChannelError(code=code, kind=ErrorKind.TRANSIENT)
    return AnswerLost(code=code)


def _never_connected(error: OSError) -> bool:
    """Whether not a byte of the request left: no address, no connection, or a bad certificate."""
    if isinstance(error, ConnectTimeout | ProxyError):
        return True
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", None)  # of urllib3's MaxRetryError
    if isinstance(reason, NewConnectionError):
        return True
    inner = reason.args[0] if isinstance(reason, Exception) and reason.args else None
    return isinstance(inner, ssl.SSLCertVerificationError)


def _refusal(answer: Response) -> ChannelError:
    """Judge a no by its code. Its words quote the number: they go nowhere."""
    status, code = answer.status_code, _code_in(answer.text)
    if status >= 500 or status == 408:
        return AnswerLost(code=code or str(status))
    meaning = meaning_of(code, status=status)
    if meaning is SET_UP or meaning.max_tries:
        logger.warning("Twilio refused a text with %s: see docs/carriers/twilio.md", code or status)
    return ChannelError.of(code or str(status), meaning, retry_after=_wait(answer, meaning))


def _code_in(body: str) -> str:
    """Return the code in Twilio's JSON; empty where the answer is somebody else's."""
    try:
        code = json.loads(body).get("code")
    except (ValueError, AttributeError):
        return ""
    return str(code) if isinstance(code, int | str) else ""


def _wait(answer: Response, meaning: Meaning) -> timedelta | None:
    """Return how long Twilio asks us to wait, at most a quarter of an hour."""
    asked = str((answer.headers or {}).get("Retry-After", ""))
    if meaning.kind != ErrorKind.THROTTLED or not asked.isdecimal():
        return meaning.retry_after
    return min(timedelta(seconds=int(asked)), LONGEST_WAIT)

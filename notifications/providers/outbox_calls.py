"""What the outbox's stand-in for a carrier says of a message, in the real carriers' forms.

Texts as Twilio's status callbacks, e-mails as Mailgun's events:
https://www.twilio.com/docs/messaging/guides/track-outbound-message-status and
https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django.conf import settings

from carriers import magic
from notifications import clock
from notifications.providers import twilio_calls, twin
from notifications.providers.outbox import OutboxMessage

ACCOUNT = "AC" + "0" * 32
SENDER = "+15005550006"  # Twilio's magic number that may send
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@dataclass(frozen=True, kw_only=True)
class Call:
    """One signed POST."""

    url: str
    body: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)
    answers_to: str = ""  # who gets as a text what the site answers


def is_due(message: OutboxMessage) -> bool:
    """Return whether anything is said of a message by now; of most, at once."""
    wait = magic.fate_of_text(message.to).late if message.channel == "sms" else 0.0
    age = clock.now() - message.created_at  # below zero where `run_due --now` has played on
    return not timedelta() <= age < timedelta(seconds=wait)


def calls_about(message: OutboxMessage) -> list[Call]:
    """Return what the carrier reports of a message, in order; nothing where nobody asked."""
    if message.channel == "email" and message.delivery_id:
        fate = magic.fate_of_mail(message.to)
        return [event(message, said, fate.code) for said in fate.reports]
    if message.content.get("callback_url"):
        fate = magic.fate_of_text(message.to)
        calls = [status(message, said, fate.code) for said in fate.reports]
        return [*calls, _written(message, fate.writes)] if fate.writes else calls
    return []


# -- texts --------------------------------------------------------------------------------------


def status(message: OutboxMessage, said: str, code: str) -> Call:
    sid = message.content["provider_id"]
    params = _message_params(sid) | {
        "From": SENDER,
        "To": message.to,
        "MessageStatus": said,
        "SmsStatus": said,
    }
    if said in ("undelivered", "failed"):
        params["ErrorCode"] = code
    return _signed(message.content["callback_url"], params)


def _written(message: OutboxMessage, text: str) -> Call:
    """Return what a magic number writes back; the same call however often it is made."""
    sid = hashlib.sha256(f"{message.pk} {text}".encode()).hexdigest()[:32]
    return reply(number=message.to, text=text, sid=f"SM{sid}")


def reply(*, number: str, text: str, sid: str = "") -> Call:
    """Return what Twilio posts when somebody writes to the practice's number."""
    params = _message_params(sid or f"SM{uuid4().hex}") | {
        "From": number,
        "To": SENDER,
        "Body": text,
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsStatus": "received",
    }
    return _signed(f"{settings.PUBLIC_URL}/webhooks/sms/replies/", params, answers_to=number)


def _message_params(sid: str) -> dict[str, str]:
    return {"AccountSid": ACCOUNT, "ApiVersion": "2010-04-01", "MessageSid": sid, "SmsSid": sid}


def _signed(url: str, params: dict[str, str], *, answers_to: str = "") -> Call:
    signature = twilio_calls.signature(url=url, params=params, token=twin.key("sms"))
    return Call(
        url=url,
        body=urlencode(params).encode(),
        content_type=FORM,
        headers={twilio_calls.SIGNATURE_HEADER: signature},
        answers_to=answers_to,
    )


# -- e-mails ------------------------------------------------------------------------------------


def event(message: OutboxMessage, said: str, code: str) -> Call:
    now = clock.now().timestamp()
    data: dict[str, Any] = {
        "event": "failed" if said == "deferred" else said,
        "timestamp": now,
        "id": hashlib.sha256(f"{message.pk} {said}".encode()).hexdigest()[:22],
        "recipient": message.to,
        "message": {"headers": {"message-id": _message_id(message)}},
        "user-variables": {"delivery_id": message.delivery_id},
        "tags": [],
    }
    if data["event"] == "failed":
        severity = "temporary" if said == "deferred" else "permanent"
        status = {"code": int(code[:3]), "message": code, "description": ""}
        data |= {"severity": severity, "reason": "generic", "delivery-status": status}
    body = {"signature": _signature(f"{message.pk} {said}", int(now)), "event-data": data}
    url = f"{settings.PUBLIC_URL}/webhooks/email/"
    return Call(url=url, body=json.dumps(body).encode(), content_type=JSON)


def _message_id(message: OutboxMessage) -> str:
    return message.content.get("headers", {}).get("Message-ID", "").strip("<>")


def _signature(event: str, timestamp: int) -> dict[str, str]:
    """Sign as Mailgun does: the time and a token, here the same for the same event."""
    token = hashlib.sha256(event.encode()).hexdigest()[:50]
    signed = hmac.new(twin.key("email").encode(), f"{timestamp}{token}".encode(), "sha256")
    return {"timestamp": str(timestamp), "token": token, "signature": signed.hexdigest()}

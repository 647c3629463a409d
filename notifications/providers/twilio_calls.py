"""What Twilio calls us with: status callbacks, and what patients write back.

https://www.twilio.com/docs/usage/security#validating-requests says how a call is signed;
https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks and
.../twilio-request say what it holds. The outbox's stand-in speaks the same with its own token.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from twilio.request_validator import RequestValidator
from twilio.twiml.messaging_response import MessagingResponse

from notifications.enums import ContactEffect, DeliveryStatus
from notifications.providers.twilio_codes import meaning_of
from notifications.types import Receipt, Reply

SIGNATURE_HEADER = "X-Twilio-Signature"
STATUSES: dict[str, DeliveryStatus] = {
    "queued": DeliveryStatus.ACCEPTED,
    "accepted": DeliveryStatus.ACCEPTED,
    "scheduled": DeliveryStatus.ACCEPTED,
    "sending": DeliveryStatus.ACCEPTED,
    "sent": DeliveryStatus.ACCEPTED,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.DELIVERED,  # of channels other than SMS
    # Nothing more is said of it. Something has arrived, and a second text would repeat that.
    "partially_delivered": DeliveryStatus.DELIVERED,
    "undelivered": DeliveryStatus.FAILED,
    "failed": DeliveryStatus.FAILED,
    "canceled": DeliveryStatus.FAILED,
}
# What Twilio answers by itself, as a message of this one word, whatever its case:
# https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out and help article 223134027.
STOP_WORDS = {"STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "CANCEL", "REVOKE", "OPTOUT"}
START_WORDS = {"START", "YES", "UNSTOP"}
HELP_WORDS = {"HELP", "INFO"}


def signature(*, url: str, params: Mapping[str, Any], token: str) -> str:
    """Return what Twilio would sign a call of this URL with these fields with."""
    return RequestValidator(token).compute_signature(url, params)


def receipts_in(
    *, request: HttpRequest, token: str, delivery_id: UUID | None = None
) -> list[Receipt]:
    """Return what a status callback says; nothing for a call that names no message.

    Raises PermissionDenied when it is not signed with the token.
    """
    _verify(request, token=token)
    told = request.POST
    sid, said = told.get("MessageSid", ""), told.get("MessageStatus", "")
    if not (sid and said):
        return []
    code = told.get("ErrorCode", "")
    return [receipt(sid, said=said, code=code, delivery_id=delivery_id, raw=told.dict())]


def receipt(
    sid: str, *, said: str, code: str, delivery_id: UUID | None, raw: Mapping[str, Any]
) -> Receipt:
    """Return what Twilio says of a message, called or asked, in our words."""
    status = STATUSES.get(said)
    meaning = meaning_of(code) if status == DeliveryStatus.FAILED and code else None
    return Receipt(
        delivery_id=delivery_id,
        provider_id=sid,
        # The signature holds no time, so a call may come again at any time.
        event_key=f"{sid}:{said}:{code}" if code else f"{sid}:{said}",
        status=status,
        code=code,
        contact=meaning.contact if meaning else ContactEffect.NONE,
        meaning=meaning,
        raw=raw,
    )


def replies_in(*, request: HttpRequest, token: str, answers_stop: bool = False) -> list[Reply]:
    """Return what a patient wrote; a picture without words is an empty text.

    `answers_stop`: the carrier answers its opt-out words by itself. Raises PermissionDenied.
    """
    _verify(request, token=token)
    told = request.POST
    if not told.get("MessageSid") or not told.get("From"):
        return []
    text = told.get("Body", "")
    # OptOutType: Advanced Opt-Out has recognised the word and answered it.
    is_answered = bool(told.get("OptOutType")) or (
        answers_stop and text.strip().upper() in STOP_WORDS | START_WORDS | HELP_WORDS
    )
    return [
        Reply(
            event_key=told["MessageSid"],
            sender=told["From"],
            text=text,
            is_answered=is_answered,
            is_stop=told.get("OptOutType") == "STOP",
            raw=told.dict(),
        )
    ]


def reply_response(*, answer: str) -> HttpResponse:
    """Return TwiML: the answer the patient is to get, or that there is none."""
    response = MessagingResponse()
    if answer:
        response.message(answer)
    return HttpResponse(str(response), content_type="text/xml; charset=utf-8")


def _verify(request: HttpRequest, *, token: str) -> None:
    """Raise PermissionDenied unless the call is signed with the token.

    What was signed is the public address: behind a proxy, a request shows another one. Without a
    token nothing is believed, because anybody can sign with nothing.
    """
    given = request.headers.get(SIGNATURE_HEADER, "")
    url = settings.PUBLIC_URL + request.get_full_path()
    if not (token and given and RequestValidator(token).validate(url, request.POST, given)):
        raise PermissionDenied

"""Stands in for every carrier in development and tests: keeps what would have left in a table."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import models
from django.http import HttpRequest, HttpResponse

from notifications import clock
from notifications.crypto import MasterSealedField, new_id
from notifications.providers import twilio_calls, twin
from notifications.providers.outbox_magic import REFUSED_NUMBERS
from notifications.providers.twilio_codes import meaning_of
from notifications.types import ChannelError, Envelope, Receipt, Reply, SendResult


class OutboxMessage(models.Model):
    """One message as the patient would have got it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    channel = models.CharField(max_length=32)
    delivery_id = models.CharField(max_length=64, blank=True)
    to = MasterSealedField()
    content = MasterSealedField()  # subject, text, html, headers
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "notifications"
        db_table = "outbox_messages"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.channel} {self.pk}"


class Outbox:
    """A carrier that keeps what it takes. Of texts it speaks as Twilio does, with its own key."""

    is_outbox = True

    def __init__(self, *, channel: str) -> None:
        self.channel = channel

    def send(self, *, envelope: Envelope, content: Mapping[str, str]) -> SendResult:
        """Keep a message. Raises ChannelError for Twilio's magic numbers, as Twilio does."""
        address = envelope.to["address"]
        if address in REFUSED_NUMBERS:
            raise _refusal(REFUSED_NUMBERS[address])
        kept = OutboxMessage(
            channel=self.channel, delivery_id=str(envelope.delivery_id), to=address
        )
        kept.content = {
            "text": "\n".join(content.values()),
            "provider_id": f"SM{kept.pk.hex}",
            "callback_url": envelope.callback_url if self.channel == "sms" else "",
        }
        kept.save(force_insert=True)
        return SendResult(provider_id=kept.content["provider_id"])

    def look_up(
        self, *, envelope: Envelope, content: Mapping[str, str], since: datetime, provider_id: str
    ) -> list[Receipt]:
        """Return what is kept of a delivery, as a carrier that can be asked would."""
        kept = OutboxMessage.objects.filter(delivery_id=str(envelope.delivery_id))
        return [
            twilio_calls.receipt(
                row.content["provider_id"],
                said="sent",
                code="",
                delivery_id=envelope.delivery_id,
                raw={"sid": row.content["provider_id"]},
            )
            for row in kept.filter(channel=self.channel).order_by("-id")
        ]

    def receipts(self, *, request: HttpRequest, delivery_id: UUID | None = None) -> list[Receipt]:
        """Return what our own stand-in reports. Raises PermissionDenied for anybody else."""
        return twilio_calls.receipts_in(
            request=request, token=twin.key("sms"), delivery_id=delivery_id
        )

    def replies(self, *, request: HttpRequest) -> list[Reply]:
        """Return what was written on the outbox's page. Raises PermissionDenied."""
        return twilio_calls.replies_in(request=request, token=twin.key("sms"))

    def reply_response(self, *, answer: str) -> HttpResponse:
        return twilio_calls.reply_response(answer=answer)


def _refusal(code: str) -> ChannelError:
    return ChannelError.of(code, meaning_of(code))


class EmailBackend(BaseEmailBackend):
    """Django's e-mail backend for development: EMAIL_BACKEND's default."""

    is_outbox = True
    speaks_mailgun = True  # its stand-in reports as that service does

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            OutboxMessage.objects.create(
                channel="email",
                delivery_id=message.extra_headers.get("X-Delivery-Id", ""),
                to=", ".join(message.recipients()),
                content=_content(message),
            )
        return len(email_messages)


def _content(message: EmailMessage) -> dict:
    html = [part.content for part in getattr(message, "alternatives", [])]
    return {
        "subject": message.subject,
        "from": message.from_email,
        "text": message.body,
        "html": html[0] if html else "",
        "headers": dict(message.extra_headers),
    }

"""Stands in for every carrier in development and tests: keeps what would have left in a table."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from email.mime.text import MIMEText
from uuid import UUID

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import models
from django.http import HttpRequest, HttpResponse

from carriers import magic
from notifications import clock
from notifications.crypto import MasterSealedField, new_id
from notifications.providers import outbox_fates, twilio_calls, twin
from notifications.types import Envelope, Receipt, Reply, SendResult


class OutboxMessage(models.Model):
    """One message as the patient would have got it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    channel = models.CharField(max_length=32)
    delivery_id = models.CharField(max_length=64, blank=True)
    to = MasterSealedField()
    content = MasterSealedField()  # subject, text, html, headers, calendar
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
        """Keep a message. To magic recipients raises ChannelError or AnswerLost as carriers do."""
        address, name = envelope.to["address"], f"{self.channel} {envelope.delivery_id}"
        fate = outbox_fates.fate_of(self.channel, address)
        outbox_fates.before_taking(fate, channel=self.channel, name=name)
        kept = OutboxMessage(
            channel=self.channel, delivery_id=str(envelope.delivery_id), to=address
        )
        kept.content = {
            "text": "\n".join(content.values()),
            "provider_id": f"SM{kept.pk.hex}",
            "callback_url": envelope.callback_url if self.channel == "sms" else "",
        }
        kept.save(force_insert=True)
        outbox_fates.after_taking(fate)
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

    def replies_since(self, *, since: datetime) -> list[Reply]:
        """Return nothing: what is written on its page is kept nowhere but in this database."""
        return []

    def reply_response(self, *, answer: str) -> HttpResponse:
        return twilio_calls.reply_response(answer=answer)


class EmailBackend(BaseEmailBackend):
    """Django's e-mail backend for development: EMAIL_BACKEND's default."""

    is_outbox = True
    speaks_mailgun = True  # its stand-in reports as that service does

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Keep mails. To magic addresses raises what smtplib does."""
        for message in email_messages:
            _keep(message)
        return len(email_messages)


def _keep(message: EmailMessage) -> None:
    to, delivery = ", ".join(message.recipients()), message.extra_headers.get("X-Delivery-Id", "")
    fate = magic.fate_of_mail(to)
    outbox_fates.before_mailing(fate, to=to, name=f"email {delivery or to}")
    OutboxMessage.objects.create(
        channel="email", delivery_id=delivery, to=to, content=_content(message)
    )
    outbox_fates.after_mailing(fate)


def _calendar_in(message: EmailMessage) -> str:
    """Return the text of a calendar's file that came with a mail, or ""."""
    files = [part for part in message.attachments if isinstance(part, MIMEText)]
    return files[0].get_payload(decode=True).decode() if files else ""


def _content(message: EmailMessage) -> dict:
    html = [part.content for part in getattr(message, "alternatives", [])]
    return {
        "subject": message.subject,
        "from": message.from_email,
        "text": message.body,
        "html": html[0] if html else "",
        "headers": dict(message.extra_headers),
        "calendar": _calendar_in(message),
    }

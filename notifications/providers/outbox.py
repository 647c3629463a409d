"""Stands in for every carrier in development and tests: keeps what would have left in a table."""

from collections.abc import Mapping, Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import models

from notifications import clock
from notifications.crypto import MasterSealedField, new_id
from notifications.types import Envelope, SendResult


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
    """A carrier that takes everything and keeps it."""

    is_outbox = True

    def __init__(self, *, channel: str) -> None:
        self.channel = channel

    def send(self, *, envelope: Envelope, content: Mapping[str, str]) -> SendResult:
        kept = OutboxMessage.objects.create(
            channel=self.channel,
            delivery_id=str(envelope.delivery_id),
            to=envelope.to["address"],
            content={"text": "\n".join(content.values())},
        )
        return SendResult(provider_id=f"outbox-{kept.pk}")


class EmailBackend(BaseEmailBackend):
    """Django's e-mail backend for development: EMAIL_BACKEND's default."""

    is_outbox = True

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

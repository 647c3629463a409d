"""E-mail: multipart, the L0 sentence always, visit details where verified and agreed."""

import logging
from collections.abc import Mapping
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from notifications import audit
from notifications.channels.base import Channel
from notifications.enums import ContactKind, Level, PatientNotificationChannel
from notifications.providers import esp, mail
from notifications.types import Envelope, NotSupported, Receipt, SendResult

logger = logging.getLogger(__name__)


@PatientNotificationChannel.register
class Email(Channel):
    key = "email"
    label = _("Email")
    icon = "mail"
    contact_kind = ContactKind.EMAIL
    ceiling = Level.L1
    parts = ("email_subject.txt", "email.txt", "email.html")
    calendar_part = "email.ics"
    may_repeat = True
    carries_codes = True

    def is_configured(self) -> bool:
        return bool(settings.EMAIL_BACKEND)

    def is_rehearsal(self) -> bool:
        return mail.is_outbox()

    def send(self, *, envelope: Envelope, content: Mapping[str, str]) -> SendResult:
        message = mail.build(
            envelope=envelope,
            subject=content["email_subject.txt"],
            text=content["email.txt"],
            html=content["email.html"],
            calendar=content.get("email.ics", ""),
        )
        return SendResult(provider_id=mail.send(message))

    def reports(self) -> bool:
        return bool(esp.service())

    def receipts(self, *, request: HttpRequest, delivery_id: UUID | None = None) -> list[Receipt]:
        """Return what the e-mail service says. SMTP servers, and unverified services, say nothing.

        What is verified and cannot be read is counted and let go: it would be no clearer the next
        time, and services that are refused call again for hours (Mailgun, SparkPost and Postmark,
        with 406 or 403 for a full stop), hold back what comes after, or give up on us (Mailjet).
        Raises PermissionDenied for a call that is not the service's.
        """
        if delivery_id is not None or not esp.service():
            raise NotSupported
        try:
            events = esp.events_in(request=request)
            told = esp.receipts(events)
        except esp.Unreadable as fault:
            logger.error("a call of the e-mail service could not be read: %s", fault)
            audit.record_denied(actor=audit.CARRIERS, route="email/unreadable")
            return []
        if any(event.event_type in esp.WATCHING for event in events):
            logger.error("the e-mail service tells who opened or clicked: turn its tracking off")
            audit.record_denied(actor=audit.CARRIERS, route="email/tracking")
        return told

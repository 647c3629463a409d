"""E-mail: multipart, the L0 sentence always, visit details where verified and agreed."""

from collections.abc import Mapping

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from notifications.channels.base import Channel
from notifications.enums import ContactKind, Level, PatientNotificationChannel
from notifications.providers import mail
from notifications.types import Envelope, SendResult


@PatientNotificationChannel.register
class Email(Channel):
    key = "email"
    label = _("Email")
    icon = "mail"
    contact_kind = ContactKind.EMAIL
    ceiling = Level.L1
    parts = ("email_subject.txt", "email.txt", "email.html")
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
        )
        return SendResult(provider_id=mail.send(message))

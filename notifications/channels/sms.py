"""Text messages: one segment, to a verified number with recorded consent."""

from collections.abc import Mapping

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from notifications import providers
from notifications.channels.base import Channel
from notifications.enums import ContactKind, Level, PatientNotificationChannel
from notifications.types import Envelope, SendResult


@PatientNotificationChannel.register
class Sms(Channel):
    key = "sms"
    label = _("Text")
    icon = "message-square"
    contact_kind = ContactKind.PHONE
    ceiling = Level.L1
    parts = ("sms.txt",)
    carries_codes = True

    def is_configured(self) -> bool:
        return bool(settings.NOTIFICATIONS_SMS_PROVIDER)

    def is_rehearsal(self) -> bool:
        return providers.is_outbox(settings.NOTIFICATIONS_SMS_PROVIDER)

    def send(self, *, envelope: Envelope, content: Mapping[str, str]) -> SendResult:
        carrier = providers.load(settings.NOTIFICATIONS_SMS_PROVIDER)
        return carrier(channel=self.key).send(envelope=envelope, content=content)

"""Web push: the neutral sentence on a device's lock screen, whatever the message."""

from collections.abc import Mapping

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from notifications import providers
from notifications.channels.base import Channel
from notifications.enums import ContactKind, PatientNotificationChannel
from notifications.types import Envelope, SendResult


@PatientNotificationChannel.register
class Push(Channel):
    key = "push"
    label = _("Push")
    icon = "smartphone"
    contact_kind = ContactKind.PUSH
    parts = ("push.txt",)
    may_repeat = True
    carries_codes = True

    def is_configured(self) -> bool:
        return bool(settings.NOTIFICATIONS_PUSH_PROVIDER)

    def is_rehearsal(self) -> bool:
        return providers.is_outbox(settings.NOTIFICATIONS_PUSH_PROVIDER)

    def send(self, *, envelope: Envelope, content: Mapping[str, str]) -> SendResult:
        carrier = providers.load(settings.NOTIFICATIONS_PUSH_PROVIDER)
        return carrier(channel=self.key).send(envelope=envelope, content=content)

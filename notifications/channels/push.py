"""Web push: the neutral sentence on a device's lock screen, whatever the message."""

from collections.abc import Mapping

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from notifications import providers
from notifications.channels.base import Channel
from notifications.enums import ContactKind, PatientNotificationChannel
from notifications.providers import push_endpoints, vapid
from notifications.types import Envelope, SendResult


@PatientNotificationChannel.register
class Push(Channel):
    key = "push"
    label = _("Push")
    icon = "smartphone"
    contact_kind = ContactKind.PUSH
    parts = ("push.txt",)
    may_repeat = True

    def is_configured(self) -> bool:
        name = settings.NOTIFICATIONS_PUSH_PROVIDER
        return bool(name) and not providers.missing(name)

    def is_rehearsal(self) -> bool:
        return providers.is_outbox(settings.NOTIFICATIONS_PUSH_PROVIDER)

    def public_key(self) -> str:
        """Return the key a browser registers for; empty when there is none that works."""
        private = settings.NOTIFICATIONS_VAPID_PRIVATE_KEY
        try:
            return vapid.public_key(private) if private else ""
        except ValueError:
            return ""

    def accept_address(self, value: Mapping[str, str]) -> dict[str, str]:
        return push_endpoints.accepted(value)

    def send(self, *, envelope: Envelope, content: Mapping[str, str]) -> SendResult:
        carrier = providers.load(settings.NOTIFICATIONS_PUSH_PROVIDER)
        return carrier(channel=self.key).send(envelope=envelope, content=content)

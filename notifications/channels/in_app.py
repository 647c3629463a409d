"""The inbox: delivered by the notification's own row, so nothing is ever sent."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from notifications.channels.base import Channel
from notifications.enums import DeliveryStatus, Level, PatientNotificationChannel
from notifications.types import Envelope, SendResult


@PatientNotificationChannel.register
class InApp(Channel):
    key = "in_app"
    label = _("In-app")
    icon = "bell"
    ceiling = Level.L2
    parts = ("in_app.txt",)

    def is_rehearsal(self) -> bool:
        return True

    def send(self, *, envelope: Envelope, content: Mapping[str, str]) -> SendResult:
        return SendResult(status=DeliveryStatus.DELIVERED)

"""A provider wrote to the patient. The words are for the portal only."""

from dataclasses import dataclass
from typing import Self

from django.utils.translation import gettext_lazy as _

from notifications.enums import Category, PatientNotificationType, Purpose
from notifications.types import NotificationPayload, logistics, phi


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class MessageFromProviderPayload(NotificationPayload):
    type_key = "message_from_provider"
    title = _("A message from your care team")
    label = _("Messages from your care team")
    icon = "message-square"
    category = Category.CLINICAL
    purpose = Purpose.TREATMENT
    metadata_fields = ("provider_name",)

    provider_name: str = logistics()
    text: str = phi()

    @classmethod
    def example(cls) -> Self:
        return cls(
            provider_name="Dr. Lee",
            text=str(_("I looked at your X-ray and there is nothing to worry about.")),
        )

    def is_capped(self) -> bool:
        """Never: somebody wrote it by hand, to this patient."""
        return False

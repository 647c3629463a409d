"""News of the practice, the same words for everyone who asked for such."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from django.utils.translation import gettext_lazy as _

from notifications import clock
from notifications.enums import (
    Category,
    PatientNotificationPriority,
    PatientNotificationType,
    Purpose,
)
from notifications.types import NotificationPayload, logistics, public


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class GeneralAnnouncementPayload(NotificationPayload):
    """`text` is the same for all, so it holds nothing of anybody. Off until a patient asks for it.

    A closure is no announcement: those with a visit get `appointment_cancelled`.
    """

    type_key = "general_announcement"
    title = _("News from our practice")
    label = _("Announcements")
    icon = "info"
    category = Category.PRACTICE_NEWS
    purpose = Purpose.MARKETING
    channels = ("in_app",)
    priority = PatientNotificationPriority.LOW
    metadata_fields = ("current_until",)

    text: str = logistics()
    current_until: datetime | None = public(default=None)

    @classmethod
    def example(cls) -> Self:
        return cls(
            text=str(_("From January on we are open on Saturdays from 9 AM to 1 PM.")),
            current_until=clock.now() + timedelta(days=60),
        )

    def expires_at(self) -> datetime | None:
        return self.current_until

    def same_as(self) -> str:
        """The same words are the same news, for a whole household."""
        said = hashlib.sha256(f"{self.current_until} {self.text}".encode())
        return f"announcement:{said.hexdigest()[:32]}"

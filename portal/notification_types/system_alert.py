"""Something about the patient's account, such as a new address or a sign-in."""

from dataclasses import dataclass
from typing import Self

from django.utils.translation import gettext_lazy as _

from notifications.enums import (
    Category,
    PatientNotificationPriority,
    PatientNotificationType,
    Purpose,
)
from notifications.types import NotificationPayload, phi


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class SystemAlertPayload(NotificationPayload):
    """`text` says what happened and what to do, in one or two sentences."""

    type_key = "system_alert"
    title = _("About your account")
    label = _("Account and security")
    icon = "shield-check"
    category = Category.ACCOUNT
    purpose = Purpose.OPERATIONS
    priority = PatientNotificationPriority.HIGH
    locked = ("in_app", "email")

    text: str = phi()

    @classmethod
    def example(cls) -> Self:
        return cls(
            text=str(
                _(
                    "A new email address was added to your account. "
                    "If this was not you, please call us."
                )
            )
        )

    def is_capped(self) -> bool:
        """Never: somebody else may be at work in the account."""
        return False

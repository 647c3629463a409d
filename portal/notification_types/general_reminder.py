"""Anything else worth a reminder: what to bring, whom to call, what to finish."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self

from django.utils.translation import gettext_lazy as _

from notifications import clock
from notifications.enums import Category, PatientNotificationType, Purpose
from notifications.types import NotificationPayload, logistics, phi
from portal.notification_types._days import end_of


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class GeneralReminderPayload(NotificationPayload):
    """`text` is one or two plain sentences; `due_on` the last day on which it helps, if any."""

    type_key = "general_reminder"
    title = _("A reminder from our office")
    label = _("Other reminders")
    icon = "alarm-clock"
    category = Category.ACCOUNT
    purpose = Purpose.OPERATIONS
    metadata_fields = ("due_on",)

    text: str = phi()
    due_on: date | None = logistics(default=None)

    @classmethod
    def example(cls) -> Self:
        return cls(
            text=str(_("Please bring your insurance card and a list of your medicines.")),
            due_on=clock.now().date() + timedelta(days=7),
        )

    def expires_at(self) -> datetime | None:
        return end_of(self.due_on) if self.due_on else None

"""A visit has moved: another time, provider or place. Says the new one first."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from notifications.calendar import CalendarEvent
from notifications.enums import PatientNotificationPriority, PatientNotificationType
from notifications.types import logistics, public
from portal.notification_types._visit import SETTLES_FOR, VisitPayload, example_fields


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class AppointmentRescheduledPayload(VisitPayload):
    """`previous_date` is the start that no longer holds; None when only who or where changed.

    `previous_zone` is the zone of the place it was to be at; empty: the same as now. With whom
    and where it was is kept for the next move, which may come before anybody heard of this one.
    """

    type_key = "appointment_rescheduled"
    title = _("Your visit has changed")
    label = _("Moved visits")
    icon = "calendar-clock"
    action_label = _("Reschedule")
    leads_to = "move"
    priority = PatientNotificationPriority.HIGH
    locked = ("in_app", "email")
    settles_for = SETTLES_FOR

    previous_date: datetime | None = logistics(default=None)
    previous_zone: str = logistics(default="")
    previous_provider_id: UUID | None = public(default=None)
    previous_location_id: UUID | None = public(default=None)

    @classmethod
    def example(cls) -> Self:
        visit = example_fields()
        earlier = visit["appointment_date"] - timedelta(days=1)
        return cls(**visit, previous_date=earlier)

    def calendar(self, *, practice_name: str) -> CalendarEvent:
        return self.event(practice_name=practice_name)

    def is_capped(self) -> bool:
        """Never: who has not heard of it comes at the wrong time."""
        return False

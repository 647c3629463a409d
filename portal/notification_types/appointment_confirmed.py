"""A visit is booked with the practice. The patient's own Confirm is not this message."""

from dataclasses import dataclass
from typing import Self

from django.utils.translation import gettext_lazy as _

from notifications.calendar import CalendarEvent
from notifications.enums import PatientNotificationType
from portal.notification_types._visit import SETTLES_FOR, VisitPayload, example_fields


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class AppointmentConfirmedPayload(VisitPayload):
    type_key = "appointment_confirmed"
    title = _("Your visit is booked")
    label = _("Booked visits")
    icon = "calendar-check"
    action_label = _("Reschedule")
    leads_to = "move"
    settles_for = SETTLES_FOR

    @classmethod
    def example(cls) -> Self:
        return cls(**example_fields())

    def calendar(self, *, practice_name: str) -> CalendarEvent:
        return self.event(practice_name=practice_name)

    def is_capped(self) -> bool:
        """Never: it answers what the patient has just asked for."""
        return False

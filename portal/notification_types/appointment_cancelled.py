"""A visit will not take place."""

from dataclasses import dataclass, replace
from typing import Self

from django.utils.translation import gettext_lazy as _

from notifications.calendar import CalendarEvent
from notifications.enums import PatientNotificationPriority, PatientNotificationType
from portal.models import Appointment
from portal.notification_types._visit import VisitPayload, example_fields


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class AppointmentCancelledPayload(VisitPayload):
    """May text before 08:00: someone may be about to leave home. Quiet hours still hold it
    unless it is urgent, which the caller says of a visit within the next hours.
    """

    type_key = "appointment_cancelled"
    title = _("Your visit is cancelled")
    label = _("Cancelled visits")
    icon = "calendar-x"
    priority = PatientNotificationPriority.HIGH
    locked = ("in_app", "email")
    passes_floor = True

    @classmethod
    def example(cls) -> Self:
        return cls(**example_fields())

    def happens_at(self) -> None:
        """It does not."""
        return None

    def calendar(self, *, practice_name: str) -> CalendarEvent:
        """Return what takes the visit out again. When it would have ended is no matter now."""
        event = self.event(practice_name=practice_name)
        return replace(event, sequence=event.sequence + 1, ends_at=None, is_cancelled=True)

    def is_capped(self) -> bool:
        """Never: who has not heard of it comes for nothing."""
        return False

    def is_still_true(self, visit: Appointment | None) -> bool:
        """Return whether the visit is still off; one put back in the book is not."""
        return visit is not None and visit.status == Appointment.Status.CANCELLED

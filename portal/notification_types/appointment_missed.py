"""A visit was missed: no blame, and how to book again."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from django.utils.translation import gettext_lazy as _

from notifications.enums import PatientNotificationType
from portal.models import Appointment
from portal.notification_types._recall import with_visit_ahead
from portal.notification_types._visit import EXAMPLE_VISIT, VisitPayload, example_fields

# Later than this, an invitation to come back says it better than a missed visit.
USEFUL_FOR = timedelta(days=14)


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class AppointmentMissedPayload(VisitPayload):
    type_key = "appointment_missed"
    title = _("Sorry that we missed you")
    label = _("Missed visits")
    icon = "calendar-x"

    @classmethod
    def example(cls) -> Self:
        visit = example_fields()
        return cls(**visit | {"appointment_date": visit["appointment_date"] - timedelta(days=3)})

    def expires_at(self) -> datetime:
        return self.appointment_date + USEFUL_FOR

    @classmethod
    def irrelevant(cls, payloads: Iterable["VisitPayload"]) -> set["VisitPayload"]:
        """Return those that were no miss after all, or whose patient has booked. One query."""
        asked = [each for each in payloads if each.appointment_id != EXAMPLE_VISIT]
        visits = Appointment.objects.only("status", "starts_at", "revision")
        known = with_visit_ahead(visits).in_bulk({each.appointment_id for each in asked})
        return {each for each in asked if not each.is_still_true(known.get(each.appointment_id))}

    def is_still_true(self, visit: Appointment | None) -> bool:
        if visit is None or visit.status != Appointment.Status.MISSED:
            return False
        return self.describes(visit) and not visit.has_visit_ahead

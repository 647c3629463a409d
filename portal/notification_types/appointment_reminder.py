"""A visit is coming up, and where it helps, please say that you are coming."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.translation import gettext_lazy as _

from notifications.enums import PatientNotificationType
from notifications.types import public
from portal.models import Appointment
from portal.notification_types._visit import VisitPayload, example_fields

# A reminder read later than this before a visit helps nobody: the patient is on the way or lost.
LAST_MOMENT = timedelta(minutes=30)


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class AppointmentReminderPayload(VisitPayload):
    """`asks_to_confirm`: the patient has not answered yet and there is time to.
    `current_until`: when the next reminder of this visit takes over; None for the last one.

    Its channels go out side by side. One that asks becomes a ladder when texts can be answered.
    """

    type_key = "appointment_reminder"
    title = _("A reminder of your visit")
    label = _("Visit reminders")
    icon = "calendar-clock"

    asks_to_confirm: bool = public(default=False)
    current_until: datetime | None = public(default=None)

    @classmethod
    def example(cls) -> Self:
        return cls(**example_fields(), asks_to_confirm=True)

    def actions(self) -> tuple[str, ...]:
        return ("confirm",) if self.asks_to_confirm else ()

    def together(self) -> str:
        """One text for a household's visits of one day at one place, all asking or none.

        Short whatever the place is called, and without anything of the patient. With a zone that
        nobody knows it goes with nothing: such a text cannot be written at all.
        """
        try:
            day = self.appointment_date.astimezone(ZoneInfo(self.location_zone)).date()
        except (ZoneInfoNotFoundError, ValueError):
            return ""
        place = f"{self.location_name}|{self.location_address}|{self.location_zone}"
        asks = "ask" if self.asks_to_confirm else "tell"
        return f"visits:{sha256(place.encode()).hexdigest()[:16]}:{day}:{asks}"

    def expires_at(self) -> datetime:
        last = self.appointment_date - LAST_MOMENT
        return min(last, self.current_until or last)

    def is_still_true(self, visit: Appointment | None) -> bool:
        """What asks is also over once the patient has answered; what only reminds is not."""
        if not super().is_still_true(visit):
            return False
        return not (self.asks_to_confirm and visit.status == Appointment.Status.CONFIRMED)

"""A visit is coming up, and where it helps, please say that you are coming."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.translation import gettext_lazy as _

from notifications.calendar import CalendarEvent
from notifications.enums import PatientNotificationType
from notifications.types import Rung, ladder, public
from portal.models import Appointment
from portal.notification_types._ladders import LADDERS
from portal.notification_types._visit import VisitPayload, example_fields

# A reminder read later than this before a visit helps nobody: the patient is on the way or lost.
LAST_MOMENT = timedelta(minutes=30)


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class AppointmentReminderPayload(VisitPayload):
    """`asks_to_confirm`: the patient has not answered yet and there is time to.
    `current_until`: when the next reminder of this visit takes over; None for the last one.
    `saves_the_date`: weeks ahead, asks nothing, and takes none of the few texts a week.

    Its channels go out side by side, or climb a `ladder` (of `ReminderRule.Ladder`) that begins at
    `asks_from`, with the message, and must have reached the patient by `reach_by`, the last moment
    the desk can still act. Both aware.
    """

    type_key = "appointment_reminder"
    title = _("A reminder of your visit")
    label = _("Visit reminders")
    icon = "calendar-clock"
    action_label = _("Reschedule")
    leads_to = "move"

    asks_to_confirm: bool = public(default=False)
    saves_the_date: bool = public(default=False)
    current_until: datetime | None = public(default=None)
    ladder: str = public(default="")
    asks_from: datetime | None = public(default=None)
    reach_by: datetime | None = public(default=None)

    @classmethod
    def example(cls) -> Self:
        return cls(**example_fields(), asks_to_confirm=True)

    def calendar(self, *, practice_name: str) -> CalendarEvent | None:
        """Return the visit where it is to be noted down; later it is in the calendar already."""
        return self.event(practice_name=practice_name) if self.saves_the_date else None

    def actions(self) -> tuple[str, ...]:
        return ("confirm",) if self.asks_to_confirm else ()

    def rungs(self) -> Sequence[Rung]:
        if self.ladder not in LADDERS or self.reach_by is None:
            return ()
        steps = LADDERS[self.ladder]
        return ladder(steps=steps, reach_by=self.reach_by, begins_at=self.asks_from)

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

    def leaves_out(self) -> tuple[str, ...]:
        return ("sms", "push") if self.saves_the_date else ()

    def expires_at(self) -> datetime:
        last = self.appointment_date - LAST_MOMENT
        return min(last, self.current_until or last)

    def is_capped(self) -> bool:
        """Early reminders yield; the last one of a visit always goes."""
        is_last = self.current_until is None
        return not is_last and self.current_until < self.appointment_date - LAST_MOMENT

    def is_still_true(self, visit: Appointment | None) -> bool:
        """What asks is also over once the patient has answered; what only reminds is not."""
        if not super().is_still_true(visit):
            return False
        return not (self.asks_to_confirm and visit.status == Appointment.Status.CONFIRMED)

"""What the messages about a visit share: who, where, when, and whether that is still true."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from notifications import clock
from notifications.calendar import CalendarEvent
from notifications.enums import Category, Purpose, Reason
from notifications.types import NotificationPayload, logistics, phi, public
from portal.models import Appointment

# Names no visit: an example, shown in previews and sent on trial, never goes out of date.
EXAMPLE_VISIT = UUID("00000000-0000-7000-8000-000000000000")
# Whoever books or moves a visit often changes it again at once: outside, one message says it all.
SETTLES_FOR = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True)
class VisitPayload(NotificationPayload):
    """A visit as it stood when the message was made. `revision` 0 means that it is not known."""

    category = Category.APPOINTMENTS
    purpose = Purpose.TREATMENT
    channels = ("in_app", "email", "sms", "push")
    gone_because = Reason.CANCELLED
    metadata_fields = (
        "appointment_id",
        "appointment_date",
        "provider_name",
        "location_name",
        "location_zone",
        "location_phone",
    )

    appointment_id: UUID = public()
    revision: int = public(default=0)
    appointment_date: datetime = logistics()
    ends_at: datetime | None = logistics(default=None)
    provider_name: str = logistics()
    location_name: str = logistics(default="")
    location_zone: str = public(default="UTC")  # IANA: the wall clock the visit goes by
    location_phone: str = logistics(default="")
    location_address: str = logistics(default="")
    appointment_reason: str = phi(default="")

    def expires_at(self) -> datetime:
        return self.appointment_date

    def happens_at(self) -> datetime:
        return self.appointment_date

    def action_url(self) -> str:
        """Return where the patient asks for another time, for the types that lead there."""
        is_real = self.appointment_id != EXAMPLE_VISIT
        return f"/visits/{self.appointment_id}/move/" if self.leads_to and is_real else ""

    def event(self, *, practice_name: str) -> CalendarEvent:
        """Return the visit as an entry for the patient's calendar, in the current language.

        What is said of a later revision counts for more, and of one revision, that it is off.
        """
        place = (self.location_name, self.location_address)
        call = self.location_phone
        return CalendarEvent(
            uid=str(self.appointment_id),
            sequence=2 * self.revision,
            starts_at=self.appointment_date,
            ends_at=self.ends_at,
            summary=_("Visit at %(practice)s") % {"practice": practice_name},
            location=", ".join(each for each in place if each),
            note=_("To change it, call %(phone)s.") % {"phone": call} if call else "",
            organizer=practice_name,
        )

    @classmethod
    def irrelevant(cls, payloads: Iterable["VisitPayload"]) -> set["VisitPayload"]:
        """Return those that no longer say what stands in the book. One query."""
        asked = list(payloads)
        ids = {payload.appointment_id for payload in asked}
        visits = Appointment.objects.only("status", "starts_at", "revision").in_bulk(ids)
        return {
            payload
            for payload in asked
            if payload.appointment_id != EXAMPLE_VISIT
            and not payload.is_still_true(visits.get(payload.appointment_id))
        }

    def is_still_true(self, visit: Appointment | None) -> bool:
        """Return whether the visit (None: gone) is still to come, as this message says it."""
        return visit is not None and visit.is_upcoming and self.describes(visit)

    def describes(self, visit: Appointment) -> bool:
        """Return whether the visit has not moved since this message was made."""
        same_time = visit.starts_at == self.appointment_date
        return same_time and self.revision in (0, visit.revision)


def visit_fields(visit: Appointment) -> dict[str, Any]:
    """Return what the messages about a visit say of it. Reads its provider and location."""
    return {
        "appointment_id": visit.pk,
        "revision": visit.revision,
        "appointment_date": visit.starts_at,
        "ends_at": visit.ends_at,
        "provider_name": visit.provider.name,
        "location_name": visit.location.name,
        "location_zone": visit.location.zone,
        "location_phone": visit.location.phone,
        "location_address": visit.location.address,
        "appointment_reason": visit.reason or "",
    }


def example_fields() -> dict[str, Any]:
    """Return a believable visit at half past nine, two days from now. Needs no database."""
    zone = ZoneInfo("America/New_York")
    day = clock.now().astimezone(zone).date() + timedelta(days=2)
    starts_at = datetime.combine(day, time(9, 30), tzinfo=zone)
    return {
        "appointment_id": EXAMPLE_VISIT,
        "appointment_date": starts_at,
        "ends_at": starts_at + timedelta(minutes=45),
        "provider_name": "Dr. Lee",
        "location_name": "Main Street",
        "location_zone": zone.key,
        "location_phone": "(555) 555-0100",
        "location_address": "12 Main Street, Springfield",
        "appointment_reason": _("Check-up and cleaning"),
    }

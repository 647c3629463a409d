"""What the messages about a visit of the past share, and whether it is still what they say."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from notifications.enums import Category, Purpose
from notifications.types import NotificationPayload, logistics, public
from portal.models import Appointment
from portal.notification_types._visit import EXAMPLE_VISIT, example_fields


@dataclass(frozen=True, kw_only=True)
class PastVisitPayload(NotificationPayload):
    """A visit that took place. `useful_for`: how long after it the message makes sense."""

    category = Category.CLINICAL
    purpose = Purpose.TREATMENT
    metadata_fields = ("appointment_id", "appointment_date", "provider_name", "location_zone")
    useful_for: ClassVar[timedelta | None] = None

    appointment_id: UUID = public()
    appointment_date: datetime = logistics()
    provider_name: str = logistics()
    location_zone: str = public(default="UTC")  # IANA: the wall clock the visit went by
    location_phone: str = logistics(default="")

    def expires_at(self) -> datetime | None:
        return None if self.useful_for is None else self.appointment_date + self.useful_for

    @classmethod
    def irrelevant(cls, payloads: Iterable["PastVisitPayload"]) -> set["PastVisitPayload"]:
        """Return those whose visit did not take place after all. One query."""
        asked = [each for each in payloads if each.appointment_id != EXAMPLE_VISIT]
        took_place = Appointment.objects.filter(
            pk__in={each.appointment_id for each in asked}, status=Appointment.Status.COMPLETED
        )
        known = set(took_place.values_list("pk", flat=True))
        return {each for each in asked if each.appointment_id not in known}


def example_past_fields(*, days_ago: int) -> dict[str, Any]:
    """Return a believable visit at half past nine, some days ago. Needs no database."""
    visit = example_fields()
    ahead = visit["appointment_date"]
    return {
        "appointment_id": visit["appointment_id"],
        # The example lies two days ahead; the clock's change never matters to an example.
        "appointment_date": ahead - timedelta(days=days_ago + 2),
        "provider_name": visit["provider_name"],
        "location_zone": visit["location_zone"],
        "location_phone": visit["location_phone"],
    }

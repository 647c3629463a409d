"""A prescription can be picked up. What and where are for the portal only."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from notifications import clock
from notifications.enums import Category, PatientNotificationType, Purpose
from notifications.types import NotificationPayload, logistics, phi, public
from portal.notification_types._days import end_of

EXAMPLE_PRESCRIPTION = UUID("00000000-0000-7000-8000-000000000009")


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class PrescriptionReadyPayload(NotificationPayload):
    """The pharmacy's name alone would tell what it is about, so it is not for outside."""

    type_key = "prescription_ready"
    title = _("Something is ready for you")
    label = _("Prescriptions")
    icon = "pill"
    category = Category.CLINICAL
    purpose = Purpose.TREATMENT
    metadata_fields = ("prescription_id", "provider_name")

    prescription_id: UUID = public()
    provider_name: str = logistics()
    medicine: str = phi()
    pharmacy_name: str = phi(default="")
    pharmacy_phone: str = phi(default="")
    pick_up_by: date | None = phi(default=None)

    @classmethod
    def example(cls) -> Self:
        return cls(
            prescription_id=EXAMPLE_PRESCRIPTION,
            provider_name="Dr. Lee",
            medicine=str(_("Mouth rinse")),
            pharmacy_name="Corner Pharmacy",
            pharmacy_phone="(555) 555-0110",
            pick_up_by=clock.now().date() + timedelta(days=10),
        )

    def expires_at(self) -> datetime | None:
        return end_of(self.pick_up_by) if self.pick_up_by else None

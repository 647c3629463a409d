"""A result is ready to read. Outside the portal nothing says that it is a result."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from notifications import clock
from notifications.enums import Category, PatientNotificationType, Purpose
from notifications.types import NotificationPayload, logistics, phi, public

EXAMPLE_RESULT = UUID("00000000-0000-7000-8000-000000000001")


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class LabResultsPayload(NotificationPayload):
    """`summary` is what the provider wants the patient to read first, in plain words."""

    type_key = "lab_results"
    title = _("A new document is ready")
    label = _("Results and documents")
    icon = "file-text"
    category = Category.CLINICAL
    purpose = Purpose.TREATMENT
    metadata_fields = ("result_id", "provider_name")

    result_id: UUID = public()
    provider_name: str = logistics()
    test_name: str = phi()
    taken_on: date | None = phi(default=None)
    summary: str = phi(default="")

    @classmethod
    def example(cls) -> Self:
        return cls(
            result_id=EXAMPLE_RESULT,
            provider_name="Dr. Lee",
            test_name=str(_("X-ray of the upper jaw")),
            taken_on=clock.now().date() - timedelta(days=4),
            summary=str(_("Nothing has changed since last year.")),
        )

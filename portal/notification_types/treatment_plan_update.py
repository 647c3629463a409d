"""The plan for a patient's care has changed."""

from dataclasses import dataclass
from typing import Self
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from notifications.enums import Category, PatientNotificationType, Purpose
from notifications.types import NotificationPayload, logistics, phi, public

EXAMPLE_PLAN = UUID("00000000-0000-7000-8000-000000000007")


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class TreatmentPlanUpdatePayload(NotificationPayload):
    """`summary` says what is new, `next_step` what happens now, both in plain words."""

    type_key = "treatment_plan_update"
    title = _("An update from your care team")
    label = _("Changes to your care plan")
    icon = "pill"
    category = Category.CLINICAL
    purpose = Purpose.TREATMENT
    metadata_fields = ("plan_id", "provider_name")

    plan_id: UUID = public()
    provider_name: str = logistics()
    summary: str = phi()
    next_step: str = phi(default="")

    @classmethod
    def example(cls) -> Self:
        return cls(
            plan_id=EXAMPLE_PLAN,
            provider_name="Dr. Lee",
            summary=str(_("A crown instead of a second filling.")),
            next_step=str(_("We will talk about it at your next visit.")),
        )

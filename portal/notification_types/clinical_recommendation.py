"""A provider recommends something, and says why."""

from dataclasses import dataclass
from typing import Self
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from notifications.enums import Category, PatientNotificationType, Purpose
from notifications.types import NotificationPayload, logistics, phi, public

EXAMPLE_RECOMMENDATION = UUID("00000000-0000-7000-8000-000000000008")


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class ClinicalRecommendationPayload(NotificationPayload):
    """`recommendation` and `reason` are a sentence each, in the provider's plain words."""

    type_key = "clinical_recommendation"
    title = _("A suggestion from your care team")
    label = _("Advice from your care team")
    icon = "stethoscope"
    category = Category.CLINICAL
    purpose = Purpose.TREATMENT
    metadata_fields = ("recommendation_id", "provider_name")

    recommendation_id: UUID = public()
    provider_name: str = logistics()
    recommendation: str = phi()
    reason: str = phi(default="")

    @classmethod
    def example(cls) -> Self:
        return cls(
            recommendation_id=EXAMPLE_RECOMMENDATION,
            provider_name="Dr. Lee",
            recommendation="Please wear a night guard.",
            reason="It protects your teeth while you sleep.",
        )

"""A provider recommends something, and says why."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from notifications.enums import Category, PatientNotificationType, Purpose
from notifications.types import NotificationPayload, logistics, phi, public
from portal.models import PlannedTreatment
from portal.notification_types._recall import with_visit_ahead

EXAMPLE_RECOMMENDATION = UUID("00000000-0000-7000-8000-000000000008")


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class ClinicalRecommendationPayload(NotificationPayload):
    """`recommendation` and `reason` are a sentence each, in the provider's plain words.

    `treatment_id` is the planned treatment that a reminder to book is about; None: it is none.
    """

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
    next_step: str = phi(default="")
    treatment_id: UUID | None = public(default=None)
    current_until: datetime | None = public(default=None)  # the next reminder takes over

    def expires_at(self) -> datetime | None:
        return self.current_until

    @classmethod
    def irrelevant(
        cls, payloads: Iterable["ClinicalRecommendationPayload"]
    ) -> set["ClinicalRecommendationPayload"]:
        """Return those whose planned treatment is over, or whose patient has booked. One query."""
        asked = [each for each in payloads if each.treatment_id is not None]
        if not asked:
            return set()
        planned = PlannedTreatment.objects.filter(
            pk__in={each.treatment_id for each in asked}, ended_at=None
        )
        waiting = with_visit_ahead(planned).filter(has_visit_ahead=False)
        known = set(waiting.values_list("pk", flat=True))
        return {each for each in asked if each.treatment_id not in known}

    @classmethod
    def example(cls) -> Self:
        return cls(
            recommendation_id=EXAMPLE_RECOMMENDATION,
            provider_name="Dr. Lee",
            recommendation=str(_("Please wear a night guard.")),
            reason=str(_("It protects your teeth while you sleep.")),
        )

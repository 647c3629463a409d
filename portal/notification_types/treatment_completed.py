"""A treatment is done: what was done, and how to look after it."""

from dataclasses import dataclass
from typing import Self

from django.utils.translation import gettext_lazy as _

from notifications.enums import PatientNotificationType
from notifications.types import phi
from portal.notification_types._gone_by import PastVisitPayload, example_past_fields


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class TreatmentCompletedPayload(PastVisitPayload):
    """`aftercare` is what to do at home, in plain words. It stays of use, so it never expires."""

    type_key = "treatment_completed"
    title = _("A summary of your visit")
    label = _("Visit summaries")
    icon = "pill"

    treatment: str = phi()
    aftercare: str = phi(default="")

    @classmethod
    def example(cls) -> Self:
        return cls(
            **example_past_fields(days_ago=0),
            treatment=str(_("Filling, upper left")),
            aftercare=str(_("Please chew on the other side until the numbness is gone.")),
        )

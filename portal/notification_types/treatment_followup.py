"""Some days after a treatment: how is it going, and whom to call if not well."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from django.utils.translation import gettext_lazy as _

from notifications.enums import PatientNotificationType
from notifications.types import phi
from portal.notification_types._gone_by import PastVisitPayload, example_past_fields


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class TreatmentFollowupPayload(PastVisitPayload):
    """`watch_for` is when to call at once, in plain words."""

    type_key = "treatment_followup"
    title = _("How are you after your visit?")
    label = _("Check-ins after a visit")
    icon = "pill"
    useful_for = timedelta(days=14)

    treatment: str = phi()
    watch_for: str = phi(default="")

    @classmethod
    def example(cls) -> Self:
        return cls(
            **example_past_fields(days_ago=2),
            treatment=str(_("Tooth removed, lower right")),
            watch_for=str(_("bleeding that does not stop, or pain that gets worse")),
        )

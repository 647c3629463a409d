"""A check-up and cleaning is due. Outside the portal it is "your next visit"."""

from dataclasses import dataclass
from typing import Self

from django.utils.translation import gettext_lazy as _

from notifications.enums import PatientNotificationType
from portal.notification_types._recall import RecallPayload, example_recall_fields


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class HygieneRecallPayload(RecallPayload):
    type_key = "hygiene_recall"
    title = _("Time for your next visit")
    label = _("Regular visits that are due")

    @classmethod
    def example(cls) -> Self:
        return cls(**example_recall_fields())

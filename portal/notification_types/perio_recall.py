"""A visit to care for the gums is due. Outside the portal it reads like any other visit due."""

from dataclasses import dataclass
from typing import Self

from django.utils.translation import gettext_lazy as _

from notifications.enums import PatientNotificationType
from portal.notification_types._recall import RecallPayload, example_recall_fields


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class PerioRecallPayload(RecallPayload):
    """Its title is that of `hygiene_recall`, so that nobody can tell the two apart."""

    type_key = "perio_recall"
    title = _("Time for your next visit")
    label = _("Maintenance visits that are due")

    @classmethod
    def example(cls) -> Self:
        return cls(**example_recall_fields())

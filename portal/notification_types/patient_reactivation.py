"""A patient has not been here for long, and has nothing booked."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self
from uuid import UUID

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from notifications import clock
from notifications.enums import (
    Category,
    PatientNotificationPriority,
    PatientNotificationType,
    Purpose,
)
from notifications.types import NotificationPayload, logistics, public
from portal.models import Appointment
from portal.notification_types._recall import with_visit_ahead
from portal.notification_types._visit import EXAMPLE_VISIT


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class PatientReactivationPayload(NotificationPayload):
    """`appointment_id` is the last visit that took place. Off until a patient asks for it."""

    type_key = "patient_reactivation"
    title = _("We would like to see you again")
    label = _("Invitations to come back")
    icon = "calendar"
    category = Category.RECALL
    purpose = Purpose.MARKETING
    channels = ("in_app",)
    priority = PatientNotificationPriority.LOW
    metadata_fields = ("appointment_id", "last_visit_on")

    appointment_id: UUID = public()
    last_visit_on: date = logistics()

    @classmethod
    def example(cls) -> Self:
        long_ago = clock.now().date() - timedelta(days=600)
        return cls(appointment_id=EXAMPLE_VISIT, last_visit_on=long_ago)

    @classmethod
    def irrelevant(
        cls, payloads: Iterable["PatientReactivationPayload"]
    ) -> set["PatientReactivationPayload"]:
        """Return those whose patient has booked, was seen since, or never came. One query."""
        asked = [each for each in payloads if each.appointment_id != EXAMPLE_VISIT]
        took_place = Appointment.objects.filter(status=Appointment.Status.COMPLETED)
        since = took_place.filter(patient=OuterRef("patient"), starts_at__gt=OuterRef("starts_at"))
        visits = took_place.filter(~Exists(since), pk__in={each.appointment_id for each in asked})
        away = with_visit_ahead(visits).filter(has_visit_ahead=False)
        known = set(away.values_list("pk", flat=True))
        return {each for each in asked if each.appointment_id not in known}

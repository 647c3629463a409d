"""What a patient hears of a visit at once: booked, moved, cancelled. Reminders come later."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from notifications import clock
from notifications.enums import PatientNotificationPriority
from notifications.services import patient_notification_service
from portal.models import Appointment
from portal.notification_types._visit import VisitPayload, visit_fields
from portal.notification_types.appointment_cancelled import AppointmentCancelledPayload
from portal.notification_types.appointment_confirmed import AppointmentConfirmedPayload
from portal.notification_types.appointment_rescheduled import AppointmentRescheduledPayload

# Someone may be about to leave home: what changes so late does not wait for the morning.
NEAR = timedelta(hours=12)


@dataclass(frozen=True)
class Slot:
    """What a visit was before it changed."""

    starts_at: datetime
    provider_id: UUID
    location_id: UUID
    zone: str
    is_upcoming: bool

    @classmethod
    def of(cls, visit: Appointment) -> Self:
        place = visit.location
        return cls(visit.starts_at, visit.provider_id, place.pk, place.zone, visit.is_upcoming)


def tell_booked(visit: Appointment, *, actor: str) -> None:
    _tell(visit, AppointmentConfirmedPayload, what="booked", actor=actor)


def tell_cancelled(visit: Appointment, *, actor: str) -> None:
    _tell(
        visit,
        AppointmentCancelledPayload,
        what="cancelled",
        actor=actor,
        priority=_priority(visit.starts_at),
    )


def tell_moved(visit: Appointment, *, before: Slot, actor: str) -> None:
    """Say where the visit is now, and when it is no longer if that changed."""
    has_moved = before.starts_at != visit.starts_at
    _tell(
        visit,
        AppointmentRescheduledPayload,
        what="rescheduled",
        actor=actor,
        priority=_priority(visit.starts_at, before.starts_at),
        previous_date=before.starts_at if has_moved else None,
        previous_zone=before.zone,
    )


def _tell(
    visit: Appointment,
    payload_class: type[VisitPayload],
    *,
    what: str,
    actor: str,
    priority: PatientNotificationPriority | None = None,
    **more: Any,
) -> None:
    """Tell the patient, once a revision; of a time that has passed there is nothing to tell.

    Nor is there to somebody who died or left.
    """
    if visit.starts_at <= clock.now() or visit.patient.departure:
        return
    patient_notification_service.create_notification(
        patient_id=visit.patient_id,
        payload=payload_class(**visit_fields(visit), **more),
        key=f"{what}:{visit.pk}:{visit.revision}",
        priority=priority,
        actor=actor,
        subject=visit.subject,
    )


def _priority(*starts: datetime) -> PatientNotificationPriority | None:
    """Return URGENT when any of these visits is near and still ahead, else the type's own."""
    now = clock.now()
    is_near = any(now < start <= now + NEAR for start in starts)
    return PatientNotificationPriority.URGENT if is_near else None

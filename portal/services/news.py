"""What a patient hears of a visit at once: booked, moved, cancelled. Reminders come later.

Outside the portal such news waits for two minutes (`settles_for`). What changes again before any
of it left, and before it was read in the portal, was never heard: the next message then speaks
from what the patient knows, and where that is how things stand there is nothing to say.
"""

from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from notifications import clock
from notifications.enums import PatientNotificationPriority
from notifications.scheduler import Unheard, notification_scheduler_service
from notifications.services import patient_notification_service
from notifications.types import NotificationPayload
from portal.models import Appointment, Location, Provider
from portal.notification_types._visit import SETTLES_FOR, VisitPayload, visit_fields
from portal.notification_types.appointment_cancelled import AppointmentCancelledPayload
from portal.notification_types.appointment_confirmed import AppointmentConfirmedPayload
from portal.notification_types.appointment_rescheduled import AppointmentRescheduledPayload

# Someone may be about to leave home: what changes so late does not wait for the morning.
NEAR = timedelta(hours=12)
NEWS = ("appointment_confirmed", "appointment_rescheduled", "appointment_cancelled")


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

    @classmethod
    def known_before(cls, moved: AppointmentRescheduledPayload) -> Self | None:
        """Return what a patient knew who has not heard of this move; None: it does not say."""
        if moved.previous_provider_id is None or moved.previous_location_id is None:
            return None
        starts_at = moved.previous_date or moved.appointment_date
        zone = moved.previous_zone or moved.location_zone
        who_and_where = (moved.previous_provider_id, moved.previous_location_id)
        return cls(starts_at, *who_and_where, zone, True)


def tell_booked(visit: Appointment, *, actor: str) -> None:
    """Say that a visit is in the book, or in it again."""
    earlier = _unheard(visit) if visit.revision > 1 else None
    _tell(visit, AppointmentConfirmedPayload, what="booked", actor=actor, earlier=earlier)


def tell_cancelled(visit: Appointment, *, actor: str) -> None:
    """Say that the visit is off, by the time the patient knows.

    One booked by mistake and taken out again at once was never there. Later the patient may know
    of it all the same: who books by telephone does.
    """
    earlier = _unheard(visit)
    if earlier is not None and _is_slip(earlier):
        return
    known = _as_known(visit, earlier and earlier.payload)
    _tell(
        known,
        AppointmentCancelledPayload,
        what="cancelled",
        actor=actor,
        earlier=earlier,
        priority=_priority(visit.starts_at, known.starts_at),
    )


def tell_moved(visit: Appointment, *, before: Slot, actor: str) -> bool:
    """Say where the visit is now, and when it is no longer if that changed.

    Asked after the news before was called off, as `cancel` of its subject does. Returns False
    where there was nothing to say.
    """
    earlier = _unheard(visit)
    unheard = earlier and earlier.payload
    if isinstance(unheard, AppointmentConfirmedPayload):
        _tell(visit, AppointmentConfirmedPayload, what="booked", actor=actor, earlier=earlier)
        return True
    if isinstance(unheard, AppointmentRescheduledPayload):
        before = Slot.known_before(unheard) or before
    if before == Slot.of(visit):
        return False
    has_moved = before.starts_at != visit.starts_at
    _tell(
        visit,
        AppointmentRescheduledPayload,
        what="rescheduled",
        actor=actor,
        earlier=earlier,
        priority=_priority(visit.starts_at, before.starts_at),
        previous_date=before.starts_at if has_moved else None,
        previous_zone=before.zone,
        previous_provider_id=before.provider_id,
        previous_location_id=before.location_id,
    )
    return True


def _unheard(visit: Appointment) -> Unheard | None:
    """Return the news about a visit that was called off before anybody could hear it, or None."""
    return notification_scheduler_service.unheard(subject=visit.subject, types=NEWS)


def _is_slip(earlier: Unheard) -> bool:
    """Return whether a booking was undone before its news was to leave."""
    is_booking = isinstance(earlier.payload, AppointmentConfirmedPayload)
    return is_booking and clock.now() - earlier.made_at <= SETTLES_FOR


def _as_known(visit: Appointment, unheard: NotificationPayload | None) -> Appointment:
    """Return a visit, unsaved, as it stood before a move that nobody has heard of."""
    is_move = isinstance(unheard, AppointmentRescheduledPayload)
    before = Slot.known_before(unheard) if is_move else None
    if before is None:
        return visit
    known = copy(visit)
    known.starts_at = before.starts_at
    known.provider = Provider.objects.get(pk=before.provider_id)
    known.location = Location.objects.get(pk=before.location_id)
    return known


def _tell(
    visit: Appointment,
    payload_class: type[VisitPayload],
    *,
    what: str,
    actor: str,
    earlier: Unheard | None,
    priority: PatientNotificationPriority | None = None,
    **more: Any,
) -> None:
    """Tell the patient, once a revision; of a time that has passed there is nothing to tell.

    Nor is there to somebody who died or left. What was called off unheard is part of this message.
    """
    if visit.starts_at <= clock.now() or visit.patient.departure:
        return
    made = patient_notification_service.create_notification(
        patient_id=visit.patient_id,
        payload=payload_class(**visit_fields(visit), **more),
        key=f"{what}:{visit.pk}:{visit.revision}",
        priority=priority,
        actor=actor,
        subject=visit.subject,
    )
    just_before = visit.revision if what == "cancelled" else visit.revision - 1
    if earlier is not None and earlier.payload.revision == just_before:
        notification_scheduler_service.merge(earlier=earlier, into=made.pk)


def _priority(*starts: datetime) -> PatientNotificationPriority | None:
    """Return URGENT when any of these visits is near and still ahead, else the type's own."""
    now = clock.now()
    is_near = any(now < start <= now + NEAR for start in starts)
    return PatientNotificationPriority.URGENT if is_near else None

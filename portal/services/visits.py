"""Book, move, cancel, confirm and close a visit."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from notifications import clock
from notifications.enums import PatientNotificationPriority, Reason
from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service
from notifications.types import Refused
from portal.models import Appointment, Location, Provider, User
from portal.notification_types._visit import VisitPayload, visit_fields
from portal.notification_types.appointment_cancelled import AppointmentCancelledPayload
from portal.notification_types.appointment_confirmed import AppointmentConfirmedPayload
from portal.notification_types.appointment_rescheduled import AppointmentRescheduledPayload
from portal.services.reminders import plan_reminders, stop_asking

# Someone may be about to leave home: what changes so late does not wait for the morning.
NEAR = timedelta(hours=12)
Status = Appointment.Status


@transaction.atomic
def book(
    *,
    patient_id: UUID,
    provider_id: UUID,
    location_id: UUID,
    starts_at: datetime,
    ends_at: datetime,
    actor: str,
    reason: str = "",
    notes: str = "",
    announce: bool = True,
) -> Appointment:
    """Put a visit in the book, plan its reminders and tell the patient that it is booked.

    A visit of the past is only written down.
    """
    _check_times(starts_at=starts_at, ends_at=ends_at)
    visit = Appointment.objects.create(
        patient=_known(User.objects, patient_id, "patient_id"),
        provider=_known(Provider.objects, provider_id, "provider_id"),
        location=_known(Location.objects, location_id, "location_id"),
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason or None,
        notes=notes or None,
        created_at=clock.now(),
    )
    plan_reminders(visit, with_overdue=not announce)
    if announce:
        _tell(visit, AppointmentConfirmedPayload, what="booked", actor=actor)
    return visit


@transaction.atomic
def reschedule(
    *,
    appointment_id: UUID,
    starts_at: datetime,
    ends_at: datetime,
    actor: str,
    provider_id: UUID | None = None,
    location_id: UUID | None = None,
    announce: bool = True,
) -> Appointment:
    """Move a visit to another time, provider or place, and tell the patient once.

    What already stands so stays: no revision, no message. A cancelled or missed visit is put
    back in the book, and the patient is told that it is booked. A confirmation was of the old
    time and ends with it.
    """
    _check_times(starts_at=starts_at, ends_at=ends_at)
    visit = _locked(appointment_id)
    if visit.status == Status.COMPLETED:
        raise Refused(_("This visit has taken place and cannot be moved."), field="status")
    before = _Slot.of(visit)
    visit.provider = _known(Provider.objects, provider_id or visit.provider_id, "provider_id")
    visit.location = _known(Location.objects, location_id or visit.location_id, "location_id")
    visit.starts_at, visit.ends_at = starts_at, ends_at
    if before.is_upcoming and before == _Slot.of(visit):
        visit.save(update_fields=["ends_at"])
        return visit
    _start_anew(visit, announce=announce)
    if announce:
        _tell_new_slot(visit, before=before, actor=actor)
    return visit


@transaction.atomic
def cancel(*, appointment_id: UUID, actor: str, announce: bool = True) -> Appointment:
    """Cancel a visit that is still in the book; twice changes nothing. `reschedule` undoes it."""
    visit = _locked(appointment_id)
    if visit.status == Status.CANCELLED:
        return visit
    if not visit.is_upcoming:
        raise Refused(_("This visit is over and cannot be cancelled."), field="status")
    _settle(visit, status=Status.CANCELLED, reason=Reason.CANCELLED)
    if announce:
        priority = _priority(visit.starts_at)
        _tell(visit, AppointmentCancelledPayload, what="cancelled", actor=actor, priority=priority)
    return visit


@transaction.atomic
def confirm(*, appointment_id: UUID, actor: str) -> Appointment:
    """Note that the patient is coming. Reminders still go, but none asks any more."""
    visit = _locked(appointment_id)
    if visit.status == Status.CONFIRMED:
        return visit
    if not visit.is_upcoming:
        raise Refused(_("This visit is no longer in the book."), field="status")
    if visit.starts_at <= clock.now():
        raise Refused(_("This visit has already begun."), field="starts_at")
    visit.status, visit.confirmed_at = Status.CONFIRMED, clock.now()
    visit.save(update_fields=["status", "confirmed_at"])
    stop_asking(visit)
    return visit


@transaction.atomic
def complete(*, appointment_id: UUID, actor: str) -> Appointment:
    """Note that a visit took place. Corrects one that was marked as missed."""
    visit = _locked(appointment_id)
    _require_not_cancelled(visit)
    if visit.status != Status.COMPLETED:
        _settle(visit, status=Status.COMPLETED, reason=Reason.EXPIRED)
    return visit


@transaction.atomic
def mark_missed(*, appointment_id: UUID, actor: str) -> Appointment:
    """Note that the patient did not come. Corrects one that was marked as completed."""
    visit = _locked(appointment_id)
    _require_not_cancelled(visit)
    if visit.starts_at > clock.now():
        raise Refused(_("This visit has not begun yet."), field="starts_at")
    if visit.status != Status.MISSED:
        _settle(visit, status=Status.MISSED, reason=Reason.EXPIRED)
    return visit


# -- the row -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Slot:
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


def _locked(appointment_id: UUID) -> Appointment:
    """Return the visit, its row held until the transaction ends."""
    rows = Appointment.objects.select_for_update(of=("self",))
    return _known(rows.select_related("provider", "location"), appointment_id, "appointment_id")


def _known(rows: models.QuerySet, row_id: UUID, field: str) -> Any:
    found = rows.filter(pk=row_id).first()
    if found is None:
        raise Refused(_("There is no such entry in the book."), field=field)
    return found


def _check_times(*, starts_at: datetime, ends_at: datetime) -> None:
    for field, moment in (("starts_at", starts_at), ("ends_at", ends_at)):
        if timezone.is_naive(moment):
            raise Refused(_("A visit's time needs its zone."), field=field)
    if ends_at <= starts_at:
        raise Refused(_("A visit must end after it starts."), field="ends_at")


def _require_not_cancelled(visit: Appointment) -> None:
    if visit.status == Status.CANCELLED:
        raise Refused(_("This visit was cancelled."), field="status")


def _settle(visit: Appointment, *, status: Status, reason: Reason) -> None:
    """Give the visit a new status and take back what was planned for it."""
    visit.status = status
    visit.save(update_fields=["status"])
    notification_scheduler_service.cancel(subject=visit.subject, reason=reason)


def _start_anew(visit: Appointment, *, announce: bool) -> None:
    """Save a visit under a new revision: plans of the old one end, those of the new begin."""
    visit.revision += 1
    visit.status, visit.confirmed_at = Status.BOOKED, None
    visit.save()
    notification_scheduler_service.cancel(subject=visit.subject, reason=Reason.CANCELLED)
    plan_reminders(visit, with_overdue=not announce)


# -- the message ---------------------------------------------------------------------------------


def _tell_new_slot(visit: Appointment, *, before: _Slot, actor: str) -> None:
    if not before.is_upcoming:
        _tell(visit, AppointmentConfirmedPayload, what="booked", actor=actor)
        return
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
    """Tell the patient, once a revision; of a time that has passed there is nothing to tell."""
    if visit.starts_at <= clock.now():
        return
    patient_notification_service.create_notification(
        patient_id=visit.patient_id,
        payload=payload_class(**visit_fields(visit), **more),
        key=f"{what}:{visit.pk}:{visit.revision}",
        priority=priority,
        actor_id=user_of(actor),
        subject=visit.subject,
    )


def user_of(actor: str) -> UUID | None:
    """Return the id in `user:<uuid>`, None for a job: the engine names people by their id."""
    kind, _sep, name = actor.partition(":")
    return UUID(name) if kind == "user" else None


def _priority(*starts: datetime) -> PatientNotificationPriority | None:
    """Return URGENT when any of these visits is near and still ahead, else the type's own."""
    now = clock.now()
    is_near = any(now < start <= now + NEAR for start in starts)
    return PatientNotificationPriority.URGENT if is_near else None

"""Book, move, cancel, confirm and close a visit."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from notifications import audit, clock
from notifications.enums import AuditAction, CallOutcome, Reason
from notifications.scheduler import notification_scheduler_service
from notifications.types import Refused
from portal.models import Appointment, Provider
from portal.services.entries import check_times, known, patient_of, place_of, refuse_departed
from portal.services.news import Slot, tell_booked, tell_cancelled, tell_moved
from portal.services.reactivation import plan_reactivation
from portal.services.recalls import hold_recall, recall_of, settle_recall
from portal.services.reminders import (
    plan_aftermath,
    plan_reminders,
    refresh_others,
    refresh_plans,
    remind_unheard,
    stop_asking,
)
from portal.services.timing import day_of
from portal.services.wishes import end_wish

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
    recall_id: UUID | None = None,
    announce: bool = True,
) -> Appointment:
    """Put a visit in the book, plan its reminders and tell the patient that it is booked.

    A visit of the past is only written down. `recall_id`: it is this regular visit. Raises
    Refused, naming what is wrong: somebody or a place unknown, a patient who died or left, times
    that cannot be (`check_times`).
    """
    check_times(starts_at=starts_at, ends_at=ends_at)
    visit = Appointment.objects.create(
        patient=patient_of(patient_id, starts_at=starts_at),
        provider=known(Provider.objects, provider_id, "provider_id"),
        location=place_of(location_id),
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason or None,
        notes=notes or None,
        recall=recall_of(recall_id, patient_id=patient_id),
        created_at=clock.now(),
    )
    _note(visit, change="booked", actor=actor)
    plan_reminders(visit, with_overdue=not announce)
    if announce:
        tell_booked(visit, actor=actor)
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

    What already stands so stays: no revision, no message. Several moves within minutes are told
    as one, from what the patient knew (`news`). A cancelled or missed visit is put back in the
    book, and the patient is told that it is booked. A confirmation was of the old time and ends
    with it. Raises Refused as `book` does, and for a visit that is over.
    """
    check_times(starts_at=starts_at, ends_at=ends_at)
    visit = _locked(appointment_id)
    if visit.status == Status.COMPLETED:
        raise Refused(_("This visit has taken place and cannot be moved."), field="status")
    refuse_departed(visit.patient, starts_at=starts_at)
    before = Slot.of(visit)
    visit.provider = known(Provider.objects, provider_id or visit.provider_id, "provider_id")
    visit.location = place_of(location_id or visit.location_id)
    visit.starts_at, visit.ends_at = starts_at, ends_at
    if before.is_upcoming and before == Slot.of(visit):
        visit.save(update_fields=["ends_at"])
        return visit
    _start_anew(visit, announce=announce)
    _note(visit, change="moved", actor=actor)
    if announce and before.is_upcoming:
        if not tell_moved(visit, before=before, actor=actor):
            remind_unheard(visit)
    elif announce:
        tell_booked(visit, actor=actor)
    return visit


@transaction.atomic
def cancel(*, appointment_id: UUID, actor: str, announce: bool = True) -> Appointment:
    """Cancel a visit that is still in the book; twice changes nothing. `reschedule` undoes it."""
    visit = _locked(appointment_id)
    if visit.status == Status.CANCELLED:
        return visit
    if not visit.is_upcoming:
        raise Refused(_("This visit is over and cannot be cancelled."), field="status")
    _settle(visit, status=Status.CANCELLED, reason=Reason.CANCELLED, actor=actor)
    if announce:
        tell_cancelled(visit, actor=actor)
    return visit


@transaction.atomic
def confirm(*, appointment_id: UUID, actor: str) -> Appointment:
    """Note that the patient is coming. Reminders still go, but none asks any more.

    They no longer ask for another time either.
    """
    visit = _locked(appointment_id)
    if visit.status == Status.CONFIRMED:
        end_wish(visit, outcome=CallOutcome.ANSWERED, actor=actor)
        return visit
    if not visit.is_upcoming:
        raise Refused(_("This visit is no longer in the book."), field="status")
    if visit.starts_at <= clock.now():
        raise Refused(_("This visit has already begun."), field="starts_at")
    visit.status, visit.confirmed_at = Status.CONFIRMED, clock.now()
    visit.save(update_fields=["status", "confirmed_at"])
    _note(visit, change="confirmed", actor=actor)
    stop_asking(visit)
    notification_scheduler_service.answered(subject=visit.subject, action="confirm", actor=actor)
    end_wish(visit, outcome=CallOutcome.ANSWERED, actor=actor)
    return visit


@transaction.atomic
def complete(
    *,
    appointment_id: UUID,
    actor: str,
    treatment: str = "",
    watch_for: str = "",
    of_any_day: bool = False,
) -> Appointment:
    """Note that a visit took place, on its day or later. Corrects one that was marked as missed.

    Who was treated is asked some days later how they are: `treatment` says what was done and
    `watch_for` when to call at once, in words the patient knows. They can be added later.
    `of_any_day`: another system says so, which may have another day for it.
    """
    visit = _locked(appointment_id)
    _require_not_cancelled(visit)
    if not of_any_day:
        _require_its_day(visit)
    hold_recall(visit)
    is_news = visit.status != Status.COMPLETED
    if is_news:
        _settle(visit, status=Status.COMPLETED, reason=Reason.EXPIRED, actor=actor)
    if treatment:
        visit.treatment, visit.watch_for = treatment, watch_for or None
        visit.save(update_fields=["treatment", "watch_for"])
    plan_aftermath(visit)
    if is_news:
        _carry_on(visit, actor=actor)
    return visit


@transaction.atomic
def mark_missed(*, appointment_id: UUID, actor: str) -> Appointment:
    """Note that the patient did not come, who hears of it the same evening.

    Corrects one that was marked as completed.
    """
    visit = _locked(appointment_id)
    _require_not_cancelled(visit)
    if visit.starts_at > clock.now():
        raise Refused(_("This visit has not begun yet."), field="starts_at")
    hold_recall(visit)
    if visit.status != Status.MISSED:
        took_place = visit.status == Status.COMPLETED
        _settle(visit, status=Status.MISSED, reason=Reason.EXPIRED, actor=actor)
        plan_aftermath(visit)
        if took_place:
            _carry_on(visit, actor=actor)
    return visit


@transaction.atomic
def reword(*, appointment_id: UUID, reason: str, notes: str) -> Appointment:
    """Write what a visit is for anew; what is planned about it says so too. No news to anybody."""
    visit = _locked(appointment_id)
    visit.reason, visit.notes = reason or None, notes or None
    visit.save(update_fields=["reason", "notes"])
    refresh_plans(visit)
    return visit


# -- the row -------------------------------------------------------------------------------------


def _locked(appointment_id: UUID) -> Appointment:
    """Return the visit, its row held until the transaction ends."""
    rows = Appointment.objects.select_for_update(of=("self",))
    return known(
        rows.select_related("patient", "provider", "location"), appointment_id, "appointment_id"
    )


def _require_not_cancelled(visit: Appointment) -> None:
    if visit.status == Status.CANCELLED:
        raise Refused(_("This visit was cancelled."), field="status")


def _require_its_day(visit: Appointment) -> None:
    """Refuse to close a visit of a later day; who is early may be done before it was to begin."""
    zone = visit.location.zone
    if day_of(visit.starts_at, zone=zone) > day_of(clock.now(), zone=zone):
        raise Refused(_("This visit has not begun yet."), field="starts_at")


def _note(visit: Appointment, *, change: str, actor: str) -> None:
    """Write who changed the book, in the same transaction."""
    audit.record(
        action=AuditAction.APPOINTMENT,
        actor=actor,
        patient_id=visit.patient_id,
        obj=visit,
        change=change,
        revision=visit.revision,
    )


def _settle(visit: Appointment, *, status: Status, reason: Reason, actor: str) -> None:
    """Give the visit a new status and take back what was planned for it."""
    visit.status = status
    visit.save(update_fields=["status"])
    _note(visit, change=str(status), actor=actor)
    notification_scheduler_service.cancel(subject=visit.subject, reason=reason)


def _carry_on(visit: Appointment, *, actor: str) -> None:
    """Plan what comes after a visit that took place, or did not after all.

    The next recall, an invitation, and what is for those who come for the first time or again.
    """
    refresh_others(visit)
    settle_recall(visit, actor=actor)
    plan_reactivation(visit.patient_id)


def _start_anew(visit: Appointment, *, announce: bool) -> None:
    """Save a visit under a new revision: plans of the old one end, those of the new begin."""
    visit.revision += 1
    visit.status, visit.confirmed_at = Status.BOOKED, None
    visit.save()
    notification_scheduler_service.cancel(subject=visit.subject, reason=Reason.CANCELLED)
    plan_reminders(visit, with_overdue=not announce)

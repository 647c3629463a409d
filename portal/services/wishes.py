"""What a patient asks of the desk from their own pages: to move a visit.

The visit stays as it is; somebody calls. Until then it is reminded of, but nobody is asked to
confirm it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from notifications import calls, clock
from notifications.enums import CallOutcome, CallReason
from notifications.scheduler import notification_scheduler_service
from notifications.types import Refused
from portal.models import Appointment, ClosedDay, Location
from portal.services.reminders import refresh_plans
from portal.services.visit_calendar import Hours

MOVE = "move"
LONGEST_NOTE = 500
CALLED_LATELY = timedelta(days=1)  # the clock looks each minute, unless it stood still


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A visit is asked to be moved: since when, and by when we said that we call. Aware."""

    asked_at: datetime
    call_by: datetime

    @classmethod
    def of(cls, call: Any) -> Self:
        return cls(asked_at=call.created_at, call_by=call.call_by)


@transaction.atomic
def ask_to_move(*, visit_id: UUID, patient_id: UUID, note: str, actor: str) -> Wish:
    """Ask the desk to call about another time for a visit; asked already, nothing changes.

    `note`: which times suit, in the patient's words. Raises Refused for a visit that is not
    theirs, has begun or is off, and for a note longer than 500 characters.
    """
    note = checked_note(note)
    visit = _held(visit_id, patient_id)
    _require_ahead(visit)
    asked = calls.open_about(subjects=[visit.subject], reason=CallReason.MOVE)
    if asked:
        return Wish.of(asked[visit.subject])
    notification_scheduler_service.answered(subject=visit.subject, action="confirm", actor=actor)
    notification_scheduler_service.note_done(subject=visit.subject, action=MOVE, actor=actor)
    before = calls.count_about(subject=visit.subject, reason=CallReason.MOVE)
    call = calls.open_call(
        patient_id=patient_id,
        reason=CallReason.MOVE,
        key=f"{MOVE}:{visit.pk}:{visit.revision}:{before + 1}",
        due_at=clock.now(),
        call_by=_call_by(visit),
        subject=visit.subject,
        note=note,
        actor=actor,
    )
    refresh_plans(visit)
    return Wish.of(call)


@transaction.atomic
def take_back(*, visit_id: UUID, patient_id: UUID, actor: str) -> bool:
    """Note that nobody needs to call any more; return False if nothing was asked.

    What asks to confirm the visit asks again. Raises Refused for a visit that is not theirs.
    """
    visit = _held(visit_id, patient_id)
    was_asked = end_wish(visit, outcome=CallOutcome.CANCELLED, actor=actor)
    if was_asked:
        refresh_plans(visit)
    return was_asked


def end_wish(visit: Appointment, *, outcome: CallOutcome, actor: str) -> bool:
    """End what is asked about a visit, its row held, in the caller's transaction."""
    reasons = (CallReason.MOVE,)
    ended = calls.settle_about(subject=visit.subject, outcome=outcome, reasons=reasons, actor=actor)
    if ended:
        notification_scheduler_service.note_undone(subject=visit.subject, action=MOVE, actor=actor)
    return bool(ended)


@transaction.atomic
def ask_again_after_calls() -> int:
    """Let what asks to confirm a visit ask again where we called and it stays; return how many.

    The clock asks for it: a desk that notes a call holds no visit. Twice changes nothing.
    """
    called = calls.called_about(reason=CallReason.MOVE, since=clock.now() - CALLED_LATELY)
    ids = [subject.rpartition(":")[2] for subject in called]
    ahead = Appointment.objects.filter(
        pk__in=ids, status__in=Appointment.UPCOMING, starts_at__gt=clock.now()
    )
    whole = ahead.select_related("location", "provider", "patient").order_by("pk")
    held = list(whole.select_for_update(of=("self",), skip_locked=True)) if ids else []
    asked_again = wishes_about(held)
    visits = [visit for visit in held if visit.pk not in asked_again]
    for visit in visits:
        refresh_plans(visit)
        notification_scheduler_service.note_undone(
            subject=visit.subject, action=MOVE, actor=calls.ACTOR
        )
    return len(visits)


def wishes_about(visits: Iterable[Appointment]) -> dict[UUID, Wish]:
    """Return which of some visits are asked to be moved. One query."""
    by_subject = {visit.subject: visit.pk for visit in visits}
    found = calls.open_about(subjects=by_subject, reason=CallReason.MOVE)
    return {by_subject[subject]: Wish.of(call) for subject, call in found.items()}


def _held(visit_id: UUID, patient_id: UUID) -> Appointment:
    """Return a patient's own visit, its row held until the transaction ends."""
    own = Appointment.objects.filter(patient_id=patient_id)
    whole = own.select_related("location", "provider", "patient")
    visit = whole.select_for_update(of=("self",)).filter(pk=visit_id).first()
    if visit is None:
        raise Refused(_("There is no such entry in the book."), field="visit_id")
    return visit


def _require_ahead(visit: Appointment) -> None:
    if visit.status == Appointment.Status.CANCELLED:
        raise Refused(_("This visit was cancelled."), field="status")
    if not visit.is_upcoming:
        raise Refused(_("This visit is no longer in the book."), field="status")
    if visit.starts_at <= clock.now():
        raise Refused(_("This visit has already begun."), field="starts_at")


def _call_by(visit: Appointment) -> datetime:
    """Return by when we call: the end of the next working day, and before the visit."""
    hours = hours_of(visit.location)
    closes = hours.first_closing_after(hours.day_of(clock.now()))
    return min(closes or visit.starts_at, visit.starts_at)


def checked_note(note: str) -> str:
    """Return what a patient wrote for the desk. Raises Refused for more than 500 characters."""
    if len(note) > LONGEST_NOTE:
        raise Refused(_("Please write 500 characters or less."), field="note")
    return note.strip()


def hours_of(location: Location) -> Hours:
    """Return when a place is open from today on. One query."""
    days = ClosedDay.objects.filter(
        Q(location=location) | Q(location=None), on__gte=clock.now().date()
    )
    return Hours.of(location, closed=days.values_list("on", flat=True))

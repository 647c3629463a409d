"""Regular visits that come due: when a patient is asked to book, how often, and when no more.

The reminders of a cycle are planned ahead, at ten in the morning where the patient lives. Each
expires when the next is due. The visit that is the recall ends the cycle and begins the next;
after the last reminder nothing more goes until the desk acts.
"""

from datetime import date
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from notifications import clock
from notifications.enums import Reason
from notifications.scheduler import notification_scheduler_service
from notifications.types import Refused
from portal.models import Appointment, RecallSchedule, User
from portal.services.entries import known
from portal.services.planning import check_days, note, patient_here
from portal.services.recall_plans import STEPS, plan_cycle
from portal.services.timing import day_of, months_later

Kind = RecallSchedule.Kind
LONGEST = 60  # months


@transaction.atomic
def start_recall(
    *,
    patient_id: UUID,
    kind: str,
    months: int,
    actor: str,
    last_visit_on: date | None = None,
    due_on: date | None = None,
    max_reminders: int = len(STEPS),
) -> RecallSchedule:
    """Have a patient asked every so many calendar months; one that ended starts anew.

    It is due on `due_on`, or the months after `last_visit_on`. Periodontal maintenance takes the
    place of the cleaning (CDT D4910 instead of D1110): it ends a hygiene recall, and while it is
    in force none can start. Raises Refused naming the field.
    """
    patient = patient_here(patient_id)
    _check(kind=kind, months=months, max_reminders=max_reminders)
    check_days(last_visit_on=last_visit_on, due_on=due_on)
    if due_on is None and last_visit_on is None:
        raise Refused(_("Say when it is due, or when the last visit was."), field="due_on")
    _make_way(patient, kind=kind, actor=actor)
    row, _is_new = RecallSchedule.objects.update_or_create(
        patient=patient,
        kind=kind,
        defaults={
            "months": months,
            "last_visit_on": last_visit_on,
            "due_on": due_on or months_later(last_visit_on, months),
            "paused_until": None,
            "max_reminders": max_reminders,
            "ended_at": None,
        },
    )
    note(row, patient_id=patient_id, change="started", actor=actor)
    plan_cycle(row)
    return row


@transaction.atomic
def change_recall(
    *,
    recall_id: UUID,
    actor: str,
    months: int | None = None,
    due_on: date | None = None,
    max_reminders: int | None = None,
) -> RecallSchedule:
    """Change how often, when next or how many reminders a cycle; what is not given stays.

    Other months count from the last visit, if there was one, unless `due_on` is given too.
    """
    row = _in_force(recall_id)
    new_months = row.months if months is None else months
    new_most = row.max_reminders if max_reminders is None else max_reminders
    _check(kind=row.kind, months=new_months, max_reminders=new_most)
    check_days(due_on=due_on)
    if due_on is None and row.last_visit_on and new_months != row.months:
        due_on = months_later(row.last_visit_on, new_months)
    row.months, row.max_reminders = new_months, new_most
    return _move(row, due_on=due_on or row.due_on, change="changed", actor=actor)


@transaction.atomic
def pause_recall(*, recall_id: UUID, until: date | None, actor: str) -> RecallSchedule:
    """Ask nothing before a day; None ends the pause. What falls into it is left out."""
    row = _in_force(recall_id)
    check_days(paused_until=until)
    row.paused_until = until
    return _move(row, due_on=row.due_on, change="paused" if until else "resumed", actor=actor)


@transaction.atomic
def end_recall(*, recall_id: UUID, actor: str) -> RecallSchedule:
    """Ask this patient no more; twice changes nothing. `start_recall` begins anew."""
    row = _held(recall_id)
    if row.ended_at is None:
        _end(row, actor=actor)
    return row


@transaction.atomic
def complete_recall(*, recall_id: UUID, on: date, actor: str) -> RecallSchedule:
    """Note that the regular visit took place on a day: the next cycle begins.

    A visit no later than the last one that is known changes nothing.
    """
    row = _held(recall_id)
    if row.last_visit_on is not None and on <= row.last_visit_on:
        return row
    row.last_visit_on = on
    return _move(row, due_on=months_later(on, row.months), change="completed", actor=actor)


@transaction.atomic
def reopen_recall(*, recall_id: UUID, on: date, actor: str) -> RecallSchedule:
    """Take back that the visit of a day took place: it is due since then. Undoes `complete`."""
    row = _held(recall_id)
    if row.last_visit_on != on:
        return row
    row.last_visit_on = None
    return _move(row, due_on=on, change="reopened", actor=actor)


def resume_recalls(patient_id: UUID) -> None:
    """Plan what the recalls in force of somebody who is a patient again ask for."""
    rows = RecallSchedule.objects.select_for_update().filter(patient=patient_id, ended_at=None)
    for row in rows.order_by("pk"):
        plan_cycle(row)


def plan_recalls(*, after: UUID | None = None, limit: int = 100) -> tuple[int, UUID | None]:
    """Plan what some schedules in force still lack, in the order of their ids, from one on.

    For rows that came another way, such as before recalls were planned. Returns how many plans
    are new and the last id, None when there is none left. Again: nothing new.
    """
    rows = RecallSchedule.objects.filter(ended_at=None).order_by("pk")
    ids = list((rows.filter(pk__gt=after) if after else rows).values_list("pk", flat=True)[:limit])
    new = sum(_plan_one(recall_id) for recall_id in ids)
    return new, ids[-1] if ids else None


@transaction.atomic
def _plan_one(recall_id: UUID) -> int:
    row = _held(recall_id)
    before = len(notification_scheduler_service.planned_for(subject=row.subject))
    plan_cycle(row)
    return len(notification_scheduler_service.planned_for(subject=row.subject)) - before


# -- what visits have to do with it --------------------------------------------------------------


def recall_of(recall_id: UUID | None, *, patient_id: UUID) -> RecallSchedule | None:
    """Return the recall a visit is to be, if one is named. Raises Refused for another patient's."""
    if recall_id is None:
        return None
    return known(RecallSchedule.objects.filter(patient_id=patient_id), recall_id, "recall_id")


def hold_recall(visit: Appointment) -> None:
    """Hold the recall a visit is, before any inbox, as everything does that changes a recall."""
    if visit.recall_id is not None:
        RecallSchedule.objects.select_for_update().filter(pk=visit.recall_id).first()


def settle_recall(visit: Appointment, *, actor: str) -> None:
    """Let a visit that is closed now begin the next cycle, or take back that it did."""
    if visit.recall_id is None:
        return
    took_place = visit.status == Appointment.Status.COMPLETED
    on = day_of(visit.starts_at, zone=visit.location.zone)
    (complete_recall if took_place else reopen_recall)(
        recall_id=visit.recall_id, on=on, actor=actor
    )


# -- the row -------------------------------------------------------------------------------------


def _held(recall_id: UUID) -> RecallSchedule:
    return known(RecallSchedule.objects.select_for_update(), recall_id, "recall_id")


def _in_force(recall_id: UUID) -> RecallSchedule:
    row = _held(recall_id)
    if row.ended_at is not None:
        raise Refused(_("This recall has ended. Start it again."), field="recall_id")
    return row


def _check(*, kind: str, months: int, max_reminders: int) -> None:
    if kind not in Kind.values:
        raise Refused(_("There is no such kind of recall."), field="kind")
    if not 1 <= months <= LONGEST:
        raise Refused(_("Choose between 1 and 60 months."), field="months")
    if max_reminders < 0:
        raise Refused(_("This cannot be less than none."), field="max_reminders")


def _make_way(patient: User, *, kind: str, actor: str) -> None:
    """Refuse what is there already, and end the cleaning where gum care takes its place."""
    rows = RecallSchedule.objects.select_for_update().filter(patient=patient, ended_at=None)
    there = {row.kind: row for row in rows}
    if kind in there:
        raise Refused(_("The patient has this recall already. Change it instead."), field="kind")
    if Kind.PERIO in there:
        raise Refused(_("Periodontal visits take the place of these."), field="kind")
    for row in there.values():
        _end(row, actor=actor)


def _end(row: RecallSchedule, *, actor: str) -> None:
    row.ended_at = clock.now()
    _move(row, due_on=row.due_on, change="ended", actor=actor)


def _move(row: RecallSchedule, *, due_on: date, change: str, actor: str) -> RecallSchedule:
    """Save a schedule and plan what it asks for now; what no longer holds ends.

    In another cycle, or in none, what the patient already has is no longer current.
    """
    stays = row.due_on == due_on and row.ended_at is None
    row.due_on = due_on
    row.save()
    note(row, patient_id=row.patient_id, change=change, actor=actor)
    notification_scheduler_service.cancel(
        subject=row.subject, reason=Reason.WITHDRAWN, rules=list(STEPS) if stays else None
    )
    plan_cycle(row)
    return row

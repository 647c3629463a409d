"""What the services of recall, treatment and billing share: rows, the trail, rows of plans."""

from collections.abc import Callable, Iterable
from datetime import date
from uuid import UUID

from django.db import models
from django.utils.translation import gettext as _

from notifications import audit, clock
from notifications.enums import AuditAction, PlanStatus
from notifications.scheduler import notification_scheduler_service
from notifications.types import NotificationPayload, Refused
from portal.models import User
from portal.services.entries import known
from portal.services.timing import Step

A_LIFETIME, AHEAD = 120, 10  # years: since when something can have been, and until when it waits


def held_patient(patient_id: UUID) -> User:
    """Return a patient, held so that two changes of what is theirs come one after the other."""
    return known(User.objects.select_for_update(no_key=True), patient_id, "patient_id")


def patient_here(patient_id: UUID) -> User:
    """Return a patient as `held_patient` does. Raises Refused for one who died or left."""
    patient = held_patient(patient_id)
    if patient.departure:
        raise Refused(_("This person is no longer a patient here."), field="patient_id")
    return patient


def check_days(**days: date | None) -> None:
    """Raise Refused naming the first of some days whose year can only be mistyped."""
    this_year = clock.now().year
    for field, day in days.items():
        if day is not None and not this_year - A_LIFETIME <= day.year <= this_year + AHEAD:
            raise Refused(_("This day cannot be. Check the year."), field=field)


def note(row: models.Model, *, patient_id: UUID, change: str, actor: str) -> None:
    """Write who changed a row, in the same transaction."""
    audit.record(
        action=AuditAction.CHANGED, actor=actor, patient_id=patient_id, obj=row, change=change
    )


def plan_steps(
    steps: Iterable[Step],
    *,
    patient_id: UUID,
    subject: str,
    prefix: str,
    payload: Callable[[Step], NotificationPayload],
    most: int | None = None,
) -> None:
    """Plan those of a row of steps that nobody planned yet, in the caller's transaction.

    The key of each is `<prefix>:<step>`; one that was cancelled and is wanted again gets the next
    number after it. `most`: no more than so many under this prefix, those that went included. The
    row they are about is held, so that nobody plans it at the same time. For a patient who died
    or left, nothing is planned.
    """
    if not User.objects.filter(pk=patient_id, departure="").exists():
        return
    tries = _tries(subject=subject, prefix=prefix)
    gone = {name for name, plans in tries.items() if _any(plans, PlanStatus.SENT)}
    wanted = [step for step in steps if step.name not in gone]
    for step in wanted if most is None else wanted[: max(0, most - len(gone))]:
        before = tries.get(step.name, [])
        if not _any(before, PlanStatus.PLANNED):
            key = f"{prefix}:{step.name}"
            notification_scheduler_service.plan(
                patient_id=patient_id,
                payload=payload(step),
                subject=subject,
                rule=step.name,
                due_at=step.due_at,
                key=f"{key}:{len(before) + 1}" if before else key,
                expires_at=step.expires_at,
            )


def _tries(*, subject: str, prefix: str) -> dict[str, list]:
    """Return the plans under a prefix by the name of their step, whatever became of them."""
    about = notification_scheduler_service.plans_about(subjects=[subject])
    found: dict[str, list] = {}
    for plan in about.get(subject, []):
        if plan.key.startswith(f"{prefix}:"):
            found.setdefault(plan.rule, []).append(plan)
    return found


def _any(plans: Iterable, status: PlanStatus) -> bool:
    return any(plan.status == status for plan in plans)

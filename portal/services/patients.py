"""Patients who died or left the practice, and those who come back.

Nothing is sent to who is gone: what was planned ends, what had not left is called off, and
`policy` refuses the rest by `PatientProfile.is_departed`.
"""

from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from notifications import audit, clock
from notifications.enums import AuditAction, Reason
from notifications.scheduler import notification_scheduler_service
from notifications.types import Refused
from portal.access import zone_of
from portal.models import Appointment, Departure, User
from portal.services.recalls import resume_recalls
from portal.services.statements import resume_statements
from portal.services.treatments import resume_treatments
from portal.services.visits import cancel


@transaction.atomic
def depart(*, patient_id: UUID, departure: str, on: date | None, actor: str) -> User:
    """Note that a patient died or left, and stop everything that was to reach them.

    `departure` is a Departure; `on` is the day it happened, None where nobody knows. Visits still
    to come are cancelled without a word, and nobody waits for an earlier one. Who left keeps
    access to their records; the account of who died is closed. Noting the same again changes
    nothing. Raises Refused for an unknown patient or kind, for a day that is still to come, and
    for staff.
    """
    patient = _locked(patient_id)
    _check(patient, departure=departure, on=on)
    if (patient.departure, patient.departed_on) == (departure, on):
        return patient
    patient.departure, patient.departed_on = departure, on
    patient.is_active = patient.is_active and departure != Departure.DIED
    patient.save(update_fields=["departure", "departed_on", "is_active"])
    _note(patient, change=departure, actor=actor)
    notification_scheduler_service.cancel_all(patient_id=patient.pk, reason=Reason.DEPARTED)
    patient.waiting_list_entries.filter(ended_at=None).update(ended_at=clock.now())
    for visit in _upcoming(patient):
        cancel(appointment_id=visit.pk, actor=actor, announce=False)
    return patient


@transaction.atomic
def come_back(*, patient_id: UUID, actor: str) -> User:
    """Note that somebody is a patient again, or was never gone; twice changes nothing.

    Visits that were cancelled are booked anew; what recalls, planned treatment and statements
    still ask for is planned again. An account that was closed stays so until somebody opens it.
    Raises Refused for an unknown patient.
    """
    patient = _locked(patient_id)
    if patient.departure:
        patient.departure, patient.departed_on = "", None
        patient.save(update_fields=["departure", "departed_on"])
        _note(patient, change="came_back", actor=actor)
        resume_recalls(patient.pk)
        resume_treatments(patient.pk)
        resume_statements(patient.pk)
    return patient


def upcoming_visits(patient: User) -> int:
    """Return how many visits of a patient would be cancelled if they were gone."""
    return len(_upcoming(patient))


def _locked(patient_id: UUID) -> User:
    found = User.objects.select_for_update(of=("self",)).filter(pk=patient_id).first()
    if found is None:
        raise Refused(_("There is no such patient."), field="patient_id")
    return found


def _check(patient: User, *, departure: str, on: date | None) -> None:
    if departure not in Departure.values:
        raise Refused(_("Say whether the patient died or left."), field="departure")
    if patient.is_staff:
        raise Refused(_("This is an account of the practice's staff."), field="patient_id")
    today = clock.now().astimezone(ZoneInfo(zone_of(patient))).date()
    if on is not None and on > today:
        raise Refused(_("Choose today, or a day that has passed."), field="on")


def _upcoming(patient: User) -> list[Appointment]:
    """Return the visits still to come, in the order in which everybody locks them."""
    visits = patient.appointments.filter(status__in=Appointment.UPCOMING, starts_at__gt=clock.now())
    return list(visits.only("pk").order_by("pk"))


def _note(patient: User, *, change: str, actor: str) -> None:
    audit.record(
        action=AuditAction.CHANGED,
        actor=actor,
        patient_id=patient.pk,
        obj=patient,
        change=change,
    )

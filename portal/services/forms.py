"""Forms a patient is asked to fill in; with each, what is planned about the visit changes."""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from notifications import audit, clock
from notifications.enums import AuditAction, Reason
from notifications.types import Refused
from portal.models import Appointment, PatientForm, User
from portal.services.visit_calendar import Manner, replan


@transaction.atomic
def request_form(
    *, patient_id: UUID, name: str, actor: str, appointment_id: UUID | None = None
) -> PatientForm:
    """Ask a patient for a form, before a visit of theirs if one is named.

    Before a visit they hear of it by the rules of its location; the same open form is asked for
    once. Raises Refused for a patient or visit that is not there, and for a form without a name.
    """
    if not name.strip():
        raise Refused(_("A form needs a name."), field="name")
    if not User.objects.filter(pk=patient_id).exists():
        raise Refused(_("There is no such patient."), field="patient_id")
    if not User.objects.filter(pk=patient_id, departure="").exists():
        raise Refused(_("This person is no longer a patient here."), field="patient_id")
    visit = _visit_of(patient_id, appointment_id)
    form = _open_form(patient_id, visit, name.strip())
    if form is None:
        form = PatientForm.objects.create(
            patient_id=patient_id, appointment=visit, name=name.strip(), requested_at=clock.now()
        )
        _note(form, change="form_requested", actor=actor)
        _replan(visit)
    return form


@transaction.atomic
def complete_form(*, form_id: UUID, actor: str) -> PatientForm:
    """Note that a form is filled in; nobody is asked for it any more. Twice changes nothing."""
    form = PatientForm.objects.filter(pk=form_id).first()
    if form is None:
        raise Refused(_("There is no such form."), field="form_id")
    visit = _visit_of(form.patient_id, form.appointment_id)  # held first, as wherever one changes
    form = PatientForm.objects.select_for_update().get(pk=form_id)
    if form.completed_at is None:
        form.completed_at = clock.now()
        form.save(update_fields=["completed_at"])
        _note(form, change="form_completed", actor=actor)
        _replan(visit)
    return form


def _visit_of(patient_id: UUID, appointment_id: UUID | None) -> Appointment | None:
    """Return a patient's own visit, its row held until the transaction ends; None for none."""
    if appointment_id is None:
        return None
    own = Appointment.objects.filter(patient_id=patient_id)
    whole = own.select_related("patient", "provider", "location")
    visit = whole.select_for_update(of=("self",)).filter(pk=appointment_id).first()
    if visit is None:
        raise Refused(_("There is no such entry in the book."), field="appointment_id")
    return visit


def _open_form(patient_id: UUID, visit: Appointment | None, name: str) -> PatientForm | None:
    """Return the form that is asked for already. Names are sealed: they are compared here."""
    waiting = PatientForm.objects.filter(
        patient_id=patient_id, appointment=visit, completed_at=None
    )
    return next((form for form in waiting if form.name == name), None)


def _replan(visit: Appointment | None) -> None:
    """Plan what is said of a visit's forms, and late only that."""
    if visit is not None:
        told = {visit.subject: clock.now()}
        replan([visit], Manner(reason=Reason.ANSWERED, told=told))


def _note(form: PatientForm, *, change: str, actor: str) -> None:
    audit.record(
        action=AuditAction.CHANGED,
        actor=actor,
        patient_id=form.patient_id,
        obj=form,
        change=change,
    )

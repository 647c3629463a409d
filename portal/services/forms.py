"""Forms a patient is asked to fill in; with each, what is planned about the visit changes."""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from notifications import audit, clock
from notifications.enums import AuditAction, Reason
from notifications.scheduler import notification_scheduler_service
from notifications.types import Refused
from portal import questionnaires
from portal.models import Appointment, PatientForm, User
from portal.notification_types.forms_due import FormsDuePayload
from portal.questionnaires import Answer, Questionnaire
from portal.services.visit_calendar import Manner, replan


@transaction.atomic
def request_form(
    *,
    patient_id: UUID,
    name: str = "",
    actor: str,
    appointment_id: UUID | None = None,
    kind: str = "",
) -> PatientForm:
    """Ask a patient for a form, before a visit of theirs if one is named.

    `kind` names a questionnaire they fill in here, and a name if there is none; empty: it exists
    on paper only. Before a visit they hear of it by the rules of its location; the same open form
    is asked for once. Raises Refused for a patient, visit or questionnaire that is not there, and
    for a form without a name.
    """
    patient = User.objects.filter(pk=patient_id).first()
    if patient is None:
        raise Refused(_("There is no such patient."), field="patient_id")
    if patient.departure:
        raise Refused(_("This person is no longer a patient here."), field="patient_id")
    asked = questionnaires.find(kind)
    if kind and asked is None:
        raise Refused(_("There is no such questionnaire."), field="kind")
    name = name.strip() or _title_of(asked, patient)
    visit = _visit_of(patient_id, appointment_id)
    form = _open_form(patient_id, visit, name, kind)
    if form is None:
        form = PatientForm.objects.create(
            patient_id=patient_id,
            appointment=visit,
            name=name,
            kind=kind,
            requested_at=clock.now(),
        )
        _note(form, change="form_requested", actor=actor)
        _replan(visit)
    return form


@transaction.atomic
def complete_form(
    *, form_id: UUID, actor: str, answers: Mapping[str, Answer] | None = None
) -> PatientForm:
    """Note that a form is filled in; nobody is asked for it any more. Twice changes nothing.

    `answers` are kept with it; None: they are on paper. What asked for it says that it is done
    once no form of the visit waits any more.
    """
    form = PatientForm.objects.filter(pk=form_id).first()
    if form is None:
        raise Refused(_("There is no such form."), field="form_id")
    visit = _visit_of(form.patient_id, form.appointment_id)  # held first, as wherever one changes
    form = PatientForm.objects.select_for_update().get(pk=form_id)
    if form.completed_at is None:
        form.completed_at, form.answers = clock.now(), answers and dict(answers)
        form.save(update_fields=["completed_at", "answers"])
        _note(form, change="form_completed", actor=actor)
        _replan(visit)
        _tell(visit, actor=actor, is_online=answers is not None)
    return form


@transaction.atomic
def fill_in(
    *, form_id: UUID, patient_id: UUID, answers: Mapping[str, Answer], actor: str
) -> PatientForm:
    """Keep what was answered to a patient's form, and note it as filled in.

    `answers` are by the keys of its questions; what is empty is left out. A form that is filled in
    stays as it is, whatever is answered. Raises PatientForm.DoesNotExist for one that is not
    theirs, and Refused for one on paper and for an answer that cannot be, naming the question.
    """
    form = PatientForm.objects.get(pk=form_id, patient_id=patient_id)
    if form.completed_at is not None:
        return form
    asked = questionnaires.find(form.kind)
    if asked is None:
        raise Refused(_("This form is on paper. Ask for it at the desk."), field="form_id")
    for key, complaint in asked.complaints(answers).items():
        raise Refused(complaint, field=key)
    return complete_form(form_id=form.pk, answers=asked.kept(answers), actor=actor)


def _title_of(asked: Questionnaire | None, patient: User) -> str:
    """Return what a questionnaire is called in a patient's language. On paper it needs a name."""
    if asked is None:
        raise Refused(_("A form needs a name."), field="name")
    with translation.override(patient.language):
        return str(asked.title)


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


def _open_form(
    patient_id: UUID, visit: Appointment | None, name: str, kind: str
) -> PatientForm | None:
    """Return the form that is asked for already. Names are sealed: they are compared here."""
    waiting = PatientForm.objects.filter(
        patient_id=patient_id, appointment=visit, kind=kind, completed_at=None
    )
    return next((form for form in waiting if kind or form.name == name), None)


def _replan(visit: Appointment | None) -> None:
    """Plan what is said of a visit's forms, and late only that."""
    if visit is not None:
        told = {visit.subject: clock.now()}
        replan([visit], Manner(reason=Reason.ANSWERED, told=told))


def _tell(visit: Appointment | None, *, actor: str, is_online: bool) -> None:
    """Let what asked for a visit's forms say that they are filled in, if all are."""
    if visit is not None and not visit.forms.filter(completed_at=None).exists():
        notification_scheduler_service.note_done(
            subject=visit.subject,
            action=FormsDuePayload.leads_to,
            actor=actor,
            is_read=is_online,
        )


def _note(form: PatientForm, *, change: str, actor: str) -> None:
    audit.record(
        action=AuditAction.CHANGED,
        actor=actor,
        patient_id=form.patient_id,
        obj=form,
        change=change,
    )

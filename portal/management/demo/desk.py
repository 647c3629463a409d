"""What the demo's desk keeps beside the book: statements, forms, treatment, a waiting list."""

from datetime import datetime, time, timedelta
from decimal import Decimal

from notifications import clock
from portal import services
from portal.management.demo import ACTOR, cast
from portal.management.demo.book import Book, office_hour
from portal.management.demo.people import Clinic
from portal.management.demo.play import Act, Stage
from portal.models import Appointment, Opening, PatientForm, Statement, User


def keep_the_desk(clinic: Clinic, *, book: Book, stage: Stage) -> None:
    """Let the desk take payments, ask for forms, note treatment, and offer a free time."""
    _bill(clinic, stage=stage)
    _ask_for_forms(clinic.ana, stage=stage)
    _agree_on_treatment(clinic, stage=stage)
    _offer_a_time(clinic, book=book, stage=stage)


def _at(stage: Stage, patient: User, days_ago: float, act: Act) -> None:
    moment = office_hour(stage.now - timedelta(days=days_ago), patient.home_location)
    stage.at(moment, act)
    stage.engine_at(moment)


# -- statements -----------------------------------------------------------------------------------


def _bill(clinic: Clinic, *, stage: Stage) -> None:
    """Ana paid one and has another; Maria pays for her son; somebody is late."""
    ana, late, child = clinic.ana, clinic.patients[4], clinic.children[0]
    child.guarantor = clinic.maria
    child.save(update_fields=["guarantor"])
    _issue(ana, "85.00", "Check-up and cleaning", stage, days_ago=30, due_in=30)
    _at(stage, ana, 25, lambda: _pay(ana))
    _issue(ana, "240.00", "Filling, upper left", stage, days_ago=12, due_in=21)
    _issue(child, "60.00", "Check-up", stage, days_ago=10, due_in=30)
    _issue(late, "310.50", "Crown fitting", stage, days_ago=35, due_in=21)


def _issue(
    patient: User, amount: str, what_for: str, stage: Stage, *, days_ago: int, due_in: int
) -> None:
    due_on = (stage.now + timedelta(days=due_in - days_ago)).date()

    def issue() -> Statement:
        return services.issue_statement(
            patient_id=patient.pk,
            amount=Decimal(amount),
            what_for=what_for,
            due_on=due_on,
            actor=ACTOR,
        )

    _at(stage, patient, days_ago, issue)
    for after in (-3, 7):  # when it is reminded of
        stage.engine_at(stage.now + timedelta(days=due_in - days_ago + after, hours=12))


def _pay(patient: User) -> Statement:
    row = Statement.objects.filter(patient=patient, paid_at=None).earliest("issued_on")
    return services.pay_statement(
        statement_id=row.pk, paid_with="card ending in 0000", receipt_number="R-1001", actor=ACTOR
    )


# -- forms ----------------------------------------------------------------------------------------


def _ask_for_forms(ana: User, *, stage: Stage) -> None:
    """Ana has told of her insurance; her health history and a form on paper are still to come."""
    _at(stage, ana, 19, lambda: _form(ana, kind="insurance_details"))
    _at(stage, ana, 18, lambda: _fill_in(ana))
    _at(stage, ana, 2.5, lambda: _form(ana, kind="health_history"))
    _at(stage, ana, 2.5, lambda: _form(ana, name="X-ray consent"))


def _form(patient: User, **asked: str) -> PatientForm:
    return services.request_form(
        patient_id=patient.pk, appointment_id=_next_visit(patient).pk, actor=ACTOR, **asked
    )


def _fill_in(patient: User) -> PatientForm:
    form = PatientForm.objects.get(patient=patient, completed_at=None)
    return services.fill_in(
        form_id=form.pk,
        patient_id=patient.pk,
        answers=cast.INSURANCE,
        actor=f"user:{patient.pk}",
    )


def _next_visit(patient: User) -> Appointment:
    ahead = Appointment.objects.filter(patient=patient, status__in=Appointment.UPCOMING)
    return ahead.filter(starts_at__gt=clock.now()).earliest("starts_at")


# -- planned treatment ----------------------------------------------------------------------------


def _agree_on_treatment(clinic: Clinic, *, stage: Stage) -> None:
    """A crown for Ana and a night guard for somebody else, which neither has booked."""
    plans = (
        (clinic.ana, "A crown, lower right.", "It takes two visits of an hour."),
        (clinic.patients[6], "A night guard.", ""),
    )
    dentists = {place.pk: who for who, place in clinic.providers if who.name.startswith("Dr.")}
    for patient, summary, next_step in plans:
        _at(stage, patient, 20, _plan(patient, dentists, summary, next_step))
        stage.engine_at(stage.now - timedelta(days=5))


def _plan(patient: User, dentists: dict, summary: str, next_step: str) -> Act:
    def plan() -> object:
        return services.plan_treatment(
            patient_id=patient.pk,
            provider_id=dentists[patient.home_location_id].pk,
            summary=summary,
            next_step=next_step,
            actor=ACTOR,
        )

    return plan


# -- the waiting list -----------------------------------------------------------------------------


def _offer_a_time(clinic: Clinic, *, book: Book, stage: Stage) -> None:
    """Ana would come earlier than her last visit, Maria at any time; an hour is free next week."""
    ana, maria = clinic.ana, clinic.maria
    _at(stage, ana, 0.9, lambda: _join(ana, visit=_last_visit(ana)))
    _at(stage, maria, 3, lambda: _join(maria, visit=None))
    free = book.on_day(ana, book.work_day(days=7), at=time(11), booked_at=stage.now)
    moment = stage.now - timedelta(minutes=50)
    stage.at(moment, lambda: _offer(free.provider.pk, free.location.pk, free.starts_at))
    stage.engine_at(moment)


def _last_visit(patient: User) -> Appointment | None:
    ahead = Appointment.objects.filter(patient=patient, status__in=Appointment.UPCOMING)
    return ahead.order_by("starts_at").last()


def _join(patient: User, *, visit: Appointment | None) -> object:
    return services.join_waiting_list(
        patient_id=patient.pk,
        location_id=patient.home_location_id,
        appointment_id=visit.pk if visit else None,
        actor=ACTOR,
    )


def _offer(provider_id, location_id, starts_at: datetime) -> Opening:
    return services.offer_opening(
        provider_id=provider_id,
        location_id=location_id,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=30),
        answer_by=starts_at - timedelta(days=1),
        actor=ACTOR,
    )

"""What a patient has to fill in and to pay, as pages show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from notifications import clock
from notifications.crypto import keys_loaded
from portal import questionnaires
from portal.models import Appointment, PatientForm, Statement, User
from portal.services import known_to


@dataclass(frozen=True)
class Form:
    """A form, filled in or not, and how it is filled in."""

    row: PatientForm

    @property
    def asked(self) -> questionnaires.Questionnaire | None:
        """Return its questions; None: it is on paper."""
        return questionnaires.find(self.row.kind)

    @property
    def visit(self) -> Appointment | None:
        return self.row.appointment


@dataclass(frozen=True, kw_only=True)
class Bill:
    """A statement as whoever reads it may know it. The amount is in US dollars."""

    row: Statement
    amount: Decimal
    whose: str = ""  # of whose care it is, where that is somebody else's
    what_for: str = ""

    @property
    def is_overdue(self) -> bool:
        return self.row.is_open and self.row.due_on < timezone.localdate(clock.now())

    @property
    def paid_on(self) -> date | None:
        return timezone.localdate(self.row.paid_at) if self.row.paid_at else None


@dataclass(frozen=True, kw_only=True)
class Paperwork:
    """What is still to be done: forms to fill in, bills to pay."""

    forms: list[Form]
    bills: list[Bill]

    def __bool__(self) -> bool:
        return bool(self.forms or self.bills)


def open_paperwork(request: HttpRequest) -> Paperwork:
    """Return what a page's patient has to fill in and to pay, in a fixed number of queries."""
    to_pay = statements_of(request.patient).filter(paid_at=None)
    return Paperwork(
        forms=[Form(each) for each in waiting_forms(request.patient)],
        bills=bills_of(to_pay, payer=request.patient, reader=request.user),
    )


def forms_of(patient: User) -> QuerySet[PatientForm]:
    """Return a patient's forms with the visits they are for, the newest first."""
    own = PatientForm.objects.filter(patient=patient).defer("answers")
    return own.select_related("appointment__location").order_by("-requested_at", "-pk")


def waiting_forms(patient: User) -> QuerySet[PatientForm]:
    """Return the forms to fill in, the next visit's first; none of a visit that is over."""
    is_coming = Q(
        appointment__status__in=Appointment.UPCOMING, appointment__ends_at__gt=clock.now()
    )
    waiting = forms_of(patient).filter(Q(appointment=None) | is_coming, completed_at=None)
    return waiting.order_by(F("appointment__starts_at").asc(nulls_last=True), "requested_at", "pk")


def statements_of(payer: User) -> QuerySet[Statement]:
    """Return what somebody is to pay or paid, what is due first. What was withdrawn is not."""
    to_pay = Statement.objects.filter(guarantor=payer, withdrawn_at=None)
    return to_pay.select_related("patient").order_by("due_on", "pk")


def bills_of(rows: QuerySet[Statement], *, payer: User, reader: User) -> list[Bill]:
    """Return statements as bills. For whom and what: only if payer and reader may know of it."""
    found = list(rows)
    known = known_to(payer) if found else set()
    if payer != reader and found:
        known &= known_to(reader)
    return _opened(found, payer=payer, known=known)


def _opened(found: Sequence[Statement], *, payer: User, known: set) -> list[Bill]:
    """Open what is sealed while each patient's key is at hand: each would ask for its own."""
    with keys_loaded({row.patient_id for row in found}):
        return [
            Bill(
                row=row,
                amount=Decimal(row.amount),
                whose=row.patient.display_name
                if row.patient_id in known and row.patient_id != payer.pk
                else "",
                what_for=(row.what_for or "") if row.patient_id in known else "",
            )
            for row in found
        ]

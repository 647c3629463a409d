"""What is to be paid: told to who pays when it is issued, and reminded of while it is open.

Who pays need not be the patient, nor anybody who may know of their care. The patient's name and
what it is for are told to the patient and to who acts for them, and only as it is issued: a
reminder is planned weeks ahead, and who acts for whom may have ended by then.
"""

from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from notifications import clock
from notifications.enums import Reason
from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service
from notifications.types import Refused
from portal.access import wards_of
from portal.models import Statement, User
from portal.notification_types.payment_confirmation import PaymentConfirmationPayload
from portal.notification_types.payment_due import PaymentDuePayload
from portal.services.entries import known
from portal.services.planning import check_days, held_patient, note, plan_steps
from portal.services.timing import A_DAY, Step, day_of, steps_about, zone_of

# Days after the day it is due, by the name of the step.
STEPS = {"3-before": -3, "7-after": 7, "21-after": 21}
GOOD_FOR = 60  # days after it is due, for the last
CENT = Decimal("0.01")
MOST = Decimal("1000000")


@transaction.atomic
def issue_statement(
    *,
    patient_id: UUID,
    amount: Decimal,
    due_on: date,
    actor: str,
    guarantor_id: UUID | None = None,
    issued_on: date | None = None,
    what_for: str = "",
) -> Statement:
    """Issue a statement in US dollars, tell who pays, and plan what reminds them.

    That is `guarantor_id`, else the patient's guarantor, else the patient. `issued_on` is today
    if None. Raises Refused naming the field, and for a payer who died or left.
    """
    patient = held_patient(patient_id)
    payer_id = guarantor_id or patient.guarantor_id or patient.pk
    payer = known(User.objects, payer_id, "guarantor_id")
    if payer.departure:
        message = _("Who pays is no longer a patient here. Choose who pays instead.")
        raise Refused(message, field="guarantor_id")
    check_days(issued_on=issued_on, due_on=due_on)
    zone = zone_of(payer.pk)
    issued_on = issued_on or day_of(clock.now(), zone=zone)
    if due_on < issued_on:
        raise Refused(_("It cannot be due before it is issued."), field="due_on")
    row = Statement.objects.create(
        patient=patient,
        guarantor=payer,
        amount=str(_in_cents(amount)),
        what_for=what_for.strip() or None,
        issued_on=issued_on,
        due_on=due_on,
        created_at=clock.now(),
    )
    note(row, patient_id=patient.pk, change="issued", actor=actor)
    _tell(row, actor=actor)
    _plan(row, zone=zone)
    return row


@transaction.atomic
def pay_statement(
    *,
    statement_id: UUID,
    actor: str,
    paid_on: date | None = None,
    paid_with: str = "",
    receipt_number: str = "",
) -> Statement:
    """Note that a statement is paid: no reminder any more, and a receipt. Twice: no change.

    `paid_on` is today if None. Who died or left gets no receipt. Raises Refused for one that was
    withdrawn.
    """
    row = _held(statement_id)
    if row.paid_at is not None:
        return row
    if row.withdrawn_at is not None:
        raise Refused(_("This statement was withdrawn."), field="statement_id")
    row.paid_at = clock.now()
    _say_it_is_paid(row, actor=actor)
    _close(row, change="paid", actor=actor)
    if row.guarantor.departure:
        return row
    patient_notification_service.create_notification(
        patient_id=row.guarantor_id,
        payload=PaymentConfirmationPayload(
            payment_id=row.pk,
            amount=Decimal(row.amount),
            paid_on=paid_on or day_of(clock.now(), zone=zone_of(row.guarantor_id)),
            paid_with=paid_with,
            receipt_number=receipt_number,
        ),
        key=f"{row.subject}:paid",
        actor=actor,
        subject=row.subject,
    )
    return row


@transaction.atomic
def withdraw_statement(*, statement_id: UUID, actor: str) -> Statement:
    """Take back a statement that is not paid: nothing more is said of it. Twice: no change."""
    row = _held(statement_id)
    if row.withdrawn_at is not None:
        return row
    if row.paid_at is not None:
        raise Refused(_("This statement is paid."), field="statement_id")
    row.withdrawn_at = clock.now()
    _close(row, change="withdrawn", actor=actor)
    return row


def resume_statements(payer_id: UUID) -> None:
    """Plan what reminds somebody who is a patient again of what is still to be paid."""
    rows = Statement.objects.select_for_update().filter(guarantor=payer_id)
    for row in rows.filter(paid_at=None, withdrawn_at=None).order_by("pk"):
        _plan(row, zone=zone_of(payer_id))


def may_know_of(patient: User, *, person: User) -> bool:
    """Return whether somebody is the patient, or may act for them now."""
    return person.pk == patient.pk or wards_of(person).filter(patient=patient).exists()


def known_to(person: User) -> set[UUID]:
    """Return of whom somebody may know, as `may_know_of` says of one. One query."""
    return {person.pk, *wards_of(person).values_list("patient_id", flat=True)}


# -- the row -------------------------------------------------------------------------------------


def _held(statement_id: UUID) -> Statement:
    return known(Statement.objects.select_for_update(), statement_id, "statement_id")


def _in_cents(amount: Decimal) -> Decimal:
    """Return a sum in dollars and cents. Raises Refused for what is no such sum."""
    if not isinstance(amount, Decimal) or not amount.is_finite():
        raise Refused(_("Write an amount in dollars and cents."), field="amount")
    if not 0 < amount <= MOST:
        raise Refused(_("This is no amount that can be asked for."), field="amount")
    if amount != amount.quantize(CENT):
        raise Refused(_("Write an amount in dollars and cents."), field="amount")
    return amount.quantize(CENT)


def _close(row: Statement, *, change: str, actor: str) -> None:
    row.save(update_fields=["paid_at", "withdrawn_at"])
    note(row, patient_id=row.patient_id, change=change, actor=actor)
    notification_scheduler_service.cancel(subject=row.subject, reason=Reason.WITHDRAWN)


# -- what is said --------------------------------------------------------------------------------


def _say_it_is_paid(row: Statement, *, actor: str) -> None:
    """Let the message that asks for the money say that it is paid.

    Plans end first, as wherever both change: who makes a message of one holds it, then the inbox.
    """
    about = {"subject": row.subject}
    scheduler = notification_scheduler_service
    scheduler.cancel(**about, reason=Reason.WITHDRAWN, rules=list(STEPS))
    scheduler.note_done(**about, action=PaymentDuePayload.leads_to, actor=actor, is_read=False)


def _tell(row: Statement, *, actor: str) -> None:
    """Say at once that it is there; what for and for whom, to who may know."""
    may_know = may_know_of(row.patient, person=row.guarantor)
    is_own = row.guarantor_id == row.patient_id
    patient_notification_service.create_notification(
        patient_id=row.guarantor_id,
        payload=PaymentDuePayload(
            statement_id=row.pk,
            amount=Decimal(row.amount),
            due_on=row.due_on,
            what_for=(row.what_for or "") if may_know else "",
            patient_name=row.patient.display_name if may_know and not is_own else "",
        ),
        key=f"{row.subject}:issued",
        actor=actor,
        subject=row.subject,
    )


def _plan(row: Statement, *, zone: str) -> None:
    """Plan the reminders that are not due yet: who hears of it now needs none as well."""
    until = row.due_on + GOOD_FOR * A_DAY
    steps = steps_about(row.due_on, days=STEPS, until=until, zone=zone)
    tomorrow = clock.now() + A_DAY
    plan_steps(
        [step for step in steps if step.due_at > tomorrow],
        patient_id=row.guarantor_id,
        subject=row.subject,
        prefix=row.subject,
        payload=lambda step: _reminder(row, step),
    )


def _reminder(row: Statement, step: Step) -> PaymentDuePayload:
    is_own = row.guarantor_id == row.patient_id
    return PaymentDuePayload(
        statement_id=row.pk,
        amount=Decimal(row.amount),
        due_on=row.due_on,
        what_for=(row.what_for or "") if is_own else "",
        is_overdue=STEPS[step.name] > 0,
        current_until=step.follows_at,
    )

"""A question about a bill: who pays asks for a call, and may think better of it."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from notifications import calls, clock
from notifications.calls import CallTask
from notifications.enums import CallOutcome, CallReason
from notifications.types import Refused
from portal.models import Statement
from portal.services.wishes import checked_note, hours_of


@transaction.atomic
def ask_about_statement(
    *, statement_id: UUID, payer_id: UUID, actor: str, note: str = ""
) -> CallTask:
    """Put a call about a bill on the desk's list, with what the payer wrote; return it.

    While one waits, a second press changes nothing. Raises Statement.DoesNotExist for what
    somebody else pays, and Refused for one that was withdrawn and a note that is too long.
    """
    row = _held(statement_id, payer_id)
    if row.withdrawn_at is not None:
        raise Refused(_("This bill was withdrawn. There is nothing to pay."), field="statement_id")
    note = checked_note(note)
    about = {"subject": row.subject, "reason": CallReason.BILL}
    waiting = calls.open_about(subjects=[row.subject], reason=CallReason.BILL).get(row.subject)
    return waiting or calls.open_call(
        **about,
        patient_id=payer_id,
        key=f"{row.subject}:question:{calls.count_about(**about) + 1}",
        due_at=clock.now(),
        call_by=_call_by(row),
        note=note,
        actor=actor,
    )


@transaction.atomic
def take_back_question(*, statement_id: UUID, payer_id: UUID, actor: str) -> int:
    """Take the call off the desk's list; return how many. None waits: no change."""
    row = _held(statement_id, payer_id)
    about = {"subject": row.subject, "reasons": [CallReason.BILL]}
    return calls.settle_about(**about, outcome=CallOutcome.CANCELLED, actor=actor)


def question_about(row: Statement) -> CallTask | None:
    """Return the call about a bill that is still to be made, or None."""
    return calls.open_about(subjects=[row.subject], reason=CallReason.BILL).get(row.subject)


def _held(statement_id: UUID, payer_id: UUID) -> Statement:
    """Return a payer's own statement, held so that of two presses one asks."""
    own = Statement.objects.filter(guarantor_id=payer_id)
    whole = own.select_related("guarantor__home_location")
    return whole.select_for_update(of=("self",)).get(pk=statement_id)


def _call_by(row: Statement) -> datetime | None:
    """Return by when we call, as the payer is told: the end of the next working day, aware.

    None for a payer of no location in particular, and where nobody is in for long.
    """
    place = row.guarantor.home_location
    if place is None:
        return None
    hours = hours_of(place)
    return hours.first_closing_after(hours.day_of(clock.now()))

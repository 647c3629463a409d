"""What becomes of a ladder when one of its rungs has ended. Pure: rows may be unsaved."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from notifications.enums import OPEN_STATUSES, CallOutcome, DeliveryStatus, Reason
from notifications.models import Delivery

# What may still reach the patient, or has: also what is being asked about.
UNDER_WAY = (*OPEN_STATUSES, DeliveryStatus.SENDING, DeliveryStatus.ACCEPTED)
ARRIVING = (*UNDER_WAY, DeliveryStatus.DELIVERED, DeliveryStatus.UNKNOWN)
GIVEN_UP = Q(status=DeliveryStatus.UNKNOWN, reason=Reason.ANSWER_UNSETTLED)
CAPPED = Q(status=DeliveryStatus.SKIPPED, reason=Reason.RATE_LIMITED)
# It failed, it may have gone and nobody can tell, or its number had had enough texts.
ENDED_BADLY = Q(status=DeliveryStatus.FAILED) | GIVEN_UP | CAPPED
SAID_ELSEWHERE = (Reason.MERGED, Reason.DUPLICATE)
OVER = {
    Reason.ANSWERED: CallOutcome.ANSWERED,
    Reason.CANCELLED: CallOutcome.CANCELLED,
    Reason.WITHDRAWN: CallOutcome.CANCELLED,
    Reason.DEPARTED: CallOutcome.CANCELLED,
}


@dataclass(frozen=True, kw_only=True)
class NextStep:
    """What comes next: the rung `step` comes forward, or, where none is left, the call does.

    `outcome`: the ladder is over, and so ends its call. None of the three: it waits.
    """

    step: int | None = None
    is_call: bool = False
    outcome: CallOutcome | None = None


def next_step(*, rungs: Sequence[Delivery], ended: Delivery) -> NextStep:
    """Return what comes next on a ladder, now that one of its `rungs` stands as it does.

    Nothing does while another device of the same rung, or a later rung, may still reach the
    patient, or has: that one asks now.
    """
    if ended.reason in OVER:
        return NextStep(outcome=OVER[ended.reason])
    if not came_to_nothing(ended):
        return NextStep()
    others = [each for each in rungs if each.pk != ended.pk and each.step >= ended.step]
    waiting = [each for each in others if each.status in OPEN_STATUSES]
    if any(each.step == ended.step for each in waiting):
        return NextStep()
    if any(is_arriving(each) for each in others if each.status not in OPEN_STATUSES):
        return NextStep()
    first = min((each.step for each in waiting), default=None)
    return NextStep(step=first, is_call=first is None)


def is_ladder(rungs: Sequence[Delivery]) -> bool:
    """Return whether a message's deliveries outside are rungs: those count from 1."""
    return bool(rungs) and all(each.step for each in rungs)


def has_ended_badly(row: Delivery) -> bool:
    """Return whether another is to take its place: ENDED_BADLY, asked of one row."""
    if row.status == DeliveryStatus.UNKNOWN:
        return row.reason == Reason.ANSWER_UNSETTLED
    if row.status == DeliveryStatus.SKIPPED:
        return row.reason == Reason.RATE_LIMITED
    return row.status == DeliveryStatus.FAILED


def came_to_nothing(row: Delivery) -> bool:
    """Return whether a delivery ended without saying it to the patient: failed, or not sent."""
    is_skipped = row.status == DeliveryStatus.SKIPPED and row.reason not in (*OVER, *SAID_ELSEWHERE)
    return is_skipped or has_ended_badly(row)


def is_arriving(row: Delivery) -> bool:
    """Return whether a delivery may still reach the patient, or has, or another says it."""
    if row.status == DeliveryStatus.SKIPPED:
        return row.reason in SAID_ELSEWHERE
    return row.status in ARRIVING and not has_ended_badly(row)

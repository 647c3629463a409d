"""What becomes of a ladder when one of its rungs has ended. Pure: rows may be unsaved."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from notifications.enums import (
    OPEN_STATUSES,
    CallOutcome,
    DeliveryStatus,
    PatientNotificationPriority,
    Reason,
)
from notifications.models import Delivery, PatientNotification

# What may still reach the patient, or has: also what is being asked about.
UNDER_WAY = (*OPEN_STATUSES, DeliveryStatus.SENDING, DeliveryStatus.ACCEPTED)
ARRIVING = (*UNDER_WAY, DeliveryStatus.DELIVERED, DeliveryStatus.UNKNOWN)
GIVEN_UP = Q(status=DeliveryStatus.UNKNOWN, reason=Reason.ANSWER_UNSETTLED)
CAPPED = Q(status=DeliveryStatus.SKIPPED, reason=Reason.RATE_LIMITED)
# It failed, it may have gone and nobody can tell, or its number had had enough texts.
ENDED_BADLY = Q(status=DeliveryStatus.FAILED) | GIVEN_UP | CAPPED
PRESSING = PatientNotificationPriority.HIGH.rank  # and what ranks before it
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

    def is_at(self, row: Delivery) -> bool:
        """Return whether a delivery is of the rung that comes forward."""
        return self.step is not None and row.step == self.step


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


def stand_ins(*, rows: Sequence[Delivery], ended: Delivery) -> list[Delivery]:
    """Return what takes the place of a delivery that ended badly, of a message without a ladder.

    That is what is off by default for its type, once nothing else may bring it any more. What was
    opened before, and is off all the same, stays off.
    """
    if any(is_arriving(each) for each in rows if each.pk != ended.pk):
        return []
    return [
        each
        for each in rows
        if each.status == DeliveryStatus.SKIPPED
        and each.reason == Reason.DEFAULT_OFF
        and each.contact_id is not None
        and each.step <= ended.step
    ]


def is_for_a_call(message: PatientNotification, rows: Sequence[Delivery]) -> bool:
    """Return whether nothing may bring a message because of how the patient asked to be reached.

    So for what is pressing, and for a ladder, which then asks the desk at once (H-13).
    """
    forbidden = [row for row in rows if row.reason == Reason.CONFIDENTIAL]
    is_needed = is_ladder(rows) or (bool(forbidden) and forbidden[0].rank <= PRESSING)
    if not forbidden or not is_needed or message.read_at or message.acted_at:
        return False
    return not any(is_arriving(row) or row.reason in OVER for row in rows)

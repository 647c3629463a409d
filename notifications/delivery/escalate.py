"""What one channel could not bring goes on the next one at once: R-08, W5.

The next rung of a ladder comes forward, and after the last the call. A message without a ladder,
all of whose channels failed, goes on those that are off by default for its type, never on one the
patient turned off; `policy` decides that when it is claimed, as for any other. A text that yielded
because its number had enough counts as one that failed. What nothing may bring because of how the
patient asked to be reached is called about (H-13).
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from notifications import calls, clock
from notifications.delivery.climbing import (
    ENDED_BADLY,
    PRESSING,
    has_ended_badly,
    is_for_a_call,
    is_ladder,
    next_step,
    stand_ins,
)
from notifications.delivery.statuses import audit_settled, move
from notifications.enums import (
    OPEN_STATUSES,
    CallOutcome,
    CallReason,
    DeliveryStatus,
    PatientNotificationChannel,
    Reason,
)
from notifications.models import Delivery, PatientNotification

WAS_OFF = Q(status=DeliveryStatus.SKIPPED, reason=Reason.DEFAULT_OFF, contact__isnull=False)


def escalate(row: Delivery) -> int:
    """Move on from a delivery that ended badly; return how many deliveries take its place.

    Asked after every change: one that did not end badly, or may still be settled, changes nothing.
    """
    if not has_ended_badly(row):
        return 0
    rows = _outside([row.notification_id])[row.notification_id]
    count = _move_on(row, rows)
    _call_about_what_may_not_be_written(row.notification, rows)
    return count + _move_on_merged(row)


def escalate_messages_of(rows: Sequence[Delivery]) -> None:
    """Move on from what was skipped, and from what failed before, where these were the last.

    An e-mail may have bounced while the text was still to be decided on, or a text has just
    yielded. One query where nothing could take its place and nobody has to be told.
    """
    messages = {row.notification_id for row in rows}
    others = Delivery.objects.filter(notification=OuterRef("notification"))
    others = others.filter(channel__in=channels_outside())
    could_help = others.filter(WAS_OFF, step__lte=OuterRef("step")) | others.filter(
        status__in=OPEN_STATUSES, step__gt=OuterRef("step")
    )
    failed = Delivery.objects.filter(ENDED_BADLY, Exists(could_help), notification_id__in=messages)
    for each in failed.select_related("notification"):
        escalate(each)
    watched = {
        row.notification_id: row.notification for row in rows if row.step or row.rank <= PRESSING
    }
    of_message = _outside(watched) if watched else {}
    _climb({row.pk for row in rows}, list(of_message.values()))
    for notification_id, outside in of_message.items():
        _call_about_what_may_not_be_written(watched[notification_id], outside)


def channels_outside() -> list[str]:
    """Return the channels that leave the portal."""
    return [cls.key for cls in PatientNotificationChannel.classes() if cls.contact_kind]


def _outside(notification_ids: Collection[UUID]) -> dict[UUID, list[Delivery]]:
    """Return what leaves the portal of each message, in the order of its steps. One query."""
    rows = Delivery.objects.filter(
        notification_id__in=list(notification_ids), channel__in=channels_outside()
    )
    found: dict[UUID, list[Delivery]] = defaultdict(list)
    for row in rows.select_related("notification").order_by("step", "id"):
        found[row.notification_id].append(row)
    return found


def _move_on_merged(lead: Delivery) -> int:
    """Move on from what a message said as well, where nobody can tell whether that ever went.

    What it said when it failed is planned again instead, to be said alone.
    """
    if lead.status != DeliveryStatus.UNKNOWN:
        return 0
    merged = Delivery.objects.filter(merged_into=lead, status=DeliveryStatus.SKIPPED)
    parts = list(merged.select_related("notification").order_by("id"))
    of_message = _outside([part.notification_id for part in parts]) if parts else {}
    for part in parts:
        part.status, part.reason = lead.status, lead.reason  # as good as; not written
    return sum(_move_on(part, of_message[part.notification_id]) for part in parts)


def _climb(ended: Collection[UUID], messages: Sequence[Sequence[Delivery]]) -> None:
    """Do what comes next on the ladders among some messages of which rungs have ended."""
    ladders = [rungs for rungs in messages if is_ladder(rungs)]
    _follow([(row, rungs) for rungs in ladders for row in rungs if row.pk in ended])


def _move_on(row: Delivery, rows: Sequence[Delivery]) -> int:
    """Do what comes next after a delivery; return how many take its place."""
    following = next_step(rungs=rows, ended=row)
    if following.outcome is not None or following.step is not None or is_ladder(rows):
        return _follow([(row, rows)])
    return _open(stand_ins(rows=rows, ended=row), step=row.step + 1)


def _follow(ended: Sequence[tuple[Delivery, Sequence[Delivery]]]) -> int:
    """Do what comes next after rungs, each with all of its ladder; return how many come forward.

    As many statements for many as for few.
    """
    following = [(next_step(rungs=rungs, ended=row), row, rungs) for row, rungs in ended]
    outcomes: dict[CallOutcome, set[UUID]] = defaultdict(set)
    for step, row, _rungs in following:
        if step.outcome is not None:
            outcomes[step.outcome].add(row.notification_id)
    for outcome, messages in outcomes.items():
        calls.settle(notification_ids=messages, outcome=outcome)
    to_call = {row.notification_id for step, row, _rungs in following if step.is_call}
    if to_call:
        calls.bring_forward(notification_ids=to_call)
    next_rungs = [each for step, _row, rungs in following for each in rungs if step.is_at(each)]
    return _bring_forward(next_rungs) if next_rungs else 0


def _bring_forward(rows: Sequence[Delivery]) -> int:
    later = Delivery.objects.filter(
        pk__in=[row.pk for row in rows], status__in=OPEN_STATUSES, due_at__gt=clock.now()
    )
    return later.update(due_at=clock.now())


def _open(rows: Sequence[Delivery], *, step: int) -> int:
    opened = [
        each
        for each in sorted(rows, key=lambda row: row.pk)
        if move(
            each,
            DeliveryStatus.PLANNED,
            reason=Reason.NONE,
            reason_params={},
            step=step,
            due_at=clock.now(),
        )
    ]
    audit_settled(opened)
    return len(opened)


def _call_about_what_may_not_be_written(
    message: PatientNotification, outside: Sequence[Delivery]
) -> None:
    """Put a call on the list where nothing is left, for the patient asked us not to write."""
    if not is_for_a_call(message, outside):
        return
    why = CallReason.CONFIDENTIAL
    if calls.bring_forward(notification_ids=[message.pk], reason=why):
        return
    calls.open_call(
        patient_id=message.patient_id,
        reason=why,
        key=f"confidential:{message.pk}",
        due_at=clock.now(),
        call_by=message.expires_at,
        notification=message,
        delivery=next(row for row in outside if row.reason == Reason.CONFIDENTIAL),
    )

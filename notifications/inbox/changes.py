"""The changes a patient can make to one message, each idempotent and each with a way back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from notifications import audit, clock, realtime
from notifications.enums import AuditAction, InboxEventKind, PatientNotificationType
from notifications.inbox.calling import has_been_read, is_unread_again
from notifications.models import PatientNotification
from notifications.types import Refused, payload_of

Apply = Callable[[PatientNotification, datetime], dict]
Change = tuple[InboxEventKind, Apply]
LONGEST_SNOOZE = timedelta(days=36_525)  # further away no zone can tell the time
# A message lies in one list: whatever moves it takes it out of the others.
IN_THE_INBOX = {"dismissed_at": None, "archived_at": None, "snoozed_until": None}


def change(
    *, patient_id: UUID, notification_id: UUID, event: InboxEventKind, apply: Apply, actor: str
) -> PatientNotification:
    """Alter one row of a patient as `apply` says: the fields to set, none for "already so".

    Raises PatientNotification.DoesNotExist when it is not theirs.
    """
    with transaction.atomic():
        realtime.lock(patient_id=patient_id)
        row = PatientNotification.objects.get(patient_id=patient_id, pk=notification_id)
        changes = apply(row, clock.now())
        if changes:
            _write(row, changes, event=event, actor=actor)
    return row


def _write(row: PatientNotification, changes: dict, *, event: InboxEventKind, actor: str) -> None:
    was_counted = is_counted(row)
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=list(changes))
    is_taken_back = event == InboxEventKind.ACTED and row.acted_at is None
    realtime.record(
        patient_id=row.patient_id,
        event=event,
        notification_id=row.pk,
        unread_delta=is_counted(row) - was_counted,
    )
    audit.record(
        action=AuditAction.INBOX,
        actor=actor,
        patient_id=row.patient_id,
        obj=row,
        change="answer_taken_back" if is_taken_back else str(event),
    )
    if changes.keys() & {"read_at", "acted_at"}:
        _tell_desk(row, actor=actor)


def _tell_desk(row: PatientNotification, *, actor: str) -> None:
    """Nobody needs to call about what has been read; of what is unread again somebody may."""
    tell = has_been_read if row.read_at or row.acted_at else is_unread_again
    tell(notification_ids=[row.pk], actor=actor)


def reading(row: PatientNotification, now: datetime) -> dict:
    return {} if row.read_at else {"read_at": now, "read_batch": None}


def unreading(row: PatientNotification, now: datetime) -> dict:
    return {"read_at": None, "read_batch": None} if row.read_at else {}


def dismissing(row: PatientNotification, now: datetime) -> dict:
    return {} if row.dismissed_at else {**IN_THE_INBOX, "dismissed_at": now}


def archiving(row: PatientNotification, now: datetime) -> dict:
    return {} if row.archived_at else {**IN_THE_INBOX, "archived_at": now}


def restoring(row: PatientNotification, now: datetime) -> dict:
    away = row.dismissed_at or row.archived_at or row.snoozed_until
    return dict(IN_THE_INBOX) if away else {}


def waking(row: PatientNotification, now: datetime) -> dict:
    is_due = row.snoozed_until is not None and row.snoozed_until <= now
    return {"snoozed_until": None, "read_at": None, "read_batch": None} if is_due else {}


def expiring(row: PatientNotification, now: datetime) -> dict:
    return {} if row.expired_at else {"expired_at": now}


def outdating(row: PatientNotification, now: datetime) -> dict:
    """What it said is no longer so: no buttons, and no longer counted."""
    return {} if row.expired_at else {"expired_at": now, "expires_at": now}


def snoozing(until: datetime) -> Apply:
    """Return what hides a message until a moment (aware). It raises Refused for a useless one."""

    def apply(row: PatientNotification, now: datetime) -> dict:
        if until <= now:
            raise Refused(_("Choose a time that is still to come."), field="until")
        if until >= min(row.expires_at or now + LONGEST_SNOOZE, now + LONGEST_SNOOZE):
            raise Refused(_("That is too late for this message."), field="until")
        return {} if row.snoozed_until == until else {**IN_THE_INBOX, "snoozed_until": until}

    return apply


def acting(action: str) -> Apply:
    """Return what marks a message as answered. It raises Refused for what it does not ask.

    What was done where it leads to gives way to an answer to the message itself.
    """

    def apply(row: PatientNotification, now: datetime) -> dict:
        if row.acted_at and (row.action_taken == action or not _was_settled_elsewhere(row)):
            return {}
        payload = payload_of(type_key=row.type, data=row.payload)
        if payload is None or action not in payload.actions():
            raise Refused(_("This message does not ask for that."), field="action")
        return {"acted_at": now, "action_taken": action, "read_at": row.read_at or now}

    return apply


def noting(action: str, *, is_read: bool) -> Apply:
    """Return what marks a message as settled where it leads to, unless it was answered."""

    def apply(row: PatientNotification, now: datetime) -> dict:
        if row.acted_at or _leads_to(row) != action:
            return {}
        read = {"read_at": row.read_at or now} if is_read else {}
        return {"acted_at": now, "action_taken": action} | read

    return apply


def asking_again(action: str) -> Apply:
    """Return what takes that back."""

    def apply(row: PatientNotification, now: datetime) -> dict:
        return {"acted_at": None, "action_taken": ""} if row.action_taken == action else {}

    return apply


def _was_settled_elsewhere(row: PatientNotification) -> bool:
    return bool(row.action_taken) and row.action_taken == _leads_to(row)


def _leads_to(row: PatientNotification) -> str:
    return getattr(PatientNotificationType.get(row.type), "leads_to", "")  # of a retired type: none


# By the word for it in an address. Each sets the same fields of any row it changes to the same.
CHANGES: dict[str, Change] = {
    "read": (InboxEventKind.READ, reading),
    "unread": (InboxEventKind.UNREAD, unreading),
    "dismiss": (InboxEventKind.DISMISSED, dismissing),
    "archive": (InboxEventKind.ARCHIVED, archiving),
    "restore": (InboxEventKind.RESTORED, restoring),
}


def is_counted(row: PatientNotification) -> bool:
    """Return whether the badge counts a row: COUNTED of the models, asked of one row."""
    marks = (row.read_at, row.dismissed_at, row.archived_at, row.snoozed_until, row.expired_at)
    return not any(marks)

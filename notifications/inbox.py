"""A patient's inbox: what is in it, and every change a patient can make and take back.

A change locks the patient's counters, alters the row, writes one event and one audit row; a
change that is already so writes nothing. Dismissing and archiving keep the read state.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from notifications import audit, clock, realtime
from notifications.crypto import new_id
from notifications.enums import (
    AuditAction,
    Category,
    InboxEventKind,
    PatientNotificationType,
)
from notifications.models import COUNTED, LIVE, InboxEvent, InboxState, PatientNotification
from notifications.realtime import Changes
from notifications.types import Refused, payload_of

EVENTS_KEPT = timedelta(days=30)
LONGEST_PAGE = 100
STATUSES = {
    "inbox": LIVE & Q(snoozed_until=None),
    "archived": Q(archived_at__isnull=False),
    "dismissed": Q(dismissed_at__isnull=False),
    "snoozed": LIVE & Q(snoozed_until__isnull=False),
    "all": Q(),
}


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of an inbox, newest first; `seq` and `unread` were read before the items."""

    items: list[PatientNotification]
    next_cursor: str
    unread: int
    seq: int


@dataclass(frozen=True, kw_only=True)
class ReadBatch:
    """What "read all" did; `batch` takes it back, None when nothing was unread."""

    count: int
    batch: UUID | None
    unread: int


# -- reading ------------------------------------------------------------------------------------


def page(
    *,
    patient_id: UUID,
    status: str,
    unread_only: bool,
    type_key: str,
    category: str,
    before: str,
    limit: int,
) -> Page:
    """Return a page in two queries. Raises Refused naming the field that is wrong."""
    rows = _matching(patient_id, status, unread_only, type_key, category, before)
    if not 1 <= limit <= LONGEST_PAGE:
        message = _("Ask for 1 to %(most)s at a time.") % {"most": LONGEST_PAGE}
        raise Refused(message, field="limit")
    seq, unread = realtime.position(patient_id=patient_id)
    found = list(rows.order_by("-seq")[: limit + 1])
    cursor = str(found[limit - 1].seq) if len(found) > limit else ""
    return Page(items=found[:limit], next_cursor=cursor, unread=unread, seq=seq)


def _matching(
    patient_id: UUID, status: str, unread_only: bool, type_key: str, category: str, before: str
) -> QuerySet[PatientNotification]:
    if status not in STATUSES:
        raise Refused(_known(status, STATUSES), field="status")
    rows = PatientNotification.objects.filter(STATUSES[status], patient_id=patient_id)
    if unread_only:
        rows = rows.filter(COUNTED if status == "inbox" else Q(read_at=None))
    if type_key:
        if type_key not in PatientNotificationType:
            raise Refused(_known(type_key, PatientNotificationType.values), field="type")
        rows = rows.filter(type=type_key)
    if category:
        rows = rows.filter(type__in=types_of(category))
    if before:
        if not before.isdecimal() or len(before) > 18:
            message = _("This is not a cursor. Take it from the link to the next page.")
            raise Refused(message, field="before")
        rows = rows.filter(seq__lt=int(before))
    return rows


def types_of(category: str) -> list[str]:
    """Return the types of a category. Raises Refused naming the known ones."""
    if category not in Category.values:
        raise Refused(_known(category, Category.values), field="category")
    classes = PatientNotificationType.classes()
    return [cls.type_key for cls in classes if cls.category == category]


def _known(value: str, known) -> str:
    return _("%(value)s is not known; known are: %(known)s") % {
        "value": value,
        "known": ", ".join(known),
    }


def changes_since(*, patient_id: UUID, seq: int) -> Changes:
    """Return the events after `seq` in order; resync when the first of them is gone."""
    (changes,) = realtime.changes_since(positions=[(patient_id, seq)])
    return changes


def is_counted(row: PatientNotification) -> bool:
    """Return whether the badge counts a row: COUNTED of the models, asked of one row."""
    marks = (row.read_at, row.dismissed_at, row.archived_at, row.snoozed_until, row.expired_at)
    return not any(marks)


# -- one row ------------------------------------------------------------------------------------

Apply = Callable[[PatientNotification, datetime], dict]


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
        change=str(event),
    )


def reading(row: PatientNotification, now: datetime) -> dict:
    return {} if row.read_at else {"read_at": now, "read_batch": None}


def unreading(row: PatientNotification, now: datetime) -> dict:
    return {"read_at": None, "read_batch": None} if row.read_at else {}


def dismissing(row: PatientNotification, now: datetime) -> dict:
    return {} if row.dismissed_at else {"dismissed_at": now, "archived_at": None}


def archiving(row: PatientNotification, now: datetime) -> dict:
    return {} if row.archived_at else {"archived_at": now, "dismissed_at": None}


def restoring(row: PatientNotification, now: datetime) -> dict:
    away = row.dismissed_at or row.archived_at or row.snoozed_until
    return {"dismissed_at": None, "archived_at": None, "snoozed_until": None} if away else {}


def waking(row: PatientNotification, now: datetime) -> dict:
    return {"snoozed_until": None, "read_at": None} if row.snoozed_until else {}


def expiring(row: PatientNotification, now: datetime) -> dict:
    return {} if row.expired_at else {"expired_at": now}


def snoozing(until: datetime) -> Apply:
    """Return what hides a message until a moment (aware). It raises Refused for a useless one."""

    def apply(row: PatientNotification, now: datetime) -> dict:
        if until <= now:
            raise Refused(_("Choose a time that is still to come."), field="until")
        if row.expires_at is not None and until >= row.expires_at:
            raise Refused(_("That is too late for this message."), field="until")
        return {} if row.snoozed_until == until else {"snoozed_until": until}

    return apply


def acting(action: str) -> Apply:
    """Return what marks a message as answered. It raises Refused for what it does not ask."""

    def apply(row: PatientNotification, now: datetime) -> dict:
        if row.acted_at:
            return {}
        payload = payload_of(type_key=row.type, data=row.payload)
        if payload is None or action not in payload.actions():
            raise Refused(_("This message does not ask for that."), field="action")
        return {"acted_at": now, "action_taken": action, "read_at": row.read_at or now}

    return apply


# -- many rows ----------------------------------------------------------------------------------


@transaction.atomic
def mark_all_read(
    *, patient_id: UUID, up_to: int | None, category: str, type_key: str, actor: str
) -> ReadBatch:
    """Mark what is unread as read, up to a `seq` and within a filter, in one statement."""
    realtime.lock(patient_id=patient_id)
    rows = _matching(patient_id, "inbox", True, type_key, category, "")
    if up_to is not None:
        rows = rows.filter(seq__lte=up_to)
    batch = new_id()
    count = rows.update(read_at=clock.now(), read_batch=batch)
    if count:
        realtime.record(patient_id=patient_id, event=InboxEventKind.READ_ALL, unread_delta=-count)
        audit.record(
            action=AuditAction.INBOX,
            actor=actor,
            patient_id=patient_id,
            change="read_all",
            batch=batch,
            count=count,
        )
    _seq, unread = realtime.position(patient_id=patient_id)
    return ReadBatch(count=count, batch=batch if count else None, unread=unread)


@transaction.atomic
def undo_read(*, patient_id: UUID, batch: UUID, actor: str) -> int:
    """Make a batch of "read all" unread again; return how many. A second time: 0."""
    realtime.lock(patient_id=patient_id)
    rows = PatientNotification.objects.filter(patient_id=patient_id, read_batch=batch)
    hidden = rows.exclude(LIVE & Q(snoozed_until=None, expired_at=None)).count()
    count = rows.update(read_at=None, read_batch=None)
    if count:
        realtime.record(
            patient_id=patient_id, event=InboxEventKind.UNREAD, unread_delta=count - hidden
        )
        audit.record(
            action=AuditAction.INBOX,
            actor=actor,
            patient_id=patient_id,
            change="undo_read_all",
            batch=batch,
            count=count,
        )
    return count


# -- what time does -----------------------------------------------------------------------------

ACTOR = "system:tick"


def expire_due(*, limit: int = 500) -> int:
    """Settle unread messages whose time has passed as "no longer current"; return how many."""
    past = Q(expires_at__lte=clock.now(), expired_at=None, read_at=None)
    return _each(past, event=InboxEventKind.EXPIRED, apply=expiring, limit=limit)


def wake_due(*, limit: int = 500) -> int:
    """Bring back, unread, what was snoozed until now; return how many."""
    due = Q(snoozed_until__lte=clock.now())
    return _each(due, event=InboxEventKind.WOKEN, apply=waking, limit=limit)


def _each(condition: Q, *, event: InboxEventKind, apply: Apply, limit: int) -> int:
    rows = PatientNotification.objects.filter(condition).values_list("patient_id", "pk")
    found = list(rows.order_by("pk")[:limit])
    for patient_id, pk in found:
        change(patient_id=patient_id, notification_id=pk, event=event, apply=apply, actor=ACTOR)
    return len(found)


def recount() -> int:
    """Put right any counter that does not say what the rows say; return how many were wrong."""
    counted = Count("patient__patientnotifications", filter=_counted_of_patient())
    wrong = InboxState.objects.annotate(truth=counted).exclude(truth=F("unread"))
    for state in wrong.order_by("pk"):
        _recount(state.patient_id)
    return len(wrong)


def _counted_of_patient() -> Q:
    marks = ("read_at", "dismissed_at", "archived_at", "snoozed_until", "expired_at")
    return Q(**{f"patient__patientnotifications__{mark}": None for mark in marks})


@transaction.atomic
def _recount(patient_id: UUID) -> None:
    realtime.lock(patient_id=patient_id)
    _seq, said = realtime.position(patient_id=patient_id)
    truth = PatientNotification.objects.filter(COUNTED, patient_id=patient_id).count()
    if truth != said:
        realtime.record(
            patient_id=patient_id,
            event=InboxEventKind.UNREAD_COUNT,
            unread_delta=truth - said,
        )


def forget_old_events() -> int:
    """Delete events older than 30 days; whoever asks for them is told to start over."""
    old = InboxEvent.objects.filter(created_at__lt=clock.now() - EVENTS_KEPT)
    return old.delete()[0]

"""Read all: one statement over what is unread and shown, and its undo."""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from notifications import audit, clock, realtime
from notifications.crypto import new_id
from notifications.enums import AuditAction, InboxEventKind
from notifications.inbox.calling import has_been_read, is_unread_again
from notifications.inbox.pages import matching
from notifications.models import LIVE, PatientNotification


@dataclass(frozen=True, kw_only=True)
class ReadBatch:
    """What "read all" did; `batch` takes it back, None when nothing was unread."""

    count: int
    batch: UUID | None
    unread: int


@transaction.atomic
def mark_all_read(
    *, patient_id: UUID, up_to: int | None, category: str, type_key: str, actor: str
) -> ReadBatch:
    """Mark what is unread as read, up to a `seq` and within a filter, in one statement."""
    realtime.lock(patient_id=patient_id)
    rows = matching(patient_id, "inbox", True, type_key, category, "")
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
        read = PatientNotification.objects.filter(patient_id=patient_id, read_batch=batch)
        has_been_read(notification_ids=read.values("pk"), actor=actor)
    _seq, unread = realtime.position(patient_id=patient_id)
    return ReadBatch(count=count, batch=batch if count else None, unread=unread)


@transaction.atomic
def undo_read(*, patient_id: UUID, batch: UUID, actor: str) -> int:
    """Make a batch of "read all" unread again; return how many. A second time: 0."""
    realtime.lock(patient_id=patient_id)
    rows = PatientNotification.objects.filter(patient_id=patient_id, read_batch=batch)
    hidden = rows.exclude(LIVE & Q(snoozed_until=None, expired_at=None)).count()
    ids = list(rows.values_list("pk", flat=True))
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
        is_unread_again(notification_ids=ids, actor=actor)
    return count

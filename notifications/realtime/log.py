"""Writing what changed in an inbox: a patient's changes are numbered without gaps, in order."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import connection
from django.db.transaction import TransactionManagementError

from notifications.enums import InboxEventKind
from notifications.models import InboxEvent, InboxState
from notifications.realtime.ringing import ring_on_commit

CHUNK = 300  # rows a statement: SQLite takes 999 parameters at most

ADVANCE = """
    INSERT INTO inbox_states (patient_id, last_seq, unread) VALUES {rows}
    ON CONFLICT (patient_id) DO UPDATE SET
        last_seq = inbox_states.last_seq + excluded.last_seq,
        unread = CASE WHEN inbox_states.unread + %s < 0 THEN 0 ELSE inbox_states.unread + %s END
    RETURNING patient_id, last_seq, unread
"""


def lock(*, patient_id: UUID) -> None:
    """Hold the patient's counters until the transaction ends, making them when there are none."""
    _require_transaction()
    _advance(patient_ids=[patient_id], steps=0, unread_delta=0)


def lock_all(*, patient_ids: Iterable[UUID]) -> None:
    """Hold the counters of many patients, taken in the order of their ids."""
    _require_transaction()
    _advance(patient_ids=sorted(set(patient_ids)), steps=0, unread_delta=0)


def record(
    *,
    patient_id: UUID,
    event: InboxEventKind,
    notification_id: UUID | None = None,
    unread_delta: int = 0,
    priority: str = "",
) -> InboxEvent:
    """Write one change of a patient's inbox and ring when the transaction commits.

    The event's `seq` is the next of the patient's own count; a created notification keeps it.
    Raises TransactionManagementError outside a transaction.
    """
    _require_transaction()
    counters = _advance(patient_ids=[patient_id], steps=1, unread_delta=unread_delta)
    seq, unread = counters[patient_id]
    ring_on_commit(patient_ids=[patient_id])
    return InboxEvent.objects.create(
        patient_id=patient_id,
        seq=seq,
        kind=event,
        notification_id=notification_id,
        priority=priority,
        unread=unread,
    )


def record_each(
    *, patient_id: UUID, event: InboxEventKind, rows: Sequence[tuple[UUID, int]]
) -> None:
    """Write the same change of several messages: (notification id, unread delta), in this order.

    Two statements for any number of them. Raises TransactionManagementError outside a transaction.
    """
    _require_transaction()
    delta = sum(each for _, each in rows)
    counters = _advance(patient_ids=[patient_id], steps=len(rows), unread_delta=delta)
    seq, unread = counters[patient_id]
    events = []
    for notification_id, each in reversed(rows):
        events.append(
            InboxEvent(
                patient_id=patient_id,
                seq=seq,
                kind=event,
                notification_id=notification_id,
                unread=unread,
            )
        )
        seq, unread = seq - 1, max(unread - each, 0)
    ring_on_commit(patient_ids=[patient_id])
    InboxEvent.objects.bulk_create(reversed(events), batch_size=CHUNK)


def record_created(*, rows: Sequence[tuple[UUID, UUID, str]]) -> dict[UUID, InboxEvent]:
    """Write one "created" for each (patient id, notification id, priority), a patient once.

    Counters are taken in the order of the ids, so that two broadcasts cannot lock each other
    out. Raises ValueError when a patient is named twice.
    """
    _require_transaction()
    ordered = sorted(rows, key=lambda row: row[0])
    patient_ids = [patient_id for patient_id, _, _ in ordered]
    if len(set(patient_ids)) < len(patient_ids):
        raise ValueError("record_created takes each patient once")
    counters = _advance(patient_ids=patient_ids, steps=1, unread_delta=1)
    events = [_created(row=row, counters=counters[row[0]]) for row in ordered]
    ring_on_commit(patient_ids=patient_ids)
    return {event.patient_id: event for event in InboxEvent.objects.bulk_create(events)}


def _created(*, row: tuple[UUID, UUID, str], counters: tuple[int, int]) -> InboxEvent:
    patient_id, notification_id, priority = row
    seq, unread = counters
    return InboxEvent(
        patient_id=patient_id,
        seq=seq,
        kind=InboxEventKind.CREATED,
        notification_id=notification_id,
        priority=priority,
        unread=unread,
    )


def _require_transaction() -> None:
    if not connection.in_atomic_block:
        raise TransactionManagementError("an inbox changes inside transaction.atomic() only")


def _advance(
    *, patient_ids: Sequence[UUID], steps: int, unread_delta: int
) -> dict[UUID, tuple[int, int]]:
    """Move counters and return (last seq, unread) by patient: one statement a chunk.

    The statement takes the rows' locks in the order given; they are held to the end of the
    transaction.
    """
    as_stored = InboxState._meta.pk.target_field.get_db_prep_value
    first = (steps, max(unread_delta, 0))
    counters: dict[UUID, tuple[int, int]] = {}
    for start in range(0, len(patient_ids), CHUNK):
        chunk = patient_ids[start : start + CHUNK]
        values = [value for each in chunk for value in (as_stored(each, connection), *first)]
        rows = ", ".join(["(%s, %s, %s)"] * len(chunk))
        with connection.cursor() as cursor:
            cursor.execute(ADVANCE.format(rows=rows), [*values, unread_delta, unread_delta])
            counters |= {UUID(str(row[0])): (row[1], row[2]) for row in cursor.fetchall()}
    return counters

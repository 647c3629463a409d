"""Plans of many subjects at once: made, set right and taken back. `scheduler` is the front door.

A plan is written to only while it is planned: what has become a message is history.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connection

from notifications import clock
from notifications.enums import PlanStatus
from notifications.models import ScheduledNotification
from notifications.types import NotificationPayload

ROWS_A_STATEMENT = 100

Plan = ScheduledNotification  # what the portal is handed of it


@dataclass(frozen=True, kw_only=True)
class PlanDraft:
    """A plan about to be made. `due_at` and `expires_at` are aware."""

    patient_id: UUID
    payload: NotificationPayload
    subject: str
    rule: str
    due_at: datetime
    key: str
    revision: int = 1
    expires_at: datetime | None = None


@dataclass(kw_only=True)
class PlanChange:
    """What a change would do to plans: which are no longer as they are, and what is instead.

    `rows` are not saved: plans that are new, and corrected copies of some of those `gone`.
    """

    gone: set[UUID] = field(default_factory=set)
    rows: list[Plan] = field(default_factory=list)


def plan_many(drafts: Iterable[PlanDraft]) -> None:
    """Write plans in the caller's transaction; one whose key is there already stays as it is."""
    rows = [row_of(draft) for draft in drafts]
    if rows:
        ScheduledNotification.objects.bulk_create(
            rows, ignore_conflicts=True, batch_size=ROWS_A_STATEMENT
        )


def row_of(draft: PlanDraft) -> Plan:
    """Return the row of a plan, not yet saved."""
    return ScheduledNotification(
        patient_id=draft.patient_id,
        type=draft.payload.type_key,
        payload=draft.payload.dump(),
        subject=draft.subject,
        rule=draft.rule,
        revision=draft.revision,
        key=draft.key,
        together=draft.payload.together(),
        due_at=draft.due_at,
        expires_at=draft.expires_at,
        created_at=clock.now(),
    )


def about(*, subjects: Iterable[str], hold: bool) -> dict[str, list[Plan]]:
    """Return every plan about each of these subjects, the earliest first; one query.

    With `hold`, rows are held until the transaction ends, so that none becomes a message meanwhile.
    """
    rows = ScheduledNotification.objects.filter(subject__in=list(subjects)).order_by("id")
    if hold and connection.features.has_select_for_update:
        rows = rows.select_for_update()
    found: dict[str, list[Plan]] = {}
    for row in sorted(rows, key=lambda row: row.due_at):
        found.setdefault(row.subject, []).append(row)
    return found


def standing_of_type(*, patient_ids: Iterable[UUID], type_key: str) -> list[Plan]:
    """Return the plans of a type that patients have, or had and that became a message."""
    rows = ScheduledNotification.objects.filter(patient_id__in=list(patient_ids), type=type_key)
    live = rows.filter(status__in=(PlanStatus.PLANNED, PlanStatus.SENT))
    return list(live.defer("payload").order_by("due_at"))


def correct(
    row: Plan,
    *,
    payload: NotificationPayload,
    due_at: datetime,
    expires_at: datetime | None,
) -> None:
    """Set a plan that the caller holds right: when it goes (aware), and what it will say."""
    set_right(row, payload=payload, due_at=due_at, expires_at=expires_at)
    row.save(update_fields=["type", "payload", "together", "due_at", "expires_at"])


def set_right(
    row: Plan,
    *,
    payload: NotificationPayload,
    due_at: datetime,
    expires_at: datetime | None,
) -> Plan:
    """Do the same to a row that nobody saves, and return it."""
    row.type, row.payload, row.together = payload.type_key, payload.dump(), payload.together()
    row.due_at, row.expires_at = due_at, expires_at
    return row


def withdraw(rows: Sequence[Plan], *, reason: str) -> int:
    """Cancel those of these plans that are still planned; return how many."""
    ids = [row.pk for row in rows]
    planned = ScheduledNotification.objects.filter(pk__in=ids, status=PlanStatus.PLANNED)
    return planned.update(status=PlanStatus.CANCELLED, reason=reason, settled_at=clock.now())

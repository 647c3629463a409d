"""One change of several messages at once: one transaction, and as many queries as for one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from notifications import audit, clock, realtime
from notifications.enums import AuditAction, InboxEventKind
from notifications.inbox.calling import has_been_read, is_unread_again
from notifications.inbox.changes import CHANGES, is_counted
from notifications.inbox.pages import LONGEST_PAGE, opened
from notifications.models import PatientNotification
from notifications.types import Refused


@dataclass(frozen=True, kw_only=True)
class ManyChanged:
    """All that were named, newest first, as they are now; `changed` are those not already so."""

    rows: list[PatientNotification]
    changed: list[UUID]


@transaction.atomic
def change_many(
    *, patient_id: UUID, notification_ids: Collection[UUID], name: str, actor: str
) -> ManyChanged:
    """Do one of CHANGES with up to a hundred messages of a patient, all of them or none.

    Raises PatientNotification.DoesNotExist when one is not theirs, and Refused for a change there
    is not, for none at all and for too many.
    """
    ids = set(notification_ids)
    _refuse(name, len(ids))
    event, apply = CHANGES[name]
    realtime.lock(patient_id=patient_id)
    rows = _theirs(patient_id, ids)
    now = clock.now()
    changes = {row.pk: apply(row, now) for row in rows}
    changed = [row for row in rows if changes[row.pk]]
    if changed:
        _write(changed, changes[changed[0].pk], event=event, actor=actor)
    return ManyChanged(rows=rows, changed=[row.pk for row in changed])


def _refuse(name: str, count: int) -> None:
    if name not in CHANGES:
        raise Refused(_("This cannot be done with several messages."), field="action")
    if not 1 <= count <= LONGEST_PAGE:
        message = _("Choose 1 to %(most)s messages.") % {"most": LONGEST_PAGE}
        raise Refused(message, field="chosen")


def _theirs(patient_id: UUID, ids: set[UUID]) -> list[PatientNotification]:
    found = PatientNotification.objects.filter(patient_id=patient_id, pk__in=ids)
    rows = opened(list(found.order_by("-seq")), patient_id=patient_id)
    if len(rows) < len(ids):
        raise PatientNotification.DoesNotExist
    return rows


def _write(
    rows: Sequence[PatientNotification], changes: dict, *, event: InboxEventKind, actor: str
) -> None:
    """Set the same fields of rows of one patient, and write down each as `change` does."""
    patient_id, ids = rows[0].patient_id, [row.pk for row in rows]
    was_counted = {row.pk: is_counted(row) for row in rows}
    for row in rows:
        for name, value in changes.items():
            setattr(row, name, value)
    PatientNotification.objects.filter(pk__in=ids).update(**changes)
    deltas = [(row.pk, is_counted(row) - was_counted[row.pk]) for row in rows]
    realtime.record_each(patient_id=patient_id, event=event, rows=deltas)
    audit.record_many(
        action=AuditAction.INBOX,
        actor=actor,
        rows=[(patient_id, row) for row in rows],
        change=str(event),
    )
    if "read_at" in changes:
        tell_desk = has_been_read if changes["read_at"] else is_unread_again
        tell_desk(notification_ids=ids, actor=actor)

"""What the trail says: in numbers, for monitors, and who an actor is, for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from notifications.audit.paging import Cursor
from notifications.enums import AuditAction
from notifications.models import AuditEvent


def refused_minutes(*, actor: str, since: datetime) -> int:
    """Return in how many minutes an actor was refused, each route counted for itself.

    Not how often: the trail has one row an actor, route and minute.
    """
    refused = AuditEvent.objects.filter(action=AuditAction.DENIED, actor=actor, at__gte=since)
    return refused.count()


def names_of(actors: Sequence[str]) -> dict[str, str]:
    """Return what to call actors, people by their names; nothing of who is gone. One query."""
    programs = [actor for actor in actors if actor.startswith("system:")]
    names = {
        each: _("the system (%(job)s)") % {"job": each.removeprefix("system:")} for each in programs
    }
    ids = [actor.removeprefix("user:") for actor in actors if actor.startswith("user:")]
    people = get_user_model().objects.filter(pk__in=ids) if ids else []
    named = {f"user:{each.pk}": each.get_full_name() or each.get_username() for each in people}
    return names | named


# -- what a patient may read of it ----------------------------------------------------------------

# What changes how a patient is reached: choices, addresses, and what they agreed to.
CHANGES = (AuditAction.PREFERENCE, AuditAction.CONTACT, AuditAction.CONSENT)
# Of these there is one a patient, and its rows say all it is since, not what changed.
WHOLE = ("patientsettings", "user")


@dataclass(frozen=True, kw_only=True)
class Changes:
    """One page, newest first. `older` is the cursor of the next page, empty on the last.

    `before` are the newest rows older than the page, by type of object, of those whose rows say
    all they are: what such a row changed shows beside the one before it.
    """

    rows: list[AuditEvent]
    before: dict[str, AuditEvent]
    older: str = ""


def changes_of(*, patient_id: UUID, before: str = "", limit: int = 20) -> Changes:
    """Return what changed in how a patient is reached, in three queries. Raises Refused."""
    cursor = Cursor.read(before)
    rows = AuditEvent.objects.filter(patient_id=patient_id, action__in=CHANGES)
    page = list(_newest(cursor.older(rows, moment="at") if cursor else rows)[: limit + 1])
    shown = page[:limit]
    if not shown:
        return Changes(rows=[], before={})
    end = Cursor(at=shown[-1].at, id=shown[-1].id)
    earlier = end.older(rows, moment="at")
    last = [_newest(earlier.filter(object_type=each)).first() for each in WHOLE]
    return Changes(
        rows=shown,
        before={row.object_type: row for row in last if row is not None},
        older=str(end) if len(page) > limit else "",
    )


def _newest(rows: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
    return rows.order_by("-at", "-id")

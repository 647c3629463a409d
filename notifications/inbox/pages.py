"""What is in an inbox: pages by cursor, and the changes after a position."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from notifications import clock, realtime
from notifications.crypto import keys_loaded
from notifications.enums import Category, PatientNotificationType
from notifications.models import COUNTED, LIVE, PatientNotification
from notifications.types import Refused

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
    """Return a page in two queries, three while the patient's key is new.

    Raises Refused naming the field that is wrong.
    """
    rows = matching(patient_id, status, unread_only, type_key, category, before)
    if not 1 <= limit <= LONGEST_PAGE:
        message = _("Ask for 1 to %(most)s at a time.") % {"most": LONGEST_PAGE}
        raise Refused(message, field="limit")
    seq, unread = realtime.position(patient_id=patient_id)
    found = list(rows.order_by("-seq")[: limit + 1])
    cursor = str(found[limit - 1].seq) if len(found) > limit else ""
    items = opened(found[:limit], patient_id=patient_id)
    return Page(items=items, next_cursor=cursor, unread=unread, seq=seq)


def opened(rows: list[PatientNotification], *, patient_id: UUID) -> list[PatientNotification]:
    """Open what a list shows while the key is at hand: else each row would ask for it."""
    with keys_loaded([patient_id]):
        for row in rows:
            row.message, row.metadata  # noqa: B018 - reading a sealed column opens it
    return rows


def mark_seen(*, patient_id: UUID, rows: Sequence[PatientNotification]) -> int:
    """Note that rows were drawn for the first time; return how many.

    Statistics only: no event, no row of the trail, no change of the badge. One statement, and
    none once all of them were seen.
    """
    new = [row.pk for row in rows if row.seen_at is None]
    if not new:
        return 0
    unseen = PatientNotification.objects.filter(patient_id=patient_id, pk__in=new, seen_at=None)
    return unseen.update(seen_at=clock.now())


def count_unread(*, patient_id: UUID, category: str, up_to: int | None) -> int:
    """Return how many "read all" would cover: unread, of a category, up to a `seq`."""
    rows = matching(patient_id, "inbox", True, "", category, "")
    return (rows if up_to is None else rows.filter(seq__lte=up_to)).order_by().count()


def matching(
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

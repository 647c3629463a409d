"""Everything a patient was sent, as they read it: each message with how it went on each channel."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from notifications import contacts
from notifications.enums import (
    OPEN_STATUSES,
    Category,
    PatientNotificationChannel,
    PatientNotificationType,
)
from notifications.history.words import channel_label, words_to_patient
from notifications.models import Delivery, PatientNotification
from notifications.types import Refused

SENT_A_PAGE = 20


@dataclass(frozen=True, kw_only=True)
class Way:
    """One channel a message took, or did not: what became of it, and why, in the patient's words.

    `address` is masked; `at` (aware) is when it came to stand so, `due_at` when it is to go.
    """

    channel: str
    label: str
    address: str
    status: str
    says: str
    at: datetime
    due_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class SentMessage:
    """One message with its ways. `label` is what the settings call its kind, and
    `type_key` where: empty once that kind is gone."""

    id: UUID
    at: datetime
    type_key: str
    label: str
    category: str
    icon: str
    title: str
    language: str
    read_at: datetime | None
    ways: list[Way]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One page, newest first. `older` is the cursor of the next, empty on the last."""

    messages: list[SentMessage]
    older: str


def sent(*, patient_id: UUID, channel: str, before: str) -> Sent:
    """Return a page in two queries, of the messages and ways of one channel or of any ("").

    No body is read. Raises Refused naming what is wrong.
    """
    rows = _of_channel(PatientNotification.objects.filter(patient_id=patient_id), channel)
    if before:
        rows = rows.filter(seq__lt=_cursor(before))
    found = list(rows.defer("message", "metadata", "payload").order_by("-seq")[: SENT_A_PAGE + 1])
    shown = found[:SENT_A_PAGE]
    ways = _ways([row.pk for row in shown], channel=channel)
    return Sent(
        messages=[_message(row, ways) for row in shown],
        older=str(shown[-1].seq) if len(found) > SENT_A_PAGE else "",
    )


def _of_channel(rows: QuerySet, channel: str) -> QuerySet:
    if not channel:
        return rows
    if channel not in PatientNotificationChannel:
        raise Refused(_("There is no such channel."), field="channel")
    took = Delivery.objects.filter(notification=OuterRef("pk"), channel=channel)
    return rows.filter(Exists(took))


def _cursor(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise Refused(_("This page does not exist."), field="before")
    return int(text)


def _ways(notification_ids: Collection[UUID], *, channel: str) -> Mapping[UUID, list[Way]]:
    rows = Delivery.objects.filter(notification__in=notification_ids)
    if channel:
        rows = rows.filter(channel=channel)
    ways: dict[UUID, list[Way]] = defaultdict(list)
    for row in rows.select_related("contact").order_by("step", "created_at", "id"):
        ways[row.notification_id].append(_way(row))
    for found in ways.values():
        found.sort(key=lambda way: (way.channel != "in_app", way.channel))
    return ways


def _way(row: Delivery) -> Way:
    return Way(
        channel=row.channel,
        label=channel_label(row.channel),
        address=contacts.masked(row.contact) if row.contact else "",
        status=row.status,
        says=words_to_patient(row),
        at=row.status_at,
        due_at=row.due_at if row.status in OPEN_STATUSES else None,
    )


def _message(row: PatientNotification, ways: Mapping[UUID, list[Way]]) -> SentMessage:
    kind = PatientNotificationType.get(row.type)
    return SentMessage(
        id=row.pk,
        at=row.created_at,
        type_key=row.type if row.type in PatientNotificationType else "",
        label=str(kind.label),
        category=str(Category(kind.category).label),
        icon=kind.icon,
        title=row.title,
        language=row.language,
        read_at=row.read_at,
        ways=ways[row.pk],
    )

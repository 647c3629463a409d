"""What was called off before the patient could hear of it, so that the next message says it all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from notifications.delivery.escalate import channels_outside
from notifications.delivery.statuses import audit_settled, move
from notifications.enums import DeliveryStatus, Reason
from notifications.facts import payload_in
from notifications.models import Delivery, PatientNotification
from notifications.types import NotificationPayload

# What is with a carrier, or may be: the patient has to be taken to know it.
GONE_OUT = (
    DeliveryStatus.SENDING,
    DeliveryStatus.ACCEPTED,
    DeliveryStatus.DELIVERED,
    DeliveryStatus.UNKNOWN,
)
# Or another message has said it, which has not come to nothing.
HEARD = Q(status__in=GONE_OUT) | Q(status=DeliveryStatus.SKIPPED, reason=Reason.MERGED)


@dataclass(frozen=True, kw_only=True)
class Unheard:
    """A message that was called off before anybody could hear it."""

    message_id: UUID
    payload: NotificationPayload
    made_at: datetime  # aware


def called_off_unheard(*, subject: str, types: Sequence[str]) -> Unheard | None:
    """Return the newest of a subject's messages of some types, if nobody can have heard it.

    It was called off before anything of it left, it was not read in the portal, and nothing about
    the subject that came after it left or was read. Asked after what is open was called off, in
    the same transaction: then nothing of it can leave any more.
    """
    about = PatientNotification.objects.filter(subject=subject)
    newest = about.filter(type__in=types).order_by("-seq").first()
    if newest is None or not _was_waiting(newest) or _is_known(about, since=newest):
        return None
    payload = payload_in(newest)
    if payload is None:
        return None
    return Unheard(message_id=newest.pk, payload=payload, made_at=newest.created_at)


def _was_waiting(message: PatientNotification) -> bool:
    return _outside([message]).filter(status=DeliveryStatus.CANCELLED).exists()


def _is_known(about: QuerySet[PatientNotification], *, since: PatientNotification) -> bool:
    later = about.filter(seq__gte=since.seq)
    was_seen = later.exclude(read_at=None, acted_at=None).exists()
    return was_seen or _outside(later).filter(HEARD).exists()


def _outside(messages: Iterable[PatientNotification]) -> QuerySet[Delivery]:
    return Delivery.objects.filter(notification__in=messages, channel__in=channels_outside())


@transaction.atomic
def merge(*, earlier: Unheard, into: UUID) -> None:
    """Note on what was called off of an earlier message that another one says it as well."""
    later = {row.channel: row for row in Delivery.objects.filter(notification_id=into)}
    rows = Delivery.objects.filter(
        notification_id=earlier.message_id,
        status=DeliveryStatus.CANCELLED,
        reason=Reason.CANCELLED,
    )
    merged = [
        row
        for row in rows.select_related("notification").order_by("id")
        if move(row, row.status, reason=Reason.MERGED, merged_into=later.get(row.channel))
    ]
    audit_settled(merged)

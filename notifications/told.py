"""What numbers and addresses were told lately, by whomever of a household it was for.

A text that failed reached nobody and counts no more; nor does one that is planned again, until it
goes. What is not known to have gone counts.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Coalesce

from notifications.allowance import WEEK
from notifications.enums import ContactKind, DeliveryStatus, PatientNotificationType, Reason
from notifications.models import ContactPoint, Delivery, PatientNotification, TextUse
from notifications.types import NotificationPayload

COUNTS = (
    DeliveryStatus.SENDING,
    DeliveryStatus.ACCEPTED,
    DeliveryStatus.DELIVERED,
    DeliveryStatus.UNKNOWN,
)
# Later than this the same words are news again.
SAME_FOR = WEEK

Said = tuple[str, str, str]  # channel, what makes it the same message, index of the address


@dataclass(frozen=True, kw_only=True)
class Told:
    """When texts went to each number, and which messages that are the same for many to whom."""

    texts: Mapping[str, list[tuple[UUID, datetime]]] = field(default_factory=dict)
    said: Mapping[Said, dict[UUID, int]] = field(default_factory=dict)  # up to which level

    @classmethod
    def about(
        cls,
        *,
        messages: Iterable[tuple[PatientNotification, NotificationPayload | None]],
        contacts: Iterable[ContactPoint],
        now: datetime,
    ) -> Self:
        """Return what these addresses were told in the seven days before `now`. Two queries."""
        addresses = list(contacts)
        numbers = {each.value_index for each in addresses if each.kind == ContactKind.PHONE}
        same = {identity(row, payload) for row, payload in messages} - {""}
        return cls(
            texts=_texts_to(numbers, since=now - WEEK),
            said=_said_to({each.value_index for each in addresses}, same, since=now - SAME_FOR),
        )

    def facts(
        self, *, delivery: Delivery, contact: ContactPoint | None, payload: NotificationPayload
    ) -> dict[str, Any]:
        """Return what counts of it against one delivery; its own earlier try does not."""
        if contact is None:
            return {}
        same = identity(delivery.notification, payload)
        said = self.said.get((delivery.channel, same, contact.value_index), {})
        others = [level for pk, level in said.items() if pk != delivery.notification_id]
        uses = self.texts.get(contact.value_index, [])
        return {
            "texts_used": tuple(at for pk, at in uses if pk != delivery.pk),
            "same_as": same,
            "told_up_to": max(others, default=None),
        }


def identity(row: PatientNotification, payload: NotificationPayload | None) -> str:
    """Return what makes a message the same for several patients, or "".

    It is kept as the message's subject; one that was made about something else has none.
    """
    same = payload.same_as() if payload else ""
    return f"{row.type}:{same}" if same and row.subject == same else ""


def may_be_the_same(type_key: str) -> bool:
    """Return whether a type has messages that are the same for several patients."""
    if type_key not in PatientNotificationType:
        return False
    return PatientNotificationType.known(type_key).same_as is not NotificationPayload.same_as


def _texts_to(numbers: set[str], *, since: datetime) -> dict[str, list[tuple[UUID, datetime]]]:
    if not numbers:
        return {}
    found: dict[str, list[tuple[UUID, datetime]]] = defaultdict(list)
    rows = TextUse.objects.filter(
        number_index__in=numbers, used_at__gt=since, delivery__status__in=COUNTS
    )
    for number, pk, at in rows.values_list("number_index", "delivery_id", "used_at"):
        found[number].append((pk, at))
    return found


def _said_to(
    addresses: set[str], same: set[str], *, since: datetime
) -> dict[Said, dict[UUID, int]]:
    if not addresses or not same:
        return {}
    found: dict[Said, dict[UUID, int]] = defaultdict(dict)
    in_another = Q(status=DeliveryStatus.SKIPPED, reason=Reason.MERGED)
    rows = Delivery.objects.filter(
        Q(status__in=COUNTS) | in_another & Q(merged_into__status__in=COUNTS),
        status_at__gt=since,
        contact__value_index__in=addresses,
        notification__subject__in={each.split(":", 1)[1] for each in same},
    ).values_list(
        "channel",
        "notification__type",
        "notification__subject",
        "contact__value_index",
        "notification_id",
        Coalesce("merged_into__level", "level"),
    )
    for channel, type_key, subject, address, notification_id, level in rows:
        found[channel, f"{type_key}:{subject}", address][notification_id] = level
    return found

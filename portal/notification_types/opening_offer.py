"""A time has become free for a patient who asked to be told of one."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from notifications.enums import (
    Category,
    PatientNotificationPriority,
    PatientNotificationType,
    Purpose,
)
from notifications.types import NotificationPayload, logistics, public
from portal.models import Appointment, Opening, WaitingListEntry
from portal.notification_types._visit import example_fields

EXAMPLE_PROVIDER = UUID("00000000-0000-7000-8000-000000000003")


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class OpeningOfferPayload(NotificationPayload):
    """`appointment_id` is the visit the patient would come earlier for; None: there is none yet.
    `opening_id` and `entry_id`: with them the patient takes the time by answering; None: by phone.

    Care, not advertising, and on by default as for any visit: it goes only to patients who are
    on the waiting list, it sells nothing, and hours later it is worth nothing.
    """

    type_key = "opening_offer"
    title = _("An earlier time is free")
    label = _("Earlier times that become free")
    icon = "calendar"
    category = Category.APPOINTMENTS
    purpose = Purpose.TREATMENT
    channels = ("in_app", "email", "sms", "push")
    priority = PatientNotificationPriority.HIGH
    metadata_fields = (
        "appointment_id",
        "appointment_date",
        "provider_name",
        "location_name",
        "location_zone",
        "location_phone",
        "answer_by",
    )

    provider_id: UUID = public()
    appointment_date: datetime = logistics()  # when the free time begins
    minutes: int = public(default=30)
    answer_by: datetime | None = logistics(default=None)
    appointment_id: UUID | None = public(default=None)
    provider_name: str = logistics()
    location_name: str = logistics(default="")
    location_zone: str = public(default="UTC")  # IANA
    location_phone: str = logistics(default="")
    opening_id: UUID | None = public(default=None)
    entry_id: UUID | None = public(default=None)  # the patient's place on the waiting list

    def actions(self) -> tuple[str, ...]:
        return ("accept",) if self.opening_id and self.entry_id else ()

    @classmethod
    def example(cls) -> Self:
        visit = example_fields()
        given = ("appointment_id", "provider_name", "location_name", "location_zone")
        start = visit["appointment_date"]
        return cls(
            provider_id=EXAMPLE_PROVIDER,
            appointment_date=start,
            answer_by=start - timedelta(days=1),
            location_phone=visit["location_phone"],
            **{name: visit[name] for name in given},
        )

    def is_capped(self) -> bool:
        """Never: the patient asked to be told, and hours later it is worth nothing."""
        return False

    def expires_at(self) -> datetime:
        return min(self.appointment_date, self.answer_by or self.appointment_date)

    @property
    def ends_at(self) -> datetime:
        return self.appointment_date + timedelta(minutes=self.minutes)

    @classmethod
    def irrelevant(cls, payloads: Iterable["OpeningOfferPayload"]) -> set["OpeningOfferPayload"]:
        """Return those whose time is taken or whose visit needs no earlier one. Four queries."""
        asked = [each for each in payloads if each.provider_id != EXAMPLE_PROVIDER]
        if not asked:
            return set()
        taken, own = _taken(asked), _own_visits(asked)
        over, left = _openings_over(asked), _entries_over(asked)
        return {
            each
            for each in asked
            if any(each.overlaps(visit) for visit in taken[each.provider_id])
            or not each.is_earlier_than(own.get(each.appointment_id))
            or each.opening_id in over
            or each.entry_id in left
        }

    def overlaps(self, visit: Appointment) -> bool:
        return visit.starts_at < self.ends_at and visit.ends_at > self.appointment_date

    def is_earlier_than(self, visit: Appointment | None) -> bool:
        """Return whether the patient would gain by it; without a visit of theirs they do."""
        if self.appointment_id is None:
            return True
        return visit is not None and visit.is_upcoming and self.appointment_date < visit.starts_at


def _taken(asked: list[OpeningOfferPayload]) -> dict[UUID, list[Appointment]]:
    """Return the visits in the book by provider, about the time of these offers."""
    found: dict[UUID, list[Appointment]] = defaultdict(list)
    rows = Appointment.objects.only("provider_id", "starts_at", "ends_at").filter(
        provider_id__in={each.provider_id for each in asked},
        status__in=Appointment.UPCOMING,
        starts_at__lt=max(each.ends_at for each in asked),
        ends_at__gt=min(each.appointment_date for each in asked),
    )
    for visit in rows:
        found[visit.provider_id].append(visit)
    return found


def _own_visits(asked: list[OpeningOfferPayload]) -> dict[UUID, Appointment]:
    ids = {each.appointment_id for each in asked} - {None}
    return Appointment.objects.only("status", "starts_at").in_bulk(ids)


def _openings_over(asked: list[OpeningOfferPayload]) -> set[UUID]:
    """Return the openings that somebody took or the desk took back."""
    rows = Opening.objects.filter(pk__in={each.opening_id for each in asked} - {None})
    is_over = Q(taken_at__isnull=False) | Q(closed_at__isnull=False)
    return set(rows.filter(is_over).values_list("pk", flat=True))


def _entries_over(asked: list[OpeningOfferPayload]) -> set[UUID]:
    """Return the places on the waiting list that were left since."""
    rows = WaitingListEntry.objects.filter(pk__in={each.entry_id for each in asked} - {None})
    return set(rows.filter(ended_at__isnull=False).values_list("pk", flat=True))

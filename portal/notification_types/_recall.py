"""What the messages that ask a patient to book have in common: is a visit booked by now?

The book seldom says what a visit is for, so any visit that is not far off counts, and one of the
last two weeks: who comes anyway is asked in the chair, not by a message. One booked as this recall
always counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from notifications import clock
from notifications.enums import Category, Purpose
from notifications.types import NotificationPayload, logistics, phi, public
from portal.models import Appointment, RecallSchedule

# Names no schedule: an example never goes out of date.
EXAMPLE_RECALL = UUID("00000000-0000-7000-8000-000000000002")
# A visit further away, from the day it is due or from today, is not what the patient is asked for.
FAR_OFF = timedelta(days=90)
JUST_HERE = timedelta(days=14)


@dataclass(frozen=True, kw_only=True)
class RecallPayload(NotificationPayload):
    """A regular visit that is due and not booked. Which kind is for the portal only.

    `current_until`: when the next reminder takes over; None for the last of a cycle.
    """

    icon = "bell-ring"
    category = Category.RECALL
    purpose = Purpose.TREATMENT
    metadata_fields = ("recall_id", "due_on")

    recall_id: UUID = public()
    due_on: date = logistics()
    last_visit_on: date | None = phi(default=None)
    is_overdue: bool = public(default=False)
    current_until: datetime | None = public(default=None)

    def expires_at(self) -> datetime | None:
        return self.current_until

    @classmethod
    def irrelevant(cls, payloads: Iterable["RecallPayload"]) -> set["RecallPayload"]:
        """Return those whose patient has booked, was seen, or asked to wait. One query."""
        asked = list(payloads)
        schedules = RecallSchedule.objects.only("due_on", "paused_until", "ended_at")
        known = _with_next_visits(schedules).in_bulk({payload.recall_id for payload in asked})
        return {
            payload
            for payload in asked
            if payload.recall_id != EXAMPLE_RECALL
            and not payload.is_still_due(known.get(payload.recall_id))
        }

    def is_still_due(self, schedule: RecallSchedule | None) -> bool:
        """Return whether the schedule (None: gone) still asks for the visit of this message."""
        if schedule is None or schedule.ended_at or schedule.due_on > self.due_on:
            return False
        if schedule.is_booked or schedule.was_just_here or _is_seen_soon(schedule):
            return False
        return schedule.paused_until is None or schedule.paused_until <= clock.now().date()


def _is_seen_soon(schedule: RecallSchedule) -> bool:
    """Return whether the patient is here for anything before it is long overdue."""
    if schedule.next_visit_at is None:
        return False
    latest = max(schedule.due_on, clock.now().date()) + FAR_OFF
    return schedule.next_visit_at.date() <= latest


def _with_next_visits(schedules: QuerySet) -> QuerySet:
    """Return schedules, each with `next_visit_at`, `is_booked` (this very one), `was_just_here`."""
    ahead = _ahead()
    lately = Appointment.objects.filter(
        patient=OuterRef("patient"),
        status=Appointment.Status.COMPLETED,
        starts_at__gt=clock.now() - JUST_HERE,
    )
    return schedules.annotate(
        next_visit_at=Subquery(ahead.order_by("starts_at").values("starts_at")[:1]),
        is_booked=Exists(ahead.filter(recall=OuterRef("pk"))),
        was_just_here=Exists(lately),
    )


def with_visit_ahead(rows: QuerySet) -> QuerySet:
    """Return rows of patients' own, each with `has_visit_ahead`: do they have one to come?"""
    return rows.annotate(has_visit_ahead=Exists(_ahead()))


def _ahead() -> QuerySet:
    """Return the visits to come of the patient of an outer row."""
    return Appointment.objects.filter(
        patient=OuterRef("patient"), status__in=Appointment.UPCOMING, starts_at__gt=clock.now()
    )


def example_recall_fields() -> dict[str, Any]:
    """Return a believable visit that is due in two weeks. Needs no database."""
    today = clock.now().date()
    return {
        "recall_id": EXAMPLE_RECALL,
        "due_on": today + timedelta(days=14),
        "last_visit_on": today - timedelta(days=170),
    }

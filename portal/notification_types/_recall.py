"""What the messages that ask a patient to book have in common: is a visit booked by now?

The book does not say what a visit is for, so any visit ahead counts: a patient who is coming
anyway is asked in the chair, not by a message.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from notifications import clock
from notifications.enums import Category, Purpose
from notifications.types import NotificationPayload, logistics, phi, public
from portal.models import Appointment, RecallSchedule

# Names no schedule: an example never goes out of date.
EXAMPLE_RECALL = UUID("00000000-0000-7000-8000-000000000002")


@dataclass(frozen=True, kw_only=True)
class RecallPayload(NotificationPayload):
    """A regular visit that is due and not booked. Which kind is for the portal only."""

    icon = "bell-ring"
    category = Category.RECALL
    purpose = Purpose.TREATMENT
    metadata_fields = ("recall_id", "due_on")

    recall_id: UUID = public()
    due_on: date = logistics()
    last_visit_on: date | None = phi(default=None)

    @classmethod
    def irrelevant(cls, payloads: Iterable["RecallPayload"]) -> set["RecallPayload"]:
        """Return those whose patient has booked, was seen, or asked to wait. One query."""
        asked = list(payloads)
        schedules = RecallSchedule.objects.only("due_on", "paused_until")
        known = with_visit_ahead(schedules).in_bulk({payload.recall_id for payload in asked})
        return {
            payload
            for payload in asked
            if payload.recall_id != EXAMPLE_RECALL
            and not payload.is_still_due(known.get(payload.recall_id))
        }

    def is_still_due(self, schedule: RecallSchedule | None) -> bool:
        """Return whether the schedule (None: gone) still asks for the visit of this message."""
        if schedule is None or schedule.has_visit_ahead or schedule.due_on > self.due_on:
            return False
        return schedule.paused_until is None or schedule.paused_until <= clock.now().date()


def with_visit_ahead(rows: QuerySet) -> QuerySet:
    """Return rows of patients' own, each with `has_visit_ahead`: do they have one to come?"""
    ahead = Appointment.objects.filter(
        patient=OuterRef("patient"), status__in=Appointment.UPCOMING, starts_at__gt=clock.now()
    )
    return rows.annotate(has_visit_ahead=Exists(ahead))


def example_recall_fields() -> dict[str, Any]:
    """Return a believable visit that is due in two weeks. Needs no database."""
    today = clock.now().date()
    return {
        "recall_id": EXAMPLE_RECALL,
        "due_on": today + timedelta(days=14),
        "last_visit_on": today - timedelta(days=170),
    }

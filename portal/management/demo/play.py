"""Plays the demo's past in its own order: bookings, moves, reminders, what patients did.

Everything goes through the services, with the clock set to when it happened, so that histories,
counters and outboxes look as if the clinic had been open all along.
"""

import heapq
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from notifications import clock
from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service
from notifications.types import NotificationPayload, Refused
from portal import services
from portal.management.demo import ACTOR, cast
from portal.management.demo.book import Story, office_hour
from portal.management.demo.people import remember
from portal.models import Appointment, RecallSchedule, User
from portal.notification_types._visit import SETTLES_FOR
from portal.notification_types.lab_results import LabResultsPayload
from portal.notification_types.message_from_provider import MessageFromProviderPayload

Act = Callable[[], Any]


class Stage:
    """A line of time: what is put on it happens in order, up to now."""

    def __init__(self, *, now: datetime) -> None:
        self.now = now
        self._acts: list[tuple[datetime, int, Act]] = []
        self._order = count()

    def at(self, moment: datetime, act: Act) -> None:
        """Let something happen at a moment (aware); what lies ahead of now never does."""
        if moment <= self.now:
            heapq.heappush(self._acts, (moment, next(self._order), act))

    def engine_at(self, moment: datetime) -> None:
        """Let the engine make and deliver what is due at a moment."""
        self.at(moment, lambda: notification_scheduler_service.run_due(now=clock.now()))

    def play(self, *, progress: Callable[[datetime], None]) -> None:
        """Let everything happen; acts may put more on the line."""
        while self._acts:
            moment, _order, act = heapq.heappop(self._acts)
            progress(moment)
            with clock.at(moment):
                act()


def tell(story: Story, *, stage: Stage) -> None:
    """Put a visit's whole story on the line."""
    stage.at(story.booked_at, lambda: _book(story, stage=stage))
    stage.engine_at(story.booked_at + SETTLES_FOR)


def _book(story: Story, *, stage: Stage) -> None:
    visit = services.book(
        patient_id=story.patient.pk,
        provider_id=story.provider.pk,
        location_id=story.location.pk,
        starts_at=story.starts_at,
        ends_at=story.ends_at,
        reason=story.reason,
        recall_id=_recall_of(story),
        actor=ACTOR,
    )
    remember(visit.pk, resource="Appointment", name=str(visit.pk))
    _wake_for_plans(visit, stage)
    _what_comes_of(visit, story, stage)


def _recall_of(story: Story) -> UUID | None:
    """Return the recall a hygienist's visit is."""
    if story.reason not in cast.HYGIENE:
        return None
    rows = RecallSchedule.objects.filter(patient=story.patient, ended_at=None)
    return rows.values_list("pk", flat=True).first()


def _what_comes_of(visit: Appointment, story: Story, stage: Stage) -> None:
    if story.moved_at and story.moved_to:
        stage.at(story.moved_at, lambda: _move(visit, story, stage))
        stage.engine_at(story.moved_at + SETTLES_FOR)
    if story.confirmed_at:
        stage.at(story.confirmed_at, lambda: _confirm(visit))
    if story.cancelled_at:
        stage.at(story.cancelled_at, lambda: _cancel(visit))
        stage.engine_at(story.cancelled_at)
    else:
        over = (story.moved_to or story.starts_at) + story.length
        stage.at(over, lambda: _close(visit, stage, is_missed=story.is_missed))


def _wake_for_plans(visit: Appointment, stage: Stage) -> None:
    for plan in notification_scheduler_service.plans_about(subjects=[visit.subject]).get(
        visit.subject, ()
    ):
        if plan.due_at > clock.now():
            stage.engine_at(plan.due_at)


def _move(visit: Appointment, story: Story, stage: Stage) -> None:
    services.reschedule(
        appointment_id=visit.pk,
        starts_at=story.moved_to,
        ends_at=story.moved_to + story.length,
        actor=ACTOR,
    )
    _wake_for_plans(visit, stage)


def _cancel(visit: Appointment) -> None:
    services.cancel(appointment_id=visit.pk, actor=ACTOR)


def _confirm(visit: Appointment) -> None:
    services.confirm(appointment_id=visit.pk, actor=ACTOR)


def _close(visit: Appointment, stage: Stage, *, is_missed: bool) -> None:
    close = services.mark_missed if is_missed else services.complete
    close(appointment_id=visit.pk, actor=ACTOR)
    _wake_for_plans(visit, stage)


# -- what people do ------------------------------------------------------------------------------


def visit_the_portal(patient: User, *, stage: Stage, dice: random.Random) -> None:
    """Let a patient look at their messages every few evenings; one in six never does."""
    if dice.random() < 1 / 6:
        return
    evening = stage.now - timedelta(days=dice.randint(28, 36), hours=dice.uniform(0, 6))
    while evening < stage.now:
        stage.at(evening, lambda: read_messages(patient, dice=dice))
        evening += timedelta(days=dice.uniform(1, 6))


def read_messages(patient: User, *, dice: random.Random) -> None:
    """Open what is new, confirm most visits that ask, archive some of the rest."""
    mine = {"patient_id": patient.pk}
    actor = f"user:{patient.pk}"
    for row in patient_notification_service.inbox(**mine, unread_only=True, limit=5).items:
        luck = dice.random()
        one = {**mine, "notification_id": row.pk}
        if row.payload.get("asks_to_confirm") and luck < 0.75:
            with suppress(Refused):  # the visit has moved or is cancelled since
                services.answer(**one, action="confirm", actor=actor)
        elif luck < 0.9:
            patient_notification_service.mark_read(**one)
        if luck < 0.2:
            patient_notification_service.archive(**one)


def write_to(patients: Iterable[User], *, stage: Stage, dice: random.Random) -> None:
    """Let providers write to some patients and share results with others."""
    for patient in patients:
        moment = office_hour(stage.now - timedelta(days=dice.uniform(1, 28)), patient.home_location)
        name = dice.choice([name for name, _place in cast.PROVIDERS if name.startswith("Dr.")])
        stage.at(moment, sends(patient, _news(name, moment, dice)))
        stage.engine_at(moment)


def sends(patient: User, payload: NotificationPayload, *, key: str = "") -> Act:
    """Return the act of sending one message."""

    def act() -> Any:
        return patient_notification_service.create_notification(
            patient_id=patient.pk, payload=payload, key=key, actor=ACTOR
        )

    return act


def _news(name: str, moment: datetime, dice: random.Random) -> NotificationPayload:
    if dice.random() < 0.5:
        return MessageFromProviderPayload(provider_name=name, text=dice.choice(cast.NOTES))
    test_name, summary = dice.choice(cast.RESULTS)
    return LabResultsPayload(
        result_id=LabResultsPayload.example().result_id,
        provider_name=name,
        test_name=test_name,
        taken_on=moment.date() - timedelta(days=2),
        summary=summary,
    )

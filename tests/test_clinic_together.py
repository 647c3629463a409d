"""Two people at once: the desk moves a visit while the patient presses Confirm."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service
from notifications.types import Refused
from portal.models import Appointment
from portal.services import answer, default_reminder_rules, reschedule
from tests.clinic import DESK, HALF_AN_HOUR, a_visit

ROUNDS = 8


@pytest.mark.django_db(transaction=True)
def test_a_move_and_an_answer_at_once_lose_nothing_and_never_lock_each_other_out(
    ana, location, provider
):
    default_reminder_rules(location)
    start = (timezone.now() + timedelta(days=3)).replace(microsecond=0)
    visit = a_visit(ana, start, location=location, provider=provider, announce=False)
    notification_scheduler_service.run_due()
    (reminder,) = patient_notification_service.inbox(patient_id=ana.pk).items

    def at_the_desk() -> None:
        for round_number in range(1, ROUNDS + 1):
            moved_to = start + timedelta(hours=round_number)
            reschedule(
                appointment_id=visit.pk,
                starts_at=moved_to,
                ends_at=moved_to + HALF_AN_HOUR,
                actor=DESK,
            )

    def at_home() -> int:
        refusals = 0
        for _press in range(ROUNDS):
            try:
                answer(
                    patient_id=ana.pk,
                    notification_id=reminder.pk,
                    action="confirm",
                    actor=f"user:{ana.pk}",
                )
            except Refused:
                refusals += 1
        return refusals

    # SQLite lets one write at a time, so there they take turns.
    at_once = 1 if connection.vendor == "sqlite" else 2
    with ThreadPoolExecutor(max_workers=at_once) as people:
        both = [people.submit(_alone, act) for act in (at_the_desk, at_home)]
        for each in both:
            each.result(timeout=60)

    visit.refresh_from_db()
    assert visit.revision == ROUNDS + 1
    assert visit.status == Appointment.Status.BOOKED  # whatever was confirmed has moved since
    rows = patient_notification_service.inbox(patient_id=ana.pk, type_key="appointment_rescheduled")
    assert len(rows.items) == ROUNDS
    plans = notification_scheduler_service.planned(days=10, patient_id=ana.pk)
    assert {plan.revision for plan in plans} == {visit.revision}


def _alone(act):
    """Run in a thread with a connection of its own."""
    try:
        return act()
    finally:
        connection.close()

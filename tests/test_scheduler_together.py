"""Schedulers, the desk and a file at once: a plan is made once or not at all."""

import pytest
from django.db import transaction

from notifications import promotion
from notifications.enums import DeliveryStatus, PlanStatus
from notifications.models import Delivery, PatientNotification, ScheduledNotification
from notifications.scheduler import notification_scheduler_service as scheduler
from tests.conftest import make_patient
from tests.crowd import PATIENCE, beside, side_by_side, waits_for_a_lock
from tests.engine import NOON, NotePayload, phone_of, run

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("note", "carrier", "noon"),
]


def plan(patient, *, key, subject="appointment:1"):
    return scheduler.plan(
        patient_id=patient.pk,
        payload=NotePayload.example(),
        subject=subject,
        rule="2-days",
        due_at=NOON,
        key=key,
    )


@pytest.mark.req("R-02")
def test_four_schedulers_at_once_make_every_message_once(location):
    people = [make_patient(f"p{n}@example.com", "P", location) for n in range(12)]
    for patient in people:
        for number in range(5):
            plan(patient, key=f"{patient.pk}:{number}")
    reports = side_by_side(*[run] * 4)
    assert sum(report.plans.get("sent", 0) for report in reports) == 60
    assert PatientNotification.objects.count() == 60
    assert set(ScheduledNotification.objects.values_list("status", flat=True)) == {"sent"}


@pytest.mark.req("R-02")
def test_the_same_key_planned_by_four_at_once_is_one_plan_and_no_error(ana):
    rows = side_by_side(*[lambda: plan(ana, key="reminder:1")] * 4)
    assert len({row.pk for row in rows}) == 1
    assert ScheduledNotification.objects.count() == 1


def test_a_cancellation_that_meets_a_plan_being_made_calls_off_the_message(ana, carrier):
    phone_of(ana)
    planned = plan(ana, key="reminder:1")
    with beside() as start:
        with transaction.atomic():
            promotion.promote(limit=10)
            cancelling = start(lambda: scheduler.cancel(subject="appointment:1"))
            assert waits_for_a_lock(cancelling)
        cancelling.result(timeout=PATIENCE)
    run()
    planned.refresh_from_db()
    assert planned.status == PlanStatus.SENT
    assert Delivery.objects.get(channel="sms").status == DeliveryStatus.CANCELLED
    assert carrier.texts() == []

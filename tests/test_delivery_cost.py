"""What a delivery costs in statements: a claim the same for many as for few."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notifications import delivery, promotion
from notifications.delivery.claim import claim
from notifications.delivery.handover import Outcome
from notifications.delivery.record import record
from notifications.enums import DeliveryStatus, Reason
from notifications.models import Delivery, ScheduledNotification
from notifications.scheduler import notification_scheduler_service as scheduler
from notifications.services import patient_notification_service
from notifications.types import Rung, SendResult, ladder
from tests.conftest import make_patient
from tests.engine import NOON, NotePayload, email_of, phone_of, run, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
HOUR = timedelta(hours=1)


def statements(act) -> int:
    with CaptureQueriesContext(connection) as captured:
        act()
    return len([each for each in captured if "SAVEPOINT" not in each["sql"]])


def crowd(location, count, *, start=0):
    people = [make_patient(f"p{start + n}@example.com", "P", location) for n in range(count)]
    for number, patient in enumerate(people, start=start):
        email_of(patient)
        phone_of(patient, f"+1212555{number:04d}")
    return people


def claimed(count) -> int:
    """Return what it costs to claim everything of so many patients' messages."""
    return statements(lambda: claim(limit=count * 4, report=delivery.Report()))


def test_twenty_messages_are_claimed_in_as_many_statements_as_four(location):
    for patient in crowd(location, 4):
        send(patient)
    few = claimed(4)
    for patient in crowd(location, 20, start=100):
        send(patient)
    many = claimed(20)
    # Two of them are for what is skipped: its audit rows, and whether something had failed before.
    # Three are for the allowance: whose numbers they are, what these had, and what they get.
    assert few == many <= 21
    assert Delivery.objects.filter(status=DeliveryStatus.SENDING).count() == 48


def test_skipping_what_nobody_wants_costs_the_same_for_many_as_for_few(location):
    for patient in [make_patient(f"n{n}@example.com", "N", location) for n in range(40)]:
        send(patient)
    assert claimed(40) <= 18  # one is the audit rows; SQLite takes 100 of them at once
    assert set(Delivery.objects.values_list("status", flat=True)) == {"delivered", "skipped"}


def test_texts_that_yield_cost_the_same_for_many_as_for_few(location, monkeypatch):
    monkeypatch.setattr(NotePayload, "is_capped", lambda _self: True)

    def yielding(people):
        for patient in people:
            send(patient)
        run()
        for patient in people:
            send(patient)
        return claimed(len(people))

    few, many = yielding(crowd(location, 4)), yielding(crowd(location, 20, start=100))
    assert few == many <= 21
    assert Delivery.objects.filter(reason=Reason.RATE_LIMITED).count() == 24


def test_each_answer_of_a_carrier_is_written_in_three_statements(location):
    """Where the delivery stands, how the attempt went, and the audit row."""
    for patient in crowd(location, 1):
        send(patient)
    parcels = claim(limit=10, report=delivery.Report())
    outcomes = [Outcome(parcel=each, latency_ms=1, result=SendResult()) for each in parcels]
    assert statements(lambda: [record(each, report=delivery.Report()) for each in outcomes]) == 6


def test_a_run_with_nothing_due_is_a_handful_of_statements(ana):
    run()
    assert statements(delivery.run_due) <= 3
    assert statements(run) <= 12


def test_a_broadcast_is_made_in_a_fixed_number_of_statements(location):
    def broadcast(people):
        return lambda: patient_notification_service.create_many(
            patient_ids=[patient.pk for patient in people],
            build=lambda _patient: NotePayload.example(),
            key=lambda _patient: "news",
        )

    few, many = crowd(location, 3), crowd(location, 8, start=100)  # SQLite: 999 values at once
    assert statements(broadcast(few)) == statements(broadcast(many)) <= 13


@pytest.mark.parametrize("has_address", [False, True], ids=["to call about", "to text instead"])
def test_rungs_that_are_left_out_cost_the_same_for_many_as_for_few(
    location, monkeypatch, has_address
):
    """Nearly nobody has a device, so that nearly every ladder begins with its second rung."""
    steps = (("push", HOUR), ("sms", HOUR), (Rung.CALL, HOUR))
    rungs = ladder(steps=steps, reach_by=NOON + 3 * HOUR)
    monkeypatch.setattr(NotePayload, "rungs", lambda _self: rungs)

    def climbing(count, start):
        people = (
            crowd(location, count, start=start)
            if has_address
            else [make_patient(f"n{start + n}@example.com", "N", location) for n in range(count)]
        )
        for patient in people:
            send(patient)
        return sum(claimed(count) for _look in range(2))

    assert climbing(4, 0) == climbing(20, 100)


def test_households_are_claimed_in_as_many_statements_for_many_as_for_few(
    location, practice, monkeypatch
):
    """Their second text is to go a little later, and may go with the first."""
    practice.l0_only = True  # a note has no words for several
    practice.save()
    monkeypatch.setattr(NotePayload, "together", lambda _self: "one day")

    def families(count, start):
        for patient in crowd(location, count, start=start):
            send(patient)
            later = send(patient).deliveries.filter(channel="sms")
            later.update(due_at=NOON + HOUR / 2)
        return claimed(2 * count)  # each has two of everything

    few, many = families(4, 0), families(20, 100)
    assert few == many
    assert Delivery.objects.filter(reason=Reason.MERGED).count() == 24


def test_what_becomes_of_plans_costs_the_same_for_many_as_for_few(location):
    def fates(count, start):
        plans = [
            scheduler.plan(
                patient_id=patient.pk,
                payload=NotePayload.example(),
                subject=f"note:{patient.pk}",
                rule="2-days",
                due_at=NOON,
                key=f"note:{patient.pk}",
            )
            for patient in crowd(location, count, start=start)
        ]
        rows = list(ScheduledNotification.objects.filter(pk__in=[each.pk for each in plans]))
        return statements(lambda: promotion.fates(rows, now=NOON))

    assert fates(4, 0) == fates(20, 100)

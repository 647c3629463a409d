"""Claims, new messages and changes of address at once: nobody locks anybody out."""

import pytest
from django.db import connection, transaction

from notifications import contacts, delivery
from notifications.delivery.claim import claim
from notifications.enums import ContactKind, ContactStatus
from notifications.models import ContactPoint, Delivery, DeliveryAttempt
from notifications.services import patient_notification_service
from tests.clinic import DESK
from tests.crowd import (
    PATIENCE,
    beside,
    only_texts,
    patients_with_phones,
    side_by_side,
    waits_for_a_lock,
)
from tests.engine import NotePayload, email_of, phone_of, run, say, send

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("note", "carrier", "noon"),
]


def add_and_verify(patient, address):
    new = contacts.add(patient_id=patient.pk, kind=ContactKind.EMAIL, value=address, actor=DESK)
    return contacts.mark_verified(contact_id=new.pk, actor=DESK)


def test_a_message_is_made_to_an_address_while_a_claim_holds_it(ana):
    """A new delivery refers to the address; if it waited, a broadcast and a claim could cross."""
    phone_of(ana)
    send(ana)
    with beside() as start:
        with transaction.atomic():
            claim(limit=10, report=delivery.Report())
            sending = start(lambda: send(ana))
            if connection.vendor == "postgresql":  # SQLite has one writer at a time
                assert sending.result(timeout=20).seq == 2
        assert sending.result(timeout=PATIENCE).seq == 2


@pytest.mark.req("M-07")
def test_a_withdrawal_waits_for_a_claim_that_has_begun_and_the_next_claim_hears_it(ana, carrier):
    number = phone_of(ana)
    send(ana)
    only_texts()
    with beside() as start:
        with transaction.atomic():
            [begun] = claim(limit=10, report=delivery.Report())
            withdrawing = start(lambda: say(number, granted=False))
            assert waits_for_a_lock(withdrawing)
        withdrawing.result(timeout=PATIENCE)
    send(ana)
    run()
    assert DeliveryAttempt.objects.get().delivery_id == begun.delivery.pk
    assert carrier.texts() == []


def test_whoever_changes_an_address_holds_the_oldest_first_as_a_claim_does(ana):
    """Else a verification with the new address would wait for a claim that waits for the new."""
    old = email_of(ana)
    new = contacts.add(
        patient_id=ana.pk, kind=ContactKind.EMAIL, value="new@example.com", actor=DESK
    )
    with beside() as start:
        with transaction.atomic():
            hold = ContactPoint.objects.select_for_update(no_key=True, nowait=True)
            hold.get(pk=old.pk)
            verifying = start(lambda: contacts.mark_verified(contact_id=new.pk, actor=DESK))
            assert waits_for_a_lock(verifying)
            hold.get(pk=new.pk)  # free: the verification waits with empty hands
        verifying.result(timeout=PATIENCE)
    old.refresh_from_db()
    assert old.status == ContactStatus.REPLACED


def test_broadcasts_verifications_and_workers_at_once_all_get_through(location):
    people = patients_with_phones(location, 10)
    for patient in reversed(people):  # so that addresses and patients are in opposite orders
        email_of(patient, agreed=False)

    def broadcasts():
        return sum(
            patient_notification_service.create_many(
                patient_ids=[patient.pk for patient in people],
                build=lambda _patient: NotePayload.example(),
                key=lambda _patient, number=number: f"news:{number}",
            )
            for number in range(4)
        )

    def verifies():
        for number in range(3):
            for patient in people:
                say(add_and_verify(patient, f"{number}.{patient.email}"), granted=number == 1)

    def works():
        for _each in range(6):
            delivery.run_due(seconds=2)

    made, *_others = side_by_side(broadcasts, verifies, works, works)
    assert made == 40
    run()
    statuses = set(Delivery.objects.values_list("status", flat=True))
    assert statuses <= {"accepted", "delivered", "skipped"}


def test_the_same_address_added_twice_at_once_is_one_row(ana):
    added = side_by_side(*[lambda: phone_of(ana, verified=False, agreed=False)] * 4)
    assert len({each.pk for each in added}) == 1
    assert ContactPoint.objects.filter(patient=ana).count() == 1


def test_the_same_key_sent_twice_at_once_is_one_message(ana):
    made = side_by_side(*[lambda: send(ana, key="results:1")] * 4)
    assert len({each.pk for each in made}) == 1
    assert patient_notification_service.unread_count(patient_id=ana.pk) == 1

"""STOP against workers that are sending: a thousand times, in true concurrency on PostgreSQL."""

import random
import time
from uuid import UUID

import pytest
from django.db import transaction

from notifications import delivery, incoming
from notifications.enums import ContactStatus, DeliveryStatus, Reason
from notifications.models import ContactPoint, Delivery, DeliveryAttempt
from notifications.services import patient_notification_service
from notifications.types import Reply, SendResult
from tests.crowd import NUMBER, only_texts, patients_with_phones, side_by_side
from tests.engine import NotePayload, Told, say

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("note", "carrier", "noon"),
]
ROUNDS, NUMBERS, WORKERS, PHONES = 10, 100, 2, 3
LONGEST_PAUSE = 0.002  # seconds


@pytest.mark.req("M-07")
@pytest.mark.req("SLO-6")
def test_in_a_thousand_interleavings_no_attempt_begins_after_the_stop_is_committed(location):
    """Counted before the commit, in the transaction of the STOP itself, and again at the end.

    An attempt is a committed row, written before the call. One that the STOP's transaction sees
    had begun; whatever is there at the end and was not seen then, began after.
    """
    people = [patient.pk for patient in patients_with_phones(location, NUMBERS)]
    sent = 0
    for number in range(ROUNDS):
        begun_at_stop = storm(people, seed=number)
        begun = attempts(people)
        assert begun == begun_at_stop
        assert set(begun.values()) <= {0, 1}
        assert_the_rest_was_skipped(begun)
        sent += sum(begun.values())
        put_back()
    # Otherwise nobody was racing anybody.
    assert 0.1 <= sent / (ROUNDS * NUMBERS) <= 0.9


def storm(people: list[UUID], *, seed: int) -> dict[UUID, int]:
    """Send to everybody while everybody says STOP; return the attempts each STOP could see."""
    patient_notification_service.create_many(
        patient_ids=people, build=lambda _id: NotePayload.example(), key=lambda _id: f"storm:{seed}"
    )
    only_texts()
    Told.answers = [answers_in_a_moment] * NUMBERS
    order = random.Random(seed).sample(range(NUMBERS), NUMBERS)
    seen: dict[UUID, int] = {}

    def phone(place: int) -> None:
        pause = random.Random(seed * PHONES + place)
        for number in order[place::PHONES]:
            time.sleep(pause.uniform(0, LONGEST_PAUSE))
            seen[people[number]] = stop(people[number], number=number, seed=seed)

    side_by_side(
        *[lambda place=place: phone(place) for place in range(PHONES)],
        *[delivery.run_due] * WORKERS,
    )
    return seen


def answers_in_a_moment() -> SendResult:
    time.sleep(random.uniform(0, LONGEST_PAUSE))
    return SendResult(provider_id="told")


def stop(patient_id: UUID, *, number: int, seed: int) -> int:
    """Say STOP; return how many attempts had begun just before the commit."""
    said = Reply(
        event_key=f"{seed}:{number}", sender=NUMBER.format(number + 100), text="Stop texting me"
    )
    with transaction.atomic():
        incoming.take_reply(channel="sms", reply=said)
        return DeliveryAttempt.objects.filter(patient_id=patient_id).count()


def attempts(people: list[UUID]) -> dict[UUID, int]:
    begun = list(DeliveryAttempt.objects.values_list("patient_id", flat=True))
    return {patient_id: begun.count(patient_id) for patient_id in people}


def assert_the_rest_was_skipped(begun: dict[UUID, int]) -> None:
    """Nothing is left waiting, and nobody lost a text for another reason."""
    delivery.run_due()
    rows = Delivery.objects.values_list("notification__patient_id", "status", "reason")
    assert {patient_id: (status, reason) for patient_id, status, reason in rows} == {
        patient_id: (DeliveryStatus.ACCEPTED, "")
        if count
        else (DeliveryStatus.SKIPPED, Reason.OPTED_OUT_STOP)
        for patient_id, count in begun.items()
    }
    assert set(ContactPoint.objects.values_list("status", flat=True)) == {ContactStatus.OPTED_OUT}


@transaction.atomic
def put_back() -> None:
    """Set the scene again: everybody has agreed anew."""
    Delivery.objects.all().delete()
    ContactPoint.objects.update(status=ContactStatus.ACTIVE)
    for phone in ContactPoint.objects.all():
        say(phone, granted=True)

"""Receipts, answers and changes of address at the same moment: one state, and nobody locked out."""

import random
from dataclasses import replace

import pytest

from notifications import contacts, delivery, incoming
from notifications.delivery.claim import claim
from notifications.delivery.handover import Outcome
from notifications.delivery.record import record
from notifications.enums import (
    AttemptResult,
    ContactEffect,
    ContactStatus,
    DeliveryStatus,
    ErrorKind,
)
from notifications.models import CarrierEvent, ContactPoint, Delivery, DeliveryAttempt
from notifications.types import ChannelError, Receipt, SendResult
from tests.clinic import DESK
from tests.crowd import only_texts, patients_with_phones, side_by_side
from tests.engine import delivery_of, email_of, run, send

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("note", "carrier", "noon"),
]
DEAD = {"code": "30005", "contact": ContactEffect.NEEDS_UPDATE}


def receipt(row: Delivery, status: DeliveryStatus, **said) -> Receipt:
    key = f"{row.pk}:{status}"
    return Receipt(delivery_id=row.pk, provider_id="told", event_key=key, status=status, **said)


@pytest.mark.req("R-12")
def test_four_servers_that_hear_everything_in_their_own_order_end_in_one_state(location):
    for patient in patients_with_phones(location, 12):
        send(patient)
    only_texts()
    run()
    told = [
        said
        for row in Delivery.objects.all()
        for said in (
            receipt(row, DeliveryStatus.ACCEPTED),
            receipt(row, DeliveryStatus.FAILED, **DEAD),
            receipt(row, DeliveryStatus.DELIVERED),
        )
    ]

    def server(seed):
        mine = random.Random(seed).sample(told, len(told))
        return lambda: [incoming.take_receipts(channel="sms", receipts=[each]) for each in mine]

    side_by_side(*(server(seed) for seed in range(4)))
    incoming.sweep()
    assert set(Delivery.objects.values_list("status", flat=True)) == {"delivered"}
    assert set(ContactPoint.objects.values_list("status", flat=True)) == {"needs_update"}
    assert CarrierEvent.objects.count() == len(told)
    assert not CarrierEvent.objects.filter(settled_at=None).exists()


def test_answers_receipts_and_the_desk_at_once_leave_nothing_half_done(location):
    people = patients_with_phones(location, 10)
    for patient in people:
        send(patient)
    only_texts()
    parcels = claim(limit=20, report=delivery.Report())
    refusal = ChannelError(code="30005", kind=ErrorKind.PERMANENT, contact=DEAD["contact"])

    def answers():
        for number, parcel in enumerate(parcels):
            said = {"error": refusal} if number % 2 else {"result": SendResult(provider_id="told")}
            record(Outcome(parcel=parcel, latency_ms=1, **said), report=delivery.Report())

    def receipts():
        for parcel in reversed(parcels):
            said = receipt(parcel.delivery, DeliveryStatus.FAILED, **DEAD)
            incoming.take_receipts(channel="sms", receipts=[said])

    def desk():
        for phone in ContactPoint.objects.order_by("-id"):
            contacts.mark_verified(contact_id=phone.pk, actor=DESK)

    side_by_side(answers, receipts, desk)
    incoming.sweep()
    assert set(Delivery.objects.values_list("status", flat=True)) == {"failed"}
    assert not DeliveryAttempt.objects.filter(result=AttemptResult.STARTED).exists()
    statuses = set(ContactPoint.objects.values_list("status", flat=True))
    assert statuses <= {ContactStatus.ACTIVE, ContactStatus.NEEDS_UPDATE}


def test_two_who_share_an_address_may_complain_at_the_same_moment(ana, ben):
    def complaint(patient):
        email_of(patient, "home@example.com")
        row = delivery_of(send(patient), "email")
        said = {"code": "complained", "contact": ContactEffect.COMPLAINED}
        heard = replace(receipt(row, DeliveryStatus.FAILED, **said), status=None, provider_id="")
        return lambda: incoming.take_receipts(channel="email", receipts=[heard])

    for _each in range(8):
        side_by_side(complaint(ana), complaint(ben))
    assert not CarrierEvent.objects.filter(settled_at=None).exists()

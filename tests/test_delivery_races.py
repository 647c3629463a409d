"""Answers, receipts and workers that come too late, or at the same moment as another."""

from datetime import timedelta

import pytest
from django.db import DataError, IntegrityError

from notifications import clock, contacts, delivery
from notifications.delivery.claim import claim
from notifications.delivery.handover import Couriers, Outcome
from notifications.delivery.receipts import apply_receipt
from notifications.delivery.record import record
from notifications.enums import AttemptResult, ContactStatus, DeliveryStatus, ErrorKind, Reason
from notifications.models import Delivery, DeliveryAttempt, Switch
from notifications.providers.twilio_codes import meaning_of
from notifications.scheduler import tick
from notifications.types import (
    OTHER_WORDS,
    AnswerLost,
    ChannelError,
    Meaning,
    Receipt,
    SendResult,
)
from tests.crowd import only_texts
from tests.engine import (
    ANAS_NUMBER,
    BENS_NUMBER,
    NOON,
    NotePayload,
    Told,
    delivery_of,
    phone_of,
    run,
    send,
    status_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ACCEPTED = (DeliveryStatus.ACCEPTED, "")
UNKNOWN = (DeliveryStatus.UNKNOWN, Reason.ANSWER_UNKNOWN)
UNSETTLED = (DeliveryStatus.UNKNOWN, Reason.ANSWER_UNSETTLED)


def a_text(patient, **options):
    made = send(patient, **options)
    only_texts()
    return made


def receipt(made, sid, status=DeliveryStatus.ACCEPTED, **said) -> Receipt:
    row = delivery_of(made, "sms")
    known = {"delivery_id": row.pk, "provider_id": sid, "event_key": f"{sid}:{status}"}
    return Receipt(**known, status=status, **said)


def runs(*minutes: float) -> None:
    for minute in minutes:
        run(at=NOON + minute * MINUTE)


# -- an answer that comes late ------------------------------------------------------------------


@pytest.mark.req("R-03")
def test_the_answer_of_a_worker_that_was_frozen_counts_though_the_text_is_planned_again(
    ana, carrier
):
    phone_of(ana)
    made = a_text(ana)

    def frozen():
        Delivery.objects.filter(pk=delivery_of(made, "sms").pk).update(
            status=DeliveryStatus.PLANNED, due_at=NOON + HOUR, lease_until=None
        )
        return SendResult(provider_id="SM1")

    carrier.answers = [frozen]
    run()
    runs(61, 120)
    assert status_of(made, "sms") == ACCEPTED
    assert len(carrier.texts()) == 1


@pytest.mark.req("R-03")
def test_the_answer_to_a_first_try_does_not_name_the_second(ana, carrier):
    phone_of(ana)
    made = a_text(ana)
    row = delivery_of(made, "sms")
    again = Meaning(kind=ErrorKind.TRANSIENT, max_tries=3)

    def overtaken():
        apply_receipt(
            receipt(made, "", DeliveryStatus.FAILED, code="30008", meaning=again), channel="sms"
        )
        Delivery.objects.filter(pk=row.pk).update(
            status=DeliveryStatus.SENDING, attempts=2, fence=2, lease_until=NOON + HOUR
        )
        return SendResult(provider_id="SM1")

    carrier.answers = [overtaken]
    delivery.run_due()
    assert delivery_of(made, "sms").provider_id == ""


def test_a_text_that_was_taken_out_too_late_to_be_of_use_is_not_sent(ana, carrier):
    phone_of(ana)
    made = a_text(ana, payload=NotePayload(good_until=NOON + MINUTE))
    parcels = claim(limit=5, report=delivery.Report())
    with clock.at(NOON + 2 * MINUTE):
        couriers = Couriers(slots=1)
        couriers.take(parcels)
        for outcome in couriers.back():
            record(outcome, report=delivery.Report())
        run()
    assert carrier.texts() == []
    assert status_of(made, "sms") == (DeliveryStatus.EXPIRED, Reason.EXPIRED)


def test_a_refusal_from_before_she_said_start_does_not_stop_her_texts_again(ana, carrier):
    phone = phone_of(ana)
    a_text(ana)

    def changes_her_mind():
        with clock.at(NOON + MINUTE):
            contacts.opt_out(number=ANAS_NUMBER, actor="system:test")
            contacts.opt_in(number=ANAS_NUMBER, actor="system:test")
        raise ChannelError.of("21610", meaning_of("21610"))

    carrier.answers = [changes_her_mind]
    run()
    phone.refresh_from_db()
    assert phone.status == ContactStatus.ACTIVE


# -- a carrier that is tried --------------------------------------------------------------------


@pytest.mark.req("R-09")
def test_a_receipt_before_the_answer_ends_a_carriers_rest_as_well(ana, carrier):
    phone_of(ana)
    Switch.objects.create(name="sms", trips=1, rests_until=NOON - MINUTE)
    made = a_text(ana)

    def faster():
        apply_receipt(receipt(made, "SM1"), channel="sms")
        return SendResult(provider_id="SM1")

    carrier.answers = [faster]
    run()
    assert status_of(made, "sms") == ACCEPTED
    assert Switch.objects.get(name="sms").trips == 0


# -- one that breaks ----------------------------------------------------------------------------


def test_an_answer_that_cannot_be_written_loses_none_of_the_others(ana, ben):
    for patient, number in ((ana, ANAS_NUMBER), (ben, BENS_NUMBER)):
        phone_of(patient, number)
        send(patient)
    only_texts()
    impossible, fine = claim(limit=5, report=delivery.Report())
    outcomes = [
        Outcome(parcel=impossible, latency_ms=-1, result=SendResult()),
        Outcome(parcel=fine, latency_ms=1, result=SendResult()),
    ]
    with pytest.raises(IntegrityError):
        delivery._record_all(outcomes, delivery.Report())
    statuses = sorted(Delivery.objects.values_list("status", flat=True))
    assert statuses == [DeliveryStatus.ACCEPTED, DeliveryStatus.SENDING]


def cannot_write():
    raise DataError("value too long for Ana")


def test_a_visit_the_portal_cannot_write_stops_no_tick(ana, carrier, settings):
    settings.NOTIFICATIONS_UPKEEP = "tests.test_delivery_races.cannot_write"
    phone_of(ana)
    made = a_text(ana)
    tick()
    assert status_of(made, "sms") == ACCEPTED


# -- what a look-up does not tell ---------------------------------------------------------------


def lost(patient, carrier):
    carrier.answers = [AnswerLost(code="503")]
    made = a_text(patient)
    run()
    return made


@pytest.mark.req("W5")
@pytest.mark.parametrize("code", ["", OTHER_WORDS])
def test_a_text_the_carrier_keeps_no_words_of_is_not_nothing_and_anothers_words_are(
    ana, carrier, code
):
    """An account that keeps no words, or a status nobody knows yet, proves nothing."""
    phone_of(ana)
    made = lost(ana, carrier)
    Told.known = [receipt(made, "SM1", None, code=code)]
    runs(3, 6, 9, 20, 40)
    if code == OTHER_WORDS:
        assert (len(carrier.texts()), status_of(made, "sms")) == (2, ACCEPTED)
    else:
        assert (len(carrier.texts()), status_of(made, "sms")) == (1, UNSETTLED)


@pytest.mark.req("W5")
def test_another_account_knows_nothing_of_what_this_one_took(ana, carrier, settings):
    phone_of(ana)
    made = lost(ana, carrier)
    Told.known = []
    settings.NOTIFICATIONS_SMS_PROVIDER = "tests.test_delivery_races.Elsewhere"
    runs(3, 6, 9, 20)
    assert (len(carrier.texts()), status_of(made, "sms")) == (1, UNSETTLED)


class Elsewhere(Told):
    """The same carrier, another account."""


@pytest.mark.req("W5")
def test_an_earlier_try_of_the_same_text_is_not_taken_for_the_lost_one(ana, carrier):
    phone_of(ana)
    again = Meaning(kind=ErrorKind.TRANSIENT, max_tries=3)
    carrier.answers = [SendResult(provider_id="SM1"), AnswerLost(code="503")]
    made = a_text(ana)
    run()
    apply_receipt(
        receipt(made, "SM1", DeliveryStatus.FAILED, code="30008", meaning=again), channel="sms"
    )
    Told.known = [receipt(made, "SM1", DeliveryStatus.FAILED, code="30008", meaning=again)]
    runs(1)
    assert status_of(made, "sms") == UNKNOWN
    runs(4, 7)
    assert status_of(made, "sms") == ACCEPTED
    results = DeliveryAttempt.objects.order_by("number").values_list("result", flat=True)
    assert list(results)[1:] == [AttemptResult.NEVER_ARRIVED, AttemptResult.ACCEPTED]

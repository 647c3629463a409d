"""Answers that were lost and workers that died: nothing is lost, and no text goes twice."""

import smtplib
from datetime import timedelta

import pytest
from django.utils import timezone

from notifications import delivery
from notifications.delivery.claim import claim
from notifications.delivery.handover import Outcome
from notifications.delivery.record import record
from notifications.enums import AttemptResult, DeliveryStatus, Reason
from notifications.models import Delivery, DeliveryAttempt
from notifications.types import AnswerLost, SendResult
from tests.engine import (
    NOON,
    NotePayload,
    ToldMail,
    delivery_of,
    device_of,
    email_of,
    phone_of,
    run,
    said_to_patient,
    send,
    status_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
MINUTE = timedelta(minutes=1)
UNKNOWN = (DeliveryStatus.UNKNOWN, Reason.ANSWER_UNKNOWN)
UNSETTLED = (DeliveryStatus.UNKNOWN, Reason.ANSWER_UNSETTLED)
SENT = (DeliveryStatus.ACCEPTED, "")
LOST = AnswerLost(code="timeout")


def dies_after_the_claim(limit=10):
    """A worker that claims what is due and is killed before it hears from the carrier."""
    parcels = claim(limit=limit, report=delivery.Report())
    Delivery.objects.filter(status=DeliveryStatus.SENDING).update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )
    return parcels


# -- the answer was lost ------------------------------------------------------------------------


@pytest.mark.req("SLO-3")
def test_a_text_whose_answer_was_lost_is_never_sent_again(ana, carrier):
    phone_of(ana)
    carrier.answers = [LOST]
    made = send(ana)
    for minutes in (0, 1, 10, 11, 60, 24 * 60):
        run(at=NOON + minutes * MINUTE)
        if minutes < 15:
            assert status_of(made, "sms") == UNKNOWN
    assert len(carrier.texts()) == 1
    assert status_of(made, "sms") == UNSETTLED  # this carrier cannot be asked
    assert said_to_patient(made, "sms") == ["It may have gone; the provider cannot tell"]


def test_an_email_whose_answer_was_lost_is_sent_once_more_after_ten_minutes(ana, carrier):
    email_of(ana)
    carrier.answers = [smtplib.SMTPServerDisconnected("cut")]
    made = send(ana)
    run()
    run(at=NOON + 9 * MINUTE)
    assert (len(ToldMail.handed), status_of(made, "email")) == (1, UNKNOWN)
    run(at=NOON + 10 * MINUTE)
    assert (len(ToldMail.handed), status_of(made, "email")) == (2, SENT)
    run(at=NOON + 60 * MINUTE)
    assert len(ToldMail.handed) == 2


def test_an_email_lost_twice_is_left_alone(ana, carrier):
    email_of(ana)
    carrier.answers = [smtplib.SMTPServerDisconnected("cut")] * 5
    made = send(ana)
    for minutes in (0, 11, 22, 60, 600):
        run(at=NOON + minutes * MINUTE)
    assert (len(ToldMail.handed), status_of(made, "email")) == (2, UNSETTLED)


def test_an_email_is_not_repeated_once_its_time_has_passed(ana, carrier):
    email_of(ana)
    carrier.answers = [smtplib.SMTPServerDisconnected("cut")]
    made = send(ana, NotePayload(good_until=NOON + 5 * MINUTE))
    run()
    run(at=NOON + 11 * MINUTE)
    assert (len(ToldMail.handed), status_of(made, "email")) == (1, UNKNOWN)


def test_a_push_is_repeated_once_and_names_the_same_message(ana, carrier):
    device_of(ana)
    carrier.answers = [LOST]
    made = send(ana)
    run()
    run(at=NOON + 11 * MINUTE)
    ids = {to.delivery_id for channel, to, _said in carrier.handed if channel == "push"}
    assert ids == {delivery_of(made, "push").pk}
    assert len(carrier.handed) == 2


def test_a_fault_of_our_own_during_the_call_counts_as_a_lost_answer(ana, carrier, caplog):
    phone_of(ana)
    carrier.answers = [RuntimeError("could not text +12125550142")]
    made = send(ana)
    run()
    assert status_of(made, "sms") == UNKNOWN
    assert "5550142" not in caplog.text
    assert DeliveryAttempt.objects.get(delivery__channel="sms").code == "RuntimeError"


def test_what_stays_unknown_costs_later_runs_nothing(ana, carrier, django_assert_max_num_queries):
    phone_of(ana)
    carrier.answers = [LOST, SendResult(), SendResult()] * 20
    for _each in range(60):
        send(ana)
    run()
    assert Delivery.objects.filter(status=DeliveryStatus.UNKNOWN).count() == 20
    with django_assert_max_num_queries(8):
        delivery.run_due()


# -- the worker died ----------------------------------------------------------------------------


@pytest.mark.req("R-04")
def test_a_worker_that_dies_during_the_call_leaves_a_text_that_may_have_gone(ana, carrier):
    phone_of(ana)
    made = send(ana)
    dies_after_the_claim()
    run()
    assert status_of(made, "sms") == UNKNOWN
    run(at=NOON + 60 * MINUTE)
    assert carrier.texts() == []  # the dead worker may have sent it: nobody sends it again
    [tried] = DeliveryAttempt.objects.filter(delivery__channel="sms")
    assert (tried.result, tried.code) == (AttemptResult.ANSWER_LOST, "lease_lost")


@pytest.mark.req("R-04")
def test_an_email_of_a_worker_that_died_is_sent_once_more_after_ten_minutes(ana):
    email_of(ana)
    made = send(ana)
    dies_after_the_claim()
    run()
    assert status_of(made, "email") == UNKNOWN
    run(at=NOON + 11 * MINUTE)
    assert (len(ToldMail.handed), status_of(made, "email")) == (1, SENT)


def test_a_worker_that_is_merely_slow_keeps_its_lease(ana, carrier):
    phone_of(ana)
    made = send(ana)
    claim(limit=10, report=delivery.Report())
    run(at=NOON + 60 * MINUTE)  # the pretended time does not end a lease: the wall clock does
    assert status_of(made, "sms")[0] == DeliveryStatus.SENDING
    assert carrier.texts() == []


@pytest.mark.req("R-03")
def test_a_zombie_that_wakes_up_after_its_lease_changes_nothing(ana, carrier):
    email_of(ana)
    made = send(ana)
    parcels = {parcel.channel.key: parcel for parcel in dies_after_the_claim()}
    run()
    run(at=NOON + 11 * MINUTE)
    assert status_of(made, "email") == SENT
    before = list(Delivery.objects.order_by("id").values())
    tries = list(DeliveryAttempt.objects.order_by("id").values())
    late = Outcome(parcel=parcels["email"], latency_ms=1, result=SendResult(provider_id="zombie"))
    assert record(late, report=delivery.Report()) is False
    assert list(Delivery.objects.order_by("id").values()) == before
    assert list(DeliveryAttempt.objects.order_by("id").values()) == tries


@pytest.mark.req("R-03")
def test_a_zombie_cannot_fail_what_another_worker_is_sending_now(ana, carrier):
    email_of(ana)
    made = send(ana)
    [old] = [parcel for parcel in dies_after_the_claim() if parcel.channel.key == "email"]
    run()
    Delivery.objects.filter(status=DeliveryStatus.UNKNOWN).update(status=DeliveryStatus.PLANNED)
    [new] = claim(limit=10, report=delivery.Report())
    late = Outcome(parcel=old, latency_ms=1, error=LOST)
    assert record(late, report=delivery.Report()) is False
    assert status_of(made, "email")[0] == DeliveryStatus.SENDING
    assert record(Outcome(parcel=new, latency_ms=1, result=SendResult()), report=delivery.Report())
    assert status_of(made, "email") == SENT


@pytest.mark.req("R-01")
def test_what_a_killed_worker_had_not_claimed_is_sent_by_the_next_run(ana, ben, carrier):
    phone_of(ana)
    phone_of(ben, "212-555-0143")
    for patient in (ana, ben):
        send(patient)
    Delivery.objects.exclude(channel="sms").delete()
    dies_after_the_claim(limit=1)
    run()
    assert len(carrier.texts()) == 1
    statuses = Delivery.objects.filter(channel="sms").values_list("status", flat=True)
    assert sorted(statuses) == ["accepted", "unknown"]

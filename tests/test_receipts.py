"""What carriers say of a message: late, twice and in any order, it ends in the same state."""

from datetime import timedelta
from itertools import permutations
from uuid import uuid4

import pytest
from django.db import connection

from notifications import clock, consent, contacts, delivery, incoming, preferences
from notifications.delivery.claim import claim
from notifications.delivery.handover import Outcome
from notifications.delivery.record import record
from notifications.enums import (
    AttemptResult,
    AuditAction,
    ContactEffect,
    ContactStatus,
    DeliveryStatus,
    EventOutcome,
    PatientNotificationType,
    Purpose,
    Reason,
)
from notifications.models import AuditEvent, CarrierEvent, ContactPoint, Delivery, DeliveryAttempt
from notifications.types import AnswerLost, Receipt, SendResult
from tests.clinic import DESK
from tests.engine import NOON, delivery_of, email_of, phone_of, run, send, status_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
ACCEPTED, DELIVERED = DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED
FAILED, UNKNOWN = DeliveryStatus.FAILED, DeliveryStatus.UNKNOWN
SID = "told"  # what the tests' carrier calls every message
DEAD = {"code": "30005", "contact": ContactEffect.NEEDS_UPDATE}


def says(row: Delivery, status: DeliveryStatus | None, **said) -> Receipt:
    """A carrier's receipt for a delivery; the same status again is the same event."""
    return Receipt(
        **{
            "delivery_id": row.pk,
            "provider_id": SID,
            "event_key": f"{row.pk}:{status}",
            "status": status,
            **said,
        }
    )


def hear(*receipts: Receipt, channel: str = "sms") -> list[str]:
    """Take receipts as a verified call brings them; return what each kept event led to."""
    incoming.take_receipts(channel=channel, receipts=receipts)
    keys = [receipt.event_key for receipt in receipts]
    return list(CarrierEvent.objects.filter(key__in=keys).values_list("outcome", flat=True))


@pytest.fixture
def text(ana):
    """A text to Ana that her carrier has taken."""
    phone_of(ana)
    made = send(ana)
    run()
    return delivery_of(made, "sms")


def now(row: Delivery) -> tuple[str, str]:
    row.refresh_from_db()
    return row.status, row.reason


# -- the ordinary run ---------------------------------------------------------------------------


def test_ana_got_her_text_and_the_desk_sees_it(text):
    assert now(text) == (ACCEPTED, "")
    assert hear(says(text, DELIVERED)) == [EventOutcome.APPLIED]
    assert now(text) == (DELIVERED, "")
    last = AuditEvent.objects.filter(object_id=str(text.pk)).latest("id")
    assert (last.action, last.details["status"]) == (AuditAction.SENT, "delivered")


@pytest.mark.req("M-14")
def test_a_text_to_a_number_that_is_gone_fails_with_its_reason_and_the_next_is_not_tried(text, ana):
    hear(says(text, FAILED, **DEAD))
    assert now(text) == (FAILED, Reason.BOUNCED_HARD)
    assert text.last_code == "30005"
    phone = ContactPoint.objects.get(pk=text.contact_id)
    assert (phone.status, phone.status_reason) == (ContactStatus.NEEDS_UPDATE, "30005")
    later = send(ana)
    run()
    assert status_of(later, "sms") == (DeliveryStatus.SKIPPED, Reason.BOUNCED_HARD)
    contacts.mark_verified(contact_id=phone.pk, actor=DESK)
    mended = send(ana)
    run()
    assert status_of(mended, "sms") == (ACCEPTED, "")


def test_a_failure_that_is_not_the_numbers_fault_leaves_the_number_alone(text):
    hear(says(text, FAILED, code="30007"))
    assert now(text) == (FAILED, Reason.PROVIDER_ERROR)
    assert ContactPoint.objects.get(pk=text.contact_id).status == ContactStatus.ACTIVE


def test_what_becomes_of_anas_text_changes_nothing_of_bens(text, ben):
    bens = phone_of(ben)
    other = send(ben)
    run()
    hear(says(text, FAILED, **DEAD))
    bens.refresh_from_db()
    assert bens.status == ContactStatus.ACTIVE
    assert status_of(other, "sms") == (ACCEPTED, "")


# -- late, twice, in any order ------------------------------------------------------------------


@pytest.mark.req("R-12")
@pytest.mark.parametrize("status", [ACCEPTED, FAILED])
def test_what_was_delivered_stays_delivered(text, status):
    hear(says(text, DELIVERED))
    assert hear(says(text, status)) == [EventOutcome.NOTHING_NEW]
    assert now(text) == (DELIVERED, "")


@pytest.mark.req("R-12")
@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_in_every_order_the_same_receipts_end_in_the_same_state(text, order):
    told = [
        says(text, ACCEPTED, event_key="queued"),
        says(text, ACCEPTED, event_key="sent"),
        says(text, FAILED, **DEAD),
        says(text, DELIVERED),
    ]
    hear(*(told[place] for place in order), *told)
    assert now(text) == (DELIVERED, "")
    assert (text.provider_id, text.last_code) == (SID, "")
    assert ContactPoint.objects.get(pk=text.contact_id).status == ContactStatus.NEEDS_UPDATE
    assert CarrierEvent.objects.filter(settled_at=None).count() == 0
    assert CarrierEvent.objects.count() == 4


@pytest.mark.req("R-12")
def test_a_receipt_said_again_is_the_same_event_and_leaves_no_second_row(text):
    hear(says(text, DELIVERED))
    before = AuditEvent.objects.count(), CarrierEvent.objects.count()
    for _again in range(3):
        hear(says(text, DELIVERED))
    assert (AuditEvent.objects.count(), CarrierEvent.objects.count()) == before


@pytest.mark.req("R-12")
def test_a_receipt_a_day_late_still_counts(text):
    with clock.at(NOON + timedelta(hours=24)):
        hear(says(text, DELIVERED))
    assert now(text) == (DELIVERED, "")


@pytest.mark.req("M-14")
def test_a_number_seen_to_work_since_is_not_marked_by_an_old_failure(text):
    with clock.at(NOON + timedelta(hours=1)):
        contacts.mark_verified(contact_id=text.contact_id, actor=DESK)
    with clock.at(NOON + timedelta(hours=24)):
        hear(says(text, FAILED, **DEAD))
    assert now(text) == (FAILED, Reason.BOUNCED_HARD)
    assert ContactPoint.objects.get(pk=text.contact_id).status == ContactStatus.ACTIVE


def test_a_failure_never_takes_back_a_stop(text):
    phone = ContactPoint.objects.get(pk=text.contact_id)
    contacts.set_status(
        contact=phone, status=ContactStatus.OPTED_OUT, reason="stop", actor="system:test"
    )
    hear(says(text, FAILED, **DEAD))
    phone.refresh_from_db()
    assert phone.status == ContactStatus.OPTED_OUT


# -- before the answer, and instead of it -------------------------------------------------------


def begun(patient) -> tuple[Delivery, object]:
    """A text that is under way: claimed, its attempt written, its answer not yet here."""
    phone_of(patient)
    made = send(patient)
    parcels = {each.channel.key: each for each in claim(limit=10, report=delivery.Report())}
    return delivery_of(made, "sms"), parcels["sms"]


@pytest.mark.parametrize("status", [ACCEPTED, DELIVERED, FAILED])
def test_a_receipt_that_is_faster_than_the_answer_wins_and_the_attempt_is_complete(ana, status):
    row, parcel = begun(ana)
    hear(says(row, status, provider_id=""))
    answer = Outcome(parcel=parcel, latency_ms=7, result=SendResult(provider_id="SM1"))
    assert record(answer, report=delivery.Report())
    assert now(row)[0] == status
    attempt = DeliveryAttempt.objects.get(pk=parcel.attempt.pk)
    assert (attempt.result, attempt.latency_ms) == (AttemptResult.ACCEPTED, 7)
    assert (row.provider_id, attempt.provider_id) == ("SM1", "SM1")


def test_an_answer_lost_after_its_receipt_came_leaves_no_doubt(ana):
    row, parcel = begun(ana)
    hear(says(row, DELIVERED, provider_id="SM1"))
    lost = Outcome(parcel=parcel, latency_ms=9, error=AnswerLost(code="timeout"))
    assert record(lost, report=delivery.Report())
    assert now(row) == (DELIVERED, "")
    assert DeliveryAttempt.objects.get(pk=parcel.attempt.pk).result == AttemptResult.ACCEPTED


def test_a_worker_that_died_after_the_receipt_leaves_a_finished_attempt(ana):
    row, _parcel = begun(ana)
    hear(says(row, ACCEPTED, provider_id="SM1"))
    run(at=NOON + timedelta(hours=1))
    assert now(row) == (ACCEPTED, "")
    tried = row.tries.get()
    assert (tried.result, tried.provider_id) == (AttemptResult.ACCEPTED, "SM1")
    assert tried.finished_at is not None


@pytest.mark.req("SLO-3")
@pytest.mark.parametrize("status", [ACCEPTED, DELIVERED, FAILED])
def test_a_text_nobody_knew_of_is_settled_by_its_receipt_and_not_sent_again(ana, carrier, status):
    phone_of(ana)
    carrier.answers = [AnswerLost(code="timeout")]
    made = send(ana)
    run()
    row = delivery_of(made, "sms")
    assert now(row) == (UNKNOWN, Reason.ANSWER_UNKNOWN)
    assert hear(says(row, status, provider_id="SM7")) == [EventOutcome.APPLIED]
    assert (now(row)[0], row.provider_id) == (status, "SM7")
    run(at=NOON + timedelta(hours=1))
    assert len(carrier.texts()) == 1


# -- not for this message -----------------------------------------------------------------------


def test_a_receipt_that_names_another_message_is_not_applied(text):
    assert hear(says(text, FAILED, provider_id="SM-else", **DEAD)) == [EventOutcome.NOTHING_NEW]
    assert now(text) == (ACCEPTED, "")
    assert ContactPoint.objects.get(pk=text.contact_id).status == ContactStatus.ACTIVE


def test_a_receipt_of_another_channel_moves_nothing(text):
    assert hear(says(text, FAILED), channel="email") == [EventOutcome.UNKNOWN_DELIVERY]
    assert now(text) == (ACCEPTED, "")


@pytest.mark.parametrize("unknown", [None, uuid4()])
def test_a_receipt_of_a_message_we_do_not_know_is_kept(text, unknown):
    receipt = says(text, DELIVERED, delivery_id=unknown, event_key="stranger")
    assert hear(receipt) == [EventOutcome.UNKNOWN_DELIVERY]
    assert now(text) == (ACCEPTED, "")


def test_a_receipt_for_what_never_left_changes_nothing(ben):
    made = send(ben)
    run()
    row = delivery_of(made, "sms")
    before = now(row)
    assert hear(says(row, DELIVERED)) == [EventOutcome.NOTHING_NEW]
    assert now(row) == before


# -- what patients tell their mail service ------------------------------------------------------


@pytest.mark.req("M-14")
def test_who_calls_a_mail_spam_gets_no_more_marketing_and_still_hears_of_visits(ana, ben):
    address, bens = email_of(ana), email_of(ben)
    made = send(ana)
    run()
    row = delivery_of(made, "email")
    complaint = says(row, None, provider_id="", contact=ContactEffect.COMPLAINED, code="complained")
    assert hear(complaint, channel="email") == [EventOutcome.APPLIED]
    address.refresh_from_db()
    assert address.status == ContactStatus.ACTIVE
    assert consent.is_granted(contact=address)
    assert not consent.is_granted(contact=address, purpose=Purpose.MARKETING)
    now_on = preferences.effective(patient_id=ana.pk)
    marketing = [
        cls.type_key
        for cls in PatientNotificationType.classes()
        if cls.purpose == Purpose.MARKETING
    ]
    assert not any(now_on[key].enabled["email"] for key in marketing)
    assert now_on["note"].enabled["email"]
    assert not bens.consents.filter(purpose=Purpose.MARKETING).exists()


@pytest.mark.req("M-14")
def test_a_complaint_counts_for_the_child_whose_mail_comes_to_the_same_address(ana, ben):
    email_of(ana, "home@example.com")
    shared = email_of(ben, "home@example.com")
    row = delivery_of(send(ana), "email")
    run()
    complaint = says(row, None, provider_id="", contact=ContactEffect.COMPLAINED, code="complained")
    hear(complaint, channel="email")
    assert shared.consents.filter(purpose=Purpose.MARKETING, granted=False).exists()
    assert not preferences.effective(patient_id=ben.pk)["review_request"].enabled["email"]


def test_leaving_by_the_mail_service_turns_that_kind_off_for_ana_alone(ana, ben):
    email_of(ana)
    email_of(ben)
    row = delivery_of(send(ana), "email")
    run()
    gone = says(row, None, provider_id="", code="unsubscribed")
    assert hear(gone, channel="email") == [EventOutcome.APPLIED]
    assert not preferences.effective(patient_id=ana.pk)["note"].enabled["email"]
    assert preferences.effective(patient_id=ben.pk)["note"].enabled["email"]


# -- what a crash left --------------------------------------------------------------------------


@pytest.fixture
def broken(monkeypatch):
    """Settling breaks, as when the process is killed in the middle of it, until told to work."""
    whole = dict(incoming.SETTLERS)

    def breaks(event):
        raise RuntimeError("cut")

    for kind in whole:
        monkeypatch.setitem(incoming.SETTLERS, kind, breaks)
    return lambda: incoming.SETTLERS.update(whole)


@pytest.mark.req("W7")
def test_w7_a_receipt_kept_and_not_settled_is_settled_by_the_next_tick(text, broken, caplog):
    hear(says(text, DELIVERED))
    assert now(text) == (ACCEPTED, "")
    assert CarrierEvent.objects.get().settled_at is None
    broken()
    run()
    assert now(text) == (DELIVERED, "")
    assert CarrierEvent.objects.get().outcome == EventOutcome.APPLIED


@pytest.mark.req("W7")
def test_w7_one_event_that_cannot_be_settled_keeps_no_other_waiting(text, broken):
    hear(says(text, DELIVERED))
    broken()
    for number in range(3):
        CarrierEvent.objects.create(
            channel="sms", kind="receipt", key=f"bad {number}", content={}, received_at=NOON
        )
    CarrierEvent.objects.filter(key__startswith="bad").update(received_at=NOON - timedelta(days=1))
    assert incoming.sweep() == 1
    assert now(text) == (DELIVERED, "")
    assert CarrierEvent.objects.filter(settled_at=None).count() == 3


def test_a_long_call_is_kept_whole_and_settled_a_part_at_once(text, ana):
    many = [says(text, ACCEPTED, event_key=f"again {number}") for number in range(60)]
    hear(*many, says(text, DELIVERED))
    assert CarrierEvent.objects.count() == 61
    assert CarrierEvent.objects.filter(settled_at=None).count() == 61 - incoming.AT_ONCE
    run()
    assert now(text) == (DELIVERED, "")
    assert not CarrierEvent.objects.filter(settled_at=None).exists()


def test_the_database_does_not_hold_a_readable_receipt(text):
    hear(says(text, DELIVERED, raw={"To": "+12125550142"}))
    with connection.cursor() as cursor:
        cursor.execute("select content from carrier_events")
        assert "5550142" not in str(cursor.fetchall())

"""STOP and START: a number's word, for everybody it reaches, and only a START takes it back."""

import pytest
from django.db import transaction

from notifications import clock, consent, contacts, delivery
from notifications.delivery.claim import claim
from notifications.enums import (
    AuditAction,
    CarrierEventKind,
    ContactKind,
    ContactStatus,
    DeliveryStatus,
    Purpose,
    Reason,
    ReplyMeaning,
)
from notifications.incoming.keeping import keep
from notifications.models import AuditEvent, Consent, DeliveryAttempt, InboundText
from notifications.types import Refused
from tests.clinic import DESK
from tests.conftest import signed_in
from tests.crowd import PATIENCE, beside, only_texts, side_by_side, waits_for_a_lock
from tests.engine import ANAS_NUMBER, BENS_NUMBER, email_of, phone_of, run, say, send, status_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
BY_TEXT = "system:reply:test"
STOPPED = (DeliveryStatus.SKIPPED, Reason.OPTED_OUT_STOP)


def stop(number=ANAS_NUMBER):
    return contacts.opt_out(number=number, actor=BY_TEXT)


def start(number=ANAS_NUMBER):
    return contacts.opt_in(number=number, actor=BY_TEXT)


def agreed(contact, purpose=Purpose.TREATMENT):
    return consent.is_granted(contact=contact, purpose=purpose)


def status(contact):
    contact.refresh_from_db()
    return contact.status


def a_text(meaning, number=ANAS_NUMBER):
    """A text in the book, as the replies keep it."""
    event = keep(channel="sms", kind=CarrierEventKind.REPLY, key=str(clock.real_now()), content={})
    return InboundText.objects.create(
        event=event,
        number=number,
        number_index=contacts.index_of(number),
        text=str(meaning),
        meaning=meaning,
        received_at=clock.real_now(),
    )


# -- STOP ---------------------------------------------------------------------------------------


@pytest.mark.req("M-06")
def test_after_a_stop_no_text_goes_and_the_inbox_still_gets_every_message(ana, carrier):
    number = phone_of(ana)
    stop()
    made = send(ana)
    run()
    assert (status(number), agreed(number)) == (ContactStatus.OPTED_OUT, False)
    assert status_of(made, "sms") == STOPPED
    assert status_of(made, "in_app")[0] == DeliveryStatus.DELIVERED
    assert carrier.texts() == []


@pytest.mark.req("H-14")
@pytest.mark.req("M-06")
def test_a_familys_number_that_says_stop_is_silent_for_the_whole_family(ana, ben, carrier):
    own, bens = phone_of(ana), phone_of(ben)
    assert stop() == [own, bens]
    made = [send(ana), send(ben)]
    run()
    assert [status_of(each, "sms") for each in made] == [STOPPED, STOPPED]
    assert carrier.texts() == []


def test_another_number_is_not_touched(ana, ben, carrier):
    phone_of(ana)
    bens = phone_of(ben, BENS_NUMBER)
    stop()
    send(ben)
    run()
    assert status(bens) == ContactStatus.ACTIVE
    assert carrier.numbers() == [BENS_NUMBER]


def test_an_email_address_of_the_same_patient_goes_on(ana):
    mail = email_of(ana)
    phone_of(ana)
    stop()
    assert agreed(mail)
    assert status(mail) == ContactStatus.ACTIVE


@pytest.mark.req("M-06")
def test_a_second_stop_changes_nothing_and_writes_nothing(ana):
    phone_of(ana)
    assert len(stop()) == 1
    before = (Consent.objects.count(), AuditEvent.objects.count())
    assert stop() == []
    assert (Consent.objects.count(), AuditEvent.objects.count()) == before


def test_a_stop_withdraws_each_purpose_that_was_agreed_to_and_says_whence(ana):
    number = phone_of(ana)
    say(number, granted=True, purpose=Purpose.MARKETING)
    stop()
    rows = Consent.objects.filter(contact=number, granted=False)
    assert {row.purpose for row in rows} == {Purpose.TREATMENT, Purpose.MARKETING}
    assert {(row.source, row.actor, row.wording) for row in rows} == {
        ("stop", BY_TEXT, consent.CURRENT_TEXT_WORDING)
    }


def test_a_stop_is_audited_for_each_patient_and_without_the_number(ana, ben):
    phone_of(ana)
    phone_of(ben)
    stop()
    rows = AuditEvent.objects.filter(action=AuditAction.CONTACT, actor=BY_TEXT)
    assert {row.patient_id for row in rows} == {ana.pk, ben.pk}
    assert {row.details["change"] for row in rows} == {"opted_out"}
    assert not any("5550142" in str(row.details) for row in AuditEvent.objects.all())


@pytest.mark.parametrize("number", ["(212) 555-0142", "212 555 0142", "+1 212-555-0142"])
def test_however_the_number_is_written_it_is_the_same_number(ana, number):
    phone_of(ana)
    assert len(stop(number)) == 1


@pytest.mark.parametrize("number", ["MAINSTREET", "", "32665", "+1"])
def test_a_sender_nobody_could_have_as_a_number_changes_nothing(ana, number):
    phone_of(ana)
    assert stop(number) == start(number) == []


# -- a number that comes later ------------------------------------------------------------------


@pytest.mark.req("M-06")
def test_a_number_that_said_stop_is_silent_for_whoever_adds_it_later(ana, ben, carrier):
    phone_of(ana)
    stop()
    bens = phone_of(ben, agreed=False)
    assert bens.status == ContactStatus.OPTED_OUT
    say(bens, granted=True)
    made = send(ben)
    run()
    assert status_of(made, "sms") == STOPPED
    assert carrier.texts() == []


def test_a_number_removed_and_added_again_has_not_taken_its_stop_back(ana, carrier):
    number = phone_of(ana)
    stop()
    a_text(ReplyMeaning.STOP)
    contacts.remove(patient_id=ana.pk, contact_id=number.pk, actor=DESK)
    again = phone_of(ana)
    assert (again.pk != number.pk, again.status) == (True, ContactStatus.OPTED_OUT)


def test_a_number_that_said_stop_before_we_knew_it_is_silent_from_the_first_day(ana):
    a_text(ReplyMeaning.STOP)
    assert phone_of(ana).status == ContactStatus.OPTED_OUT


def test_after_a_start_a_number_is_added_as_any_other(ana):
    a_text(ReplyMeaning.STOP)
    a_text(ReplyMeaning.START)
    assert phone_of(ana).status == ContactStatus.ACTIVE


def test_a_stop_that_came_while_a_number_was_added_is_heard_when_it_is_verified(ana):
    number = phone_of(ana, verified=False, agreed=False)
    a_text(ReplyMeaning.STOP)
    contacts.mark_verified(contact_id=number.pk, actor=DESK)
    assert status(number) == ContactStatus.OPTED_OUT


@pytest.mark.req("S-19")
def test_the_page_of_such_a_number_sends_no_code_and_offers_none(ana, ben, outbox):
    phone_of(ana)
    stop()
    bens = phone_of(ben, verified=False, agreed=False)
    page = signed_in(ben).get(f"/notifications/settings/contacts/{bens.pk}/")
    assert page.status_code == 200
    assert "Send a code" not in page.content.decode()
    with pytest.raises(Refused, match="replied STOP"):
        contacts.send_code(patient_id=ben.pk, contact_id=bens.pk, actor=DESK)
    assert outbox("sms") == []


# -- START --------------------------------------------------------------------------------------


@pytest.mark.req("M-06")
def test_a_start_brings_texts_back_where_they_went_before(ana, carrier):
    number = phone_of(ana)
    stop()
    assert start() == [number]
    send(ana)
    run()
    assert (status(number), agreed(number)) == (ContactStatus.ACTIVE, True)
    assert len(carrier.texts()) == 1
    last = consent.last_words(contact=number)[Purpose.TREATMENT]
    assert (last.source, last.actor, last.wording) == (
        "start",
        BY_TEXT,
        consent.CURRENT_TEXT_WORDING,
    )


@pytest.mark.req("M-06")
def test_a_start_gives_nobody_more_than_they_had_agreed_to(ana, ben, carrier):
    own = phone_of(ana)
    never_asked = phone_of(ben, agreed=False)
    stop()
    start()
    made = [send(ana), send(ben)]
    run()
    assert agreed(own) and not agreed(own, Purpose.MARKETING)
    assert not agreed(never_asked)
    assert status_of(made[1], "sms") == (DeliveryStatus.SKIPPED, Reason.NO_CONSENT)
    assert len(carrier.texts()) == 1


@pytest.mark.req("M-06")
def test_what_a_patient_had_withdrawn_by_herself_is_not_given_back(ana):
    number = phone_of(ana)
    say(number, granted=True, purpose=Purpose.MARKETING)
    say(number, granted=False, purpose=Purpose.MARKETING)
    stop()
    start()
    assert agreed(number)
    assert not agreed(number, Purpose.MARKETING)


def test_a_no_at_the_desk_after_the_stop_outlives_the_start(ana):
    number = phone_of(ana)
    stop()
    say(number, granted=False)
    start()
    assert (status(number), agreed(number)) == (ContactStatus.ACTIVE, False)


def test_a_yes_at_the_desk_after_the_stop_sends_nothing_until_the_start(ana, carrier):
    number = phone_of(ana)
    stop()
    say(number, granted=True)
    send(ana)
    run()
    assert carrier.texts() == []
    start()
    send(ana)
    run()
    assert len(carrier.texts()) == 1


def test_a_start_without_a_stop_changes_nothing(ana):
    phone_of(ana, agreed=False)
    before = AuditEvent.objects.count()
    assert start() == []
    assert AuditEvent.objects.count() == before


def test_stop_and_start_again_and_again_end_as_the_last_one_says(ana):
    number = phone_of(ana)
    for _each in range(3):
        stop()
        start()
    assert agreed(number)
    stop()
    assert (status(number), agreed(number)) == (ContactStatus.OPTED_OUT, False)


# -- beside a claim -----------------------------------------------------------------------------


@pytest.mark.req("M-07")
@pytest.mark.django_db(transaction=True)
def test_a_stop_waits_for_a_claim_that_has_begun_and_no_claim_after_it_sends(ana, ben, carrier):
    phone_of(ana)
    phone_of(ben)
    send(ana)
    only_texts()
    with beside() as begin:
        with transaction.atomic():
            [begun] = claim(limit=10, report=delivery.Report())
            stopping = begin(stop)
            assert waits_for_a_lock(stopping)
        assert len(stopping.result(timeout=PATIENCE)) == 2
    made = [send(ana), send(ben)]
    run()
    assert DeliveryAttempt.objects.get().delivery_id == begun.delivery.pk
    assert [status_of(each, "sms") for each in made] == [STOPPED, STOPPED]
    assert carrier.texts() == []


@pytest.mark.req("M-07")
@pytest.mark.django_db(transaction=True)
def test_a_claim_passes_by_whoever_is_saying_stop_and_then_hears_it(ana, carrier):
    phone_of(ana)
    made = send(ana)
    only_texts()
    with beside() as begin:
        with transaction.atomic():
            stop()
            working = begin(lambda: delivery.run_due(seconds=2))
            waits_for_a_lock(working)
        working.result(timeout=PATIENCE)
    run()
    assert status_of(made, "sms") == STOPPED
    assert carrier.texts() == []


@pytest.mark.django_db(transaction=True)
def test_stops_verifications_and_workers_at_once_all_get_through(ana, ben, carrier):
    for patient in (ana, ben):
        email_of(patient)
        phone_of(patient)

    def stops():
        for _each in range(5):
            stop()
            start()

    def verifies():
        for patient in (ben, ana) * 3:
            for contact in contacts.of_patient(patient_id=patient.pk):
                contacts.mark_verified(contact_id=contact.pk, actor=DESK)

    def sends():
        for _each in range(4):
            send(ana)
            send(ben)
            delivery.run_due(seconds=1)

    side_by_side(stops, stops, verifies, sends)
    stop()
    before = len(carrier.texts())
    send(ana)
    run()
    assert len(carrier.texts()) == before
    assert contacts.find(kind=ContactKind.PHONE, value=ANAS_NUMBER).count() == 2

"""What patients text us: done at once where it is plain, kept for a person where it is not."""

from datetime import timedelta

import pytest
from django.db import OperationalError, transaction

from notifications import clock, contacts, incoming
from notifications.enums import (
    AuditAction,
    ContactStatus,
    DeliveryStatus,
    ReplyMeaning,
)
from notifications.incoming import replies
from notifications.models import (
    AuditEvent,
    CarrierEvent,
    Delivery,
    DeliveryAttempt,
    InboundText,
    PatientNotification,
)
from notifications.segments import segments
from notifications.types import Refused, Reply
from portal.models import Appointment, Practice
from portal.services import cancel, default_reminder_rules
from tests.clinic import DESK, a_visit
from tests.conftest import make_patient
from tests.crowd import NUMBER, only_texts, patients_with_phones, side_by_side
from tests.engine import (
    ANAS_NUMBER,
    BENS_NUMBER,
    NOON,
    NotePayload,
    phone_of,
    run,
    said_to_patient,
    send,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("carrier", "noon")]
STRANGER = "+12125550177"
IN_TWO_DAYS = NOON + timedelta(days=2)
FAULTS = {"refused": Refused("no"), "broken": RuntimeError("a bug over there")}


def fails_as_told(**_answer):
    raise fails_as_told.fault


def text(words, number=ANAS_NUMBER, *, key="", is_answered=False):
    """Let a number write to us, and return what we answer."""
    key = key or f"SM{CarrierEvent.objects.count()}"
    reply = Reply(event_key=key, sender=number, text=words, is_answered=is_answered)
    return incoming.take_reply(channel="sms", reply=reply)


def the_text():
    return InboundText.objects.latest("received_at", "pk")


def is_open():
    return the_text().handled_at is None


@pytest.fixture
def asked(location, provider):
    """Book a visit two days ahead for a patient and ask by text whether they come."""

    default_reminder_rules(location)
    Practice.objects.update(texts_a_day=9, texts_a_week=9)  # a family's number is asked twice

    def ask(patient, at=IN_TWO_DAYS):
        visit = a_visit(patient, at, location=location, provider=provider, announce=False)
        run()
        return visit

    return ask


def status(visit):
    visit.refresh_from_db()
    return visit.status


def the_question(patient):
    return PatientNotification.objects.get(patient=patient, type="appointment_reminder")


# -- kept, whatever it is -----------------------------------------------------------------------


def test_a_text_is_kept_sealed_with_what_the_carrier_said(ana):
    phone_of(ana)
    assert text("Can I come at four instead?") == ""
    kept = the_text()
    assert (kept.number, kept.text) == (ANAS_NUMBER, "Can I come at four instead?")
    assert (kept.meaning, kept.answer, kept.handled_at) == (ReplyMeaning.UNCLEAR, None, None)
    assert kept.number_index == contacts.index_of("212-555-0142")
    assert kept.event.settled_at is not None


@pytest.mark.req("R-12")
def test_the_same_call_again_does_nothing_again_and_answers_nothing(ana):
    phone_of(ana)
    assert "HELP" not in text("HELP", key="SM1") != ""
    rows = AuditEvent.objects.count()
    assert text("HELP", key="SM1") == ""
    assert InboundText.objects.count() == 1
    assert AuditEvent.objects.count() == rows


def test_a_carriers_key_may_be_longer_than_a_column(ana):
    phone_of(ana)
    assert text("HELP", key="S" * 300) != ""
    assert text("HELP", key="S" * 300) == ""
    assert InboundText.objects.count() == 1


def test_a_stranger_is_kept_for_a_person_and_learns_nothing(ana):
    phone_of(ana)
    for words in ("Hello?", "1", "2", "HELP", "START", "STOP", "is Ana Example a patient there?"):
        assert text(words, STRANGER) == ""
        assert is_open()


def test_a_sender_that_is_no_number_is_kept_too(ana):
    assert text("You have won a cruise", "CRUISES") == ""
    assert (the_text().number, is_open()) == ("CRUISES", True)


@pytest.mark.parametrize("words", ["yes", "who is this?", "running late", "👍", ""])
def test_what_is_not_plain_waits_for_a_person_and_is_never_called_invalid(ana, words):
    phone_of(ana)
    assert text(words) == ""
    assert (the_text().meaning, is_open()) == (ReplyMeaning.UNCLEAR, True)


def test_each_text_is_audited_for_everybody_it_may_be_from_and_without_its_words(ana, ben):
    phone_of(ana)
    phone_of(ben)
    text("My tooth 14 hurts, please call +12125550142")
    rows = AuditEvent.objects.filter(action=AuditAction.REPLY)
    assert {row.patient_id for row in rows} == {ana.pk, ben.pk}
    assert {row.actor for row in rows} == {f"system:reply:{the_text().pk}"}
    assert {str(row.details) for row in rows} == {"{'meaning': 'unclear'}"}


# -- STOP, START, HELP --------------------------------------------------------------------------


@pytest.mark.req("M-04")
@pytest.mark.req("M-06")
@pytest.mark.parametrize("words", ["STOP", "Please stop texting me", "ALTO", "unsuscribe"])
def test_a_stop_ends_texts_at_once_and_is_confirmed(ana, carrier, note, words):
    number = phone_of(ana)
    assert text(words) == (
        "Main Street Dental: you will get no more texts from us. To get them again, text START."
    )
    send(ana)
    run()
    number.refresh_from_db()
    assert number.status == ContactStatus.OPTED_OUT
    assert carrier.texts() == []
    assert not is_open()


@pytest.mark.req("M-06")
def test_three_stops_are_confirmed_once(ana):
    phone_of(ana)
    assert [bool(text(words)) for words in ("STOP", "stop", "STOP!!!")] == [True, False, False]


@pytest.mark.req("M-06")
def test_the_carriers_own_confirmation_is_the_only_one(ana):
    number = phone_of(ana)
    assert text("STOP", is_answered=True) == ""
    assert text("STOP") == ""
    number.refresh_from_db()
    assert number.status == ContactStatus.OPTED_OUT
    assert the_text().answer is None


@pytest.mark.req("M-05")
@pytest.mark.parametrize("words", ["CANCEL", "end", "cancelar", "Stop! And cancel my visit"])
def test_cancel_ends_texts_and_a_person_asks_whether_the_visit_was_meant(ana, asked, words):
    number = phone_of(ana)
    visit = asked(ana)
    answer = text(words)
    number.refresh_from_db()
    assert number.status == ContactStatus.OPTED_OUT
    assert status(visit) == Appointment.Status.BOOKED
    assert "Your visits stay as they are" in answer and "212-555-0100" in answer
    assert is_open()


@pytest.mark.req("H-14")
def test_a_familys_stop_is_one_answer_that_names_nobody(ana, ben):
    phone_of(ana)
    phone_of(ben)
    answer = text("STOP")
    assert not any(name in answer for name in ("Ana", "Ben", "Example", "Dr Lee"))
    assert [row.status for row in contacts.find(kind="phone", value=ANAS_NUMBER)] == [
        ContactStatus.OPTED_OUT
    ] * 2


@pytest.mark.req("M-06")
def test_a_start_brings_texts_back_and_is_confirmed_once(ana, carrier, note):
    phone_of(ana)
    text("STOP")
    answers = [text("START"), text("unstop")]
    send(ana)
    run()
    assert answers == [
        "Main Street Dental: you get our texts again. Reply HELP for help, STOP to opt out.",
        "",
    ]
    assert len(carrier.texts()) == 1
    assert text("STOP") != ""  # a new one, and so is its confirmation


@pytest.mark.req("M-06")
def test_a_start_by_someone_who_never_agreed_waits_for_a_person_who_asks(ana, carrier, note):
    phone_of(ana, agreed=False)
    assert text("START") == ""
    send(ana)
    run()
    assert is_open()
    assert carrier.texts() == []


@pytest.mark.req("M-08")
@pytest.mark.parametrize("words", ["HELP", "help", "Info", "AYUDA", "help me please"])
def test_help_says_who_we_are_how_to_reach_us_and_how_to_opt_out(ana, words):
    phone_of(ana)
    answer = text(words)
    for part in ("Main Street Dental", "212-555-0100", "Reply STOP to opt out"):
        assert part in answer
    assert not is_open()


@pytest.mark.req("M-08")
def test_help_is_given_to_who_opted_out_as_well(ana):
    phone_of(ana)
    text("STOP")
    assert "212-555-0100" in text("HELP")


def test_beyond_help_nothing_is_said_to_a_number_that_opted_out(ana, asked):
    phone_of(ana)
    visit = asked(ana)
    text("STOP")
    assert [text("2"), text("1")] == ["", ""]
    assert status(visit) == Appointment.Status.CONFIRMED


# -- 1 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["1", " 1. ", "Confirm", "1️⃣", "I confirm", "confirmo"])
def test_a_one_confirms_the_visit_we_asked_about_and_names_its_day_and_time(ana, asked, words):
    phone_of(ana)
    visit = asked(ana)
    assert text(words) == (
        "Main Street Dental: thank you. Your visit on Thu, Nov 26 at 12:00 PM EST is confirmed. "
        "To change it, call 212-555-0100."
    )
    assert status(visit) == Appointment.Status.CONFIRMED
    assert not is_open()


def test_the_message_in_the_inbox_is_answered_too_and_the_trail_says_by_which_text(ana, asked):
    phone_of(ana)
    visit = asked(ana)
    text("1")
    made = the_question(ana)
    actor = f"system:reply:{the_text().pk}"
    assert made.action_taken == "confirm" and made.acted_at == made.read_at == NOON
    assert "Answered" in said_to_patient(made, "in_app")
    done = AuditEvent.objects.filter(actor=actor, patient_id=ana.pk)
    assert {(row.action, row.object_id) for row in done} == {
        (AuditAction.REPLY, str(the_text().pk)),
        (AuditAction.APPOINTMENT, str(visit.pk)),
        (AuditAction.INBOX, str(made.pk)),
    }


def test_a_second_one_is_thanked_the_same_and_changes_nothing(ana, asked):
    phone_of(ana)
    visit = asked(ana)
    first = text("1")
    visit.refresh_from_db()
    confirmed_at, made = visit.confirmed_at, the_question(ana)
    with clock.at(NOON + timedelta(minutes=5)):
        assert text("1") == first
    visit.refresh_from_db()
    made.refresh_from_db()
    assert visit.confirmed_at == confirmed_at == made.acted_at
    assert not is_open()


def test_a_one_when_nothing_was_asked_waits_for_a_person(ana):
    phone_of(ana)
    answer = text("1")
    assert "One of us will read this" in answer
    assert "visit" not in answer
    assert is_open()


@pytest.mark.req("H-14")
def test_on_a_familys_number_a_one_to_two_questions_is_a_yes_to_neither(ana, ben, asked):
    phone_of(ana)
    phone_of(ben)
    visits = [asked(ana), asked(ben)]
    answer = text("1")
    assert [status(visit) for visit in visits] == [Appointment.Status.BOOKED] * 2
    assert "which visit?" in answer
    assert not any(word in answer for word in ("Ana", "Ben", "Dr Lee"))
    assert is_open()


@pytest.mark.req("H-14")
def test_on_a_familys_number_a_one_answers_for_whom_alone_was_asked(ana, ben, asked):
    phone_of(ana)
    phone_of(ben)
    visit = asked(ben)
    assert "is confirmed" in text("1")
    assert status(visit) == Appointment.Status.CONFIRMED
    assert not PatientNotification.objects.filter(patient=ana).exists()


def test_two_visits_of_one_patient_are_two_questions(ana, asked):
    phone_of(ana)
    visits = [asked(ana), asked(ana, IN_TWO_DAYS + timedelta(hours=2))]
    text("1")
    assert [status(visit) for visit in visits] == [Appointment.Status.BOOKED] * 2
    assert is_open()


def test_what_was_answered_before_the_next_question_is_no_longer_asked(ana, ben, asked):
    phone_of(ana)
    phone_of(ben)
    asked(ana)
    text("1")
    with clock.at(NOON + timedelta(hours=1)):
        bens = asked(ben, IN_TWO_DAYS + timedelta(minutes=30))
        text("1")
    assert status(bens) == Appointment.Status.CONFIRMED


@pytest.mark.req("H-14")
def test_bens_number_does_not_answer_for_ana(ana, ben, asked):
    phone_of(ana)
    phone_of(ben, BENS_NUMBER)
    visit = asked(ana)
    text("1", BENS_NUMBER)
    assert status(visit) == Appointment.Status.BOOKED
    assert is_open()


@pytest.mark.req("H-14")
def test_a_number_that_is_no_longer_the_patients_does_not_answer_for_her(ana, asked):
    number = phone_of(ana)
    visit = asked(ana)
    contacts.remove(patient_id=ana.pk, contact_id=number.pk, actor=DESK)
    assert text("1") == ""
    assert status(visit) == Appointment.Status.BOOKED
    assert is_open()


def test_what_was_only_asked_elsewhere_is_not_answered_by_text(ana, asked):
    phone_of(ana, agreed=False)  # asked in the inbox alone
    visit = asked(ana)
    text("1")
    assert status(visit) == Appointment.Status.BOOKED
    assert is_open()


def test_a_one_to_a_visit_that_was_cancelled_confirms_nothing(ana, asked):
    phone_of(ana)
    visit = asked(ana)
    cancel(appointment_id=visit.pk, actor=DESK, announce=False)
    text("1")
    assert status(visit) == Appointment.Status.CANCELLED
    assert is_open()


def test_a_one_that_comes_after_the_question_is_over_waits_for_a_person(ana, asked):
    phone_of(ana)
    visit = asked(ana)
    with clock.at(IN_TWO_DAYS - timedelta(minutes=10)):
        text("1")
    assert status(visit) == Appointment.Status.BOOKED
    assert is_open()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_yes_that_cannot_be_taken_is_kept_for_a_person(ana, note, settings, fault):
    settings.NOTIFICATIONS_ANSWERS = "tests.test_replies.fails_as_told"
    fails_as_told.fault = FAULTS[fault]
    phone_of(ana)
    made = send(ana)
    run()
    assert "One of us will read this" in text("1")
    made.refresh_from_db()
    assert made.acted_at is None
    assert is_open() and the_text().event.settled_at is not None


def test_a_text_that_could_not_be_acted_on_is_kept_and_the_clock_comes_back_to_it(
    ana, asked, settings
):
    phone_of(ana)
    visit = asked(ana)
    takes_answers = settings.NOTIFICATIONS_ANSWERS
    settings.NOTIFICATIONS_ANSWERS = "tests.test_replies.fails_as_told"
    fails_as_told.fault = OperationalError("locked out")
    assert text("1") == ""
    assert is_open() and the_text().event.settled_at is None
    settings.NOTIFICATIONS_ANSWERS = takes_answers
    assert incoming.sweep() == 1
    assert status(visit) == Appointment.Status.CONFIRMED
    assert not is_open()
    assert the_text().answer is None  # too late to say so


@pytest.fixture
def out_of_order(monkeypatch):
    """Nothing written to us is acted on, as when the database is away, until told to work."""
    whole = dict(replies.ACTS)

    def breaks(_heard):
        raise OperationalError("locked out")

    for meaning in whole:
        monkeypatch.setitem(replies.ACTS, meaning, breaks)
    return lambda: replies.ACTS.update(whole)


@pytest.mark.req("M-04")
def test_a_passing_fault_does_not_hold_up_a_stop(ana, monkeypatch):
    whole, faults = replies.ACTS[ReplyMeaning.STOP], [OperationalError("locked out")]

    def breaks_once(heard):
        if faults:
            raise faults.pop()
        return whole(heard)

    monkeypatch.setitem(replies.ACTS, ReplyMeaning.STOP, breaks_once)
    phone_of(ana)
    assert "START" in text("STOP")
    assert contacts.find(kind="phone", value=ANAS_NUMBER).get().status == ContactStatus.OPTED_OUT


@pytest.mark.req("M-06")
def test_a_start_that_comes_up_late_does_not_undo_the_stop_that_followed_it(
    ana, carrier, note, out_of_order
):
    phone_of(ana)
    assert text("START") == ""
    out_of_order()
    with clock.at(NOON + timedelta(seconds=20)):
        text("STOP")
    with clock.at(NOON + timedelta(minutes=1)):
        assert incoming.sweep() == 1
        send(ana)
        run()
    assert contacts.find(kind="phone", value=ANAS_NUMBER).get().status == ContactStatus.OPTED_OUT
    assert carrier.texts() == []


@pytest.mark.req("M-06")
def test_a_stop_that_comes_up_late_does_not_undo_the_start_that_followed_it(ana, out_of_order):
    phone_of(ana)
    assert text("STOP") == ""
    out_of_order()
    with clock.at(NOON + timedelta(seconds=20)):
        text("START")
    assert incoming.sweep() == 1
    assert contacts.find(kind="phone", value=ANAS_NUMBER).get().status == ContactStatus.ACTIVE


@pytest.mark.req("M-08")
def test_help_that_comes_too_late_to_be_answered_waits_for_a_person(ana, out_of_order):
    phone_of(ana)
    assert text("HELP") == ""
    out_of_order()
    assert incoming.sweep() == 1
    assert is_open() and the_text().answer is None


def test_any_type_that_asks_is_answered_and_thanked_in_its_own_words_or_the_neutral_ones(ana, note):
    phone_of(ana)
    made = send(ana, NotePayload(text="Nothing for a lock screen"))
    run()
    assert text("1") == "Main Street Dental: thank you. Your answer is noted."
    made.refresh_from_db()
    assert made.action_taken == "confirm"


def test_where_the_practice_says_little_outside_the_thanks_say_little_too(ana, asked, practice):
    practice.l0_only = True
    practice.save()
    phone_of(ana)
    visit = asked(ana)
    assert text("1") == "Main Street Dental: thank you. Your answer is noted."
    assert status(visit) == Appointment.Status.CONFIRMED


# -- 2 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["2", "2.", "call me", "Llámenme por favor"])
def test_a_two_is_a_call_and_a_person_makes_it(ana, words):
    phone_of(ana)
    assert text(words) == "Main Street Dental: thank you. We will call you."
    assert (the_text().meaning, is_open()) == (ReplyMeaning.CALL, True)


def test_a_number_nobody_verified_is_told_nothing_of_the_practice_but_by_help_and_stop(ana):
    phone_of(ana, verified=False, agreed=False)
    assert [text("1"), text("2"), text("START")] == ["", "", ""]
    assert "212-555-0100" in text("HELP")
    assert "no more texts" in text("STOP")


# -- the desk -----------------------------------------------------------------------------------


def test_a_text_is_handled_once_by_whoever_was_first(ana):
    phone_of(ana)
    text("Where do I park?")
    made = the_text()
    incoming.mark_handled(text_id=made.pk, actor=f"user:{ana.pk}")
    incoming.mark_handled(text_id=made.pk, actor=DESK)
    made.refresh_from_db()
    assert (made.handled_by, made.handled_at) == (f"user:{ana.pk}", NOON)
    rows = AuditEvent.objects.filter(action=AuditAction.CHANGED, object_id=str(made.pk))
    assert [row.patient_id for row in rows] == [ana.pk]


# -- words --------------------------------------------------------------------------------------


@pytest.mark.req("M-03")
@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("words", ["STOP", "CANCEL", "HELP", "2", "1", "START"])
def test_each_answer_is_one_segment_in_each_language(ana, asked, practice, language, words):
    practice.name = practice.public_name = "The Family Dental Group of Springfield and Surroundings"
    practice.save()
    ana.language = language
    ana.save()
    phone_of(ana)
    if words == "START":
        text("STOP")
    plain = text(words)
    assert segments(plain) == 1
    if words == "1":
        asked(ana)
        assert segments(text("1")) == 1


def test_spanish_patients_are_answered_in_spanish_and_a_mixed_family_in_the_houses_language(
    ana, ben
):
    for patient in (ana, ben):
        patient.language = "es"
        patient.save()
        phone_of(patient)
    assert "gracias" in text("2").lower()
    ben.language = "en"
    ben.save()
    assert "thank you" in text("2")


@pytest.mark.req("M-05")
def test_no_answer_asks_for_a_word_that_carriers_take_for_an_opt_out(ana, asked):
    phone_of(ana)
    asked(ana)
    for words in ("1", "2", "HELP", "CANCEL", "START"):
        answer = text(words).replace("STOP to opt out", "").upper()
        assert not {"CANCEL", "END", "QUIT", "STOP", "YES"} & set(answer.replace(".", "").split())


# -- at once ------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_same_text_delivered_four_times_at_once_is_one_text_and_one_answer(ana):
    phone_of(ana)
    answers = side_by_side(*[lambda: text("STOP", key="SM1")] * 4)
    assert sorted(map(bool, answers)) == [False, False, False, True]
    assert InboundText.objects.count() == 1


@pytest.mark.req("M-06")
@pytest.mark.django_db(transaction=True)
def test_three_stops_at_once_are_confirmed_once(ana):
    phone_of(ana)
    keys = ["SM1", "SM2", "SM3"]
    answers = side_by_side(*[lambda key=key: text("STOP", key=key) for key in keys])
    assert sum(map(bool, answers)) == 1


@pytest.mark.django_db(transaction=True)
def test_two_yeses_at_once_confirm_once(ana, asked):
    phone_of(ana)
    visit = asked(ana)
    answers = side_by_side(*[lambda key=key: text("1", key=key) for key in ("SM1", "SM2")])
    assert answers[0] == answers[1] != ""
    assert status(visit) == Appointment.Status.CONFIRMED
    rows = AuditEvent.objects.filter(action=AuditAction.APPOINTMENT, object_id=str(visit.pk))
    assert [row.details["change"] for row in rows].count("confirmed") == 1


@pytest.mark.req("M-07")
@pytest.mark.django_db(transaction=True)
def test_whoever_texts_stop_while_workers_are_sending_gets_nothing_that_begins_afterwards(
    location, note
):
    """Twenty numbers of two patients each, whose STOPs cross forty texts on their way out."""
    people = patients_with_phones(location, 20)
    for number in range(20):
        child = make_patient(f"child{number}@example.com", "C", location)
        phone_of(child, NUMBER.format(number + 100))
        people.append(child)
    for patient in people:
        send(patient)
    only_texts()
    begun_at_commit = {}

    def begun(index):
        deliveries = Delivery.objects.filter(contact__value_index=index)
        return DeliveryAttempt.objects.filter(delivery__in=deliveries).count()

    def they_text_stop():
        for number in range(100, 120):
            index = contacts.index_of(NUMBER.format(number))
            with transaction.atomic():
                text("STOP", NUMBER.format(number), key=f"SM{number}")
                begun_at_commit[index] = begun(index)

    side_by_side(they_text_stop, run, run)
    run()
    assert {index: begun(index) for index in begun_at_commit} == begun_at_commit
    assert not Delivery.objects.filter(status=DeliveryStatus.PLANNED).exists()

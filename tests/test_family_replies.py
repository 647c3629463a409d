"""What a family's number answers to texts about several visits: each acts on what it names."""

from datetime import timedelta

import pytest
from django.db import OperationalError

from notifications import clock, contacts, delivery, incoming
from notifications.enums import ReplyMeaning
from notifications.incoming import replies
from notifications.incoming.actions import Act
from notifications.models import AuditEvent, CarrierEvent, InboundText
from notifications.scheduler import TickReport
from notifications.scheduler import notification_scheduler_service as scheduler
from notifications.segments import segments
from notifications.types import Reply
from portal.models import Appointment
from portal.services import cancel, default_reminder_rules, reschedule
from tests.clinic import DESK, HALF_AN_HOUR, a_visit, wall
from tests.conftest import make_patient
from tests.engine import ANAS_NUMBER, BENS_NUMBER, NOON, NotePayload, phone_of, run, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("carrier", "noon")]
MORNING = wall("2026-11-30 09:30")
LATER = MORNING + timedelta(minutes=45)
TWO_DAYS = wall("2026-11-28 09:30")
BOTH = (Appointment.Status.CONFIRMED, Appointment.Status.CONFIRMED)
ONLY_A = (Appointment.Status.CONFIRMED, Appointment.Status.BOOKED)
ONLY_B = (Appointment.Status.BOOKED, Appointment.Status.CONFIRMED)
NEITHER = (Appointment.Status.BOOKED, Appointment.Status.BOOKED)
WHICH = (
    "Main Street Dental: which visit? Mon, Nov 30: A 9:30 AM EST, B 10:15 AM EST. "
    "Reply 1A, 1B or 1AB to confirm, 2 for a call."
)


def text(words, number=ANAS_NUMBER, *, at=TWO_DAYS):
    """Let a number write to us at a moment, and return what we answer."""
    key = f"SM{CarrierEvent.objects.count()}"
    with clock.at(at):
        return incoming.take_reply(
            channel="sms", reply=Reply(event_key=key, sender=number, text=words)
        )


def last_text():
    return InboundText.objects.latest("received_at", "pk")


def open_texts():
    return InboundText.objects.filter(handled_at=None).count()


@pytest.fixture
def book(location, provider):
    default_reminder_rules(location)
    location.reminder_rules.filter(name="7-days").delete()

    def book(patient, at=MORNING):
        return a_visit(patient, at, location=location, provider=provider, announce=False)

    return book


@pytest.fixture
def visits(ana, ben, book):
    """Two children's visits, A and B of one text to the one number."""
    for child in (ana, ben):
        phone_of(child)
    made = book(ana), book(ben, LATER)
    run(at=TWO_DAYS)
    return made


def status(visits):
    for visit in visits:
        visit.refresh_from_db()
    return tuple(visit.status for visit in visits)


# -- what is named ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("1A", ONLY_A),
        ("1 b", ONLY_B),
        ("B", ONLY_B),
        ("1AB", BOTH),
        ("both", BOTH),
        ("1a y 1b", BOTH),
    ],
)
def test_a_reply_confirms_what_it_names_and_nothing_else(visits, words, expected):
    text(words)
    assert status(visits) == expected
    assert last_text().meaning == ReplyMeaning.CONFIRM
    assert open_texts() == 0


@pytest.mark.req("H-14")
def test_the_thanks_name_the_times_that_were_confirmed_and_nobody(visits):
    assert text("1AB") == (
        "Main Street Dental: thank you. Confirmed: Mon, Nov 30: 9:30 AM EST, 10:15 AM EST. "
        "To change one, call 212-555-0100."
    )


@pytest.mark.req("H-14")
def test_the_thanks_for_one_name_that_one_alone(visits):
    answer = text("1B")
    assert "Your visit on Mon, Nov 30 at 10:15 AM EST is confirmed" in answer
    assert "9:30" not in answer and "Ben" not in answer


def test_a_letter_that_nobody_gave_confirms_nothing_and_a_person_reads_it(visits):
    assert "One of us will read this" in text("1C")
    assert status(visits) == NEITHER
    assert open_texts() == 1


def test_a_two_asks_for_a_call_whichever_visit_is_named(visits):
    assert "We will call you" in text("2B")
    assert (last_text().meaning, status(visits), open_texts()) == (ReplyMeaning.CALL, NEITHER, 1)


def test_letters_from_a_number_that_was_asked_about_one_visit_confirm_nothing(ana, book):
    phone_of(ana)
    visit = book(ana)
    run(at=TWO_DAYS)
    text("1B")
    visit.refresh_from_db()
    assert visit.status == Appointment.Status.BOOKED


@pytest.mark.req("H-14")
def test_another_number_cannot_answer_for_the_family(visits, location):
    stranger = make_patient("dan@example.com", "Dan", location)
    phone_of(stranger, BENS_NUMBER)
    text("1AB", BENS_NUMBER)
    assert status(visits) == NEITHER


# -- asked back, once ---------------------------------------------------------------------------


@pytest.mark.req("H-14")
def test_a_bare_one_is_asked_back_about_with_the_times_and_stays_open_till_they_say(visits):
    assert text("1") == WHICH
    kept = last_text()
    assert kept.asked_back_at == TWO_DAYS
    assert (status(visits), open_texts()) == (NEITHER, 1)
    assert "10:15 AM EST is confirmed" in text("1B")
    assert (status(visits), open_texts()) == (ONLY_B, 0)


def test_who_would_rather_be_called_leaves_one_text_open_and_not_two(visits):
    assert [text("1"), text("2")] == [WHICH, "Main Street Dental: thank you. We will call you."]
    assert (open_texts(), last_text().meaning) == (1, ReplyMeaning.CALL)


def test_it_is_asked_back_once_and_the_next_unclear_yes_waits_for_a_person_unanswered(visits):
    assert [text("1"), text("1"), text("confirm")] == [WHICH, "", ""]
    assert (status(visits), open_texts()) == (NEITHER, 3)


def test_the_question_which_visit_is_one_segment_and_asks_for_no_word_of_an_opt_out(visits):
    answer = text("1")
    assert segments(answer) == 1
    assert not {"CANCEL", "END", "QUIT", "STOP", "YES"} & set(answer.upper().split())


@pytest.fixture
def apart(ana, ben, book):
    """Visits of two days, asked about in two texts; B's is the later one."""
    for child in (ana, ben):
        phone_of(child)
    visits = book(ana), book(ben, wall("2026-12-01 10:00"))
    run(at=TWO_DAYS)
    run(at=wall("2026-11-29 10:00"))
    return visits


@pytest.mark.req("H-14")
def test_two_texts_about_two_children_are_asked_back_about_with_letters(apart):
    at = wall("2026-11-29 10:05")
    assert text("1", at=at) == (
        "Main Street Dental: which visit? Mon, Nov 30: A 9:30 AM EST, Tue, Dec 1: B 10:00 AM EST. "
        "Reply 1A, 1B or 1AB to confirm, 2 for a call."
    )
    text("1A", at=at)
    assert status(apart) == ONLY_A


def test_letters_mean_what_our_question_said_though_a_visit_is_called_off_since(apart):
    """Of the two only B is left: "1A" is no yes to it, and "1B" still is."""
    at = wall("2026-11-29 10:05")
    text("1", at=at)
    with clock.at(at):
        cancel(appointment_id=apart[0].pk, actor=DESK, announce=False)
    text("1A", at=at)
    assert status(apart) == (Appointment.Status.CANCELLED, Appointment.Status.BOOKED)
    text("1B", at=at)
    assert status(apart) == (Appointment.Status.CANCELLED, Appointment.Status.CONFIRMED)


def test_both_names_both_of_two_texts(apart):
    text("both", at=wall("2026-11-29 10:05"))
    assert status(apart) == BOTH


def test_where_the_practice_says_little_no_times_are_asked_back(visits, practice):
    practice.l0_only = True
    practice.save()
    assert "One of us will read this" in text("1")
    assert last_text().asked_back_at is None


def test_what_has_no_words_for_several_is_read_by_a_person(ana, ben, note):
    for child in (ana, ben):
        phone_of(child)
        send(child, NotePayload(text="Nothing for a lock screen"))
    run()
    assert "One of us will read this" in text("1", at=NOON)
    assert (last_text().asked_back_at, open_texts()) == (None, 1)


# -- what letters stand for ---------------------------------------------------------------------


def test_a_letter_of_a_visit_that_was_moved_is_a_yes_to_nothing(visits):
    with clock.at(TWO_DAYS):
        at = wall("2026-11-30 15:00")
        reschedule(
            appointment_id=visits[0].pk,
            starts_at=at,
            ends_at=at + HALF_AN_HOUR,
            actor=DESK,
            announce=False,
        )
    text("1A")
    assert status(visits) == NEITHER
    text("1B")
    assert status(visits) == ONLY_B


def test_of_both_where_one_was_called_off_nothing_is_confirmed_unseen(visits):
    with clock.at(TWO_DAYS):
        cancel(appointment_id=visits[0].pk, actor=DESK, announce=False)
    text("1AB")
    assert status(visits) == (Appointment.Status.CANCELLED, Appointment.Status.BOOKED)
    assert open_texts() == 1


@pytest.mark.req("H-14")
def test_letters_do_not_move_up_when_the_first_child_leaves_the_number(visits, ana):
    number = contacts.find(kind="phone", value=ANAS_NUMBER).get(patient=ana)
    contacts.remove(patient_id=ana.pk, contact_id=number.pk, actor=DESK)
    text("1A")
    assert status(visits) == NEITHER
    text("1B")
    assert status(visits) == ONLY_B


def test_the_letters_of_the_last_text_count(visits, ana, ben, book):
    """The next day's text letters other visits: "1A" is a yes to the newer A."""
    newer = book(ana, wall("2026-12-01 08:30")), book(ben, wall("2026-12-01 09:00"))
    run(at=wall("2026-11-29 08:35"))
    text("1A", at=wall("2026-11-29 08:40"))
    assert status(visits) == NEITHER
    assert status(newer) == ONLY_A


def test_a_reply_that_comes_up_late_goes_by_the_letters_of_its_own_time(
    visits, ana, ben, book, monkeypatch
):
    def breaks(_heard):
        raise OperationalError("locked out")

    with monkeypatch.context() as out_of_order:
        out_of_order.setitem(replies.ACTS, Act.CONFIRM, breaks)
        text("1A")
    next_day = TWO_DAYS + timedelta(days=1)
    newer = book(ana, wall("2026-12-01 09:00")), book(ben, wall("2026-12-01 09:30"))
    with clock.at(next_day):
        scheduler.make_due(report=TickReport())
        delivery.run_due()
        assert incoming.sweep() == 1
    assert (status(visits), status(newer)) == (ONLY_A, NEITHER)
    text("1A", at=next_day)
    assert status(newer) == ONLY_A


def asked_later(patient, *, hours):
    """Ask a patient something by a text that goes some hours after it was in their inbox."""
    made = send(patient)
    due_at = NOON + timedelta(hours=hours)
    made.deliveries.filter(channel="sms").update(due_at=due_at)
    return made


def test_a_yes_is_to_the_text_that_came_last_however_long_it_was_in_the_inbox(ana, ben, note):
    """As a later rung of a ladder is, or what waits for the morning."""
    for child in (ana, ben):
        phone_of(child)
    hers, his = asked_later(ana, hours=2), asked_later(ben, hours=0)
    run()
    text("1", at=NOON + timedelta(hours=1))
    his.refresh_from_db()
    assert his.acted_at is not None
    run(at=NOON + timedelta(hours=2))
    text("1", at=NOON + timedelta(hours=3))
    hers.refresh_from_db()
    assert hers.acted_at is not None


def test_what_left_after_a_reply_came_is_not_what_it_answers(ana, note, monkeypatch):
    def breaks(_heard):
        raise OperationalError("locked out")

    phone_of(ana)
    made = asked_later(ana, hours=2)
    with monkeypatch.context() as out_of_order:
        out_of_order.setitem(replies.ACTS, Act.PERSON, breaks)
        text("1", at=NOON)
    with clock.at(NOON + timedelta(hours=2)):
        delivery.run_due()
        assert incoming.sweep() == 1
    made.refresh_from_db()
    assert made.acted_at is None


def test_a_second_yes_to_the_same_visit_changes_nothing_and_is_thanked_the_same(visits):
    assert text("1A") == text("1A") != ""
    assert status(visits) == ONLY_A


def test_the_trail_says_which_text_confirmed_which_visit(visits, ana, ben):
    text("1AB")
    actor = f"system:reply:{last_text().pk}"
    confirmed = AuditEvent.objects.filter(actor=actor, action="appointment")
    assert {row.patient_id for row in confirmed} == {ana.pk, ben.pk}


# -- nobody learns of anybody -------------------------------------------------------------------


@pytest.mark.req("H-14")
@pytest.mark.req("M-06")
@pytest.mark.req("M-08")
@pytest.mark.parametrize("words", ["1", "1A", "1AB", "1C", "2", "HELP", "STOP", "CANCEL", "who?"])
def test_no_answer_to_a_family_names_a_patient_a_provider_or_a_treatment(visits, words):
    answer = text(words)
    assert not any(
        name in answer for name in ("Ana", "Ben", "Example", "Lee", "Check-up", "clean", "child")
    )


@pytest.mark.req("M-04")
def test_a_stop_from_the_number_ends_the_texts_of_every_child(visits, carrier):
    text("STOP")
    carrier.handed.clear()
    run(at=wall("2026-11-30 08:00"))
    assert carrier.texts() == []


@pytest.mark.req("M-05")
def test_cancel_from_a_family_touches_no_visit_and_waits_for_a_person(visits):
    assert "Your visits stay as they are" in text("CANCEL")
    assert (status(visits), open_texts()) == (NEITHER, 1)

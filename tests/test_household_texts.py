"""One text for a household's visits of one day: two children, one number, one segment."""

from datetime import timedelta

import pytest

from notifications import clock, delivery
from notifications.delivery.claim import claim
from notifications.delivery.household import whole, with_households
from notifications.enums import DeliveryStatus, ErrorKind, Reason
from notifications.models import CallTask, Delivery, DeliveryAttempt, PatientNotification
from notifications.scheduler import TickReport
from notifications.scheduler import notification_scheduler_service as scheduler
from notifications.segments import segments
from notifications.types import ChannelError
from portal.models import Appointment
from portal.notification_types._visit import example_fields
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.services import cancel, default_reminder_rules
from tests.clinic import DESK, a_visit, wall
from tests.conftest import make_patient
from tests.crowd import NUMBER, only_texts, side_by_side
from tests.engine import (
    ANAS_NUMBER,
    BENS_NUMBER,
    NOON,
    ToldMail,
    delivery_of,
    email_of,
    phone_of,
    run,
    send,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("carrier", "noon")]
MORNING = wall("2026-11-30 09:30")
LATER = MORNING + timedelta(minutes=45)
TWO_DAYS = wall("2026-11-28 09:30")


@pytest.fixture
def book(location, provider):
    """Put a visit into the book, reminded of two days and two hours ahead, and nothing else."""
    default_reminder_rules(location)
    location.reminder_rules.filter(name="7-days").delete()

    def book(patient, at=MORNING, **options):
        options = {"location": location, "provider": provider, "announce": False} | options
        return a_visit(patient, at, **options)

    return book


@pytest.fixture
def family(ana, ben):
    """Two children whose parent has one number."""
    for child in (ana, ben):
        phone_of(child)
    return ana, ben


def text_of(patient):
    return Delivery.objects.get(
        notification__patient=patient, channel="sms", notification__type="appointment_reminder"
    )


@pytest.mark.req("H-14")
def test_two_childrens_visits_of_one_day_are_one_text_that_names_neither(family, book, carrier):
    ana, ben = family
    book(ana)
    book(ben, LATER)
    run(at=TWO_DAYS)
    run(at=TWO_DAYS + timedelta(minutes=45))
    assert carrier.texts() == [
        "Main Street Dental: visits Mon, Nov 30, Main St: A 9:30 AM, B 10:15 AM EST. "
        "Reply 1A, 1B or 1AB to confirm, 2 for a call. STOP to opt out."
    ]
    assert carrier.numbers() == [ANAS_NUMBER]


def test_each_child_has_a_message_of_their_own_and_the_desk_sees_what_said_it(family, book):
    ana, ben = family
    book(ben, LATER)
    book(ana)
    run(at=TWO_DAYS)
    lead, other = text_of(ana), text_of(ben)
    assert lead.status == DeliveryStatus.ACCEPTED
    assert (other.status, other.reason) == (DeliveryStatus.SKIPPED, Reason.MERGED)
    assert other.merged_into == lead
    assert DeliveryAttempt.objects.filter(delivery__in=[lead, other]).count() == 1
    assert PatientNotification.objects.filter(type="appointment_reminder").count() == 2


def test_three_visits_are_one_segment_and_the_letters_go_by_the_time(
    family, book, carrier, location
):
    ana, ben = family
    cleo = make_patient("cleo@example.com", "Cleo", location)
    phone_of(cleo)
    book(cleo, MORNING + timedelta(hours=3))
    book(ben, LATER)
    book(ana)
    run(at=TWO_DAYS)
    (text,) = carrier.texts()
    assert "A 9:30 AM, B 10:15 AM, C 12:30 PM EST. Reply 1ABC to confirm all, 1A for one" in text
    assert segments(text) == 1


def test_a_second_visit_of_the_same_day_of_one_patient_is_in_the_same_text(ana, book, carrier):
    phone_of(ana)
    book(ana)
    book(ana, LATER)
    run(at=TWO_DAYS)
    (text,) = carrier.texts()
    assert "A 9:30 AM, B 10:15 AM" in text


def test_the_last_reminder_is_not_brought_forward_by_a_day(family, book, carrier):
    """A reminder of two hours belongs before its own visit."""
    ana, ben = family
    book(ana, wall("2026-11-30 10:30"))
    book(ben, wall("2026-11-30 17:00"))
    run(at=wall("2026-11-28 10:30"))
    carrier.handed.clear()
    run(at=wall("2026-11-30 08:30"))
    assert ["10:30 AM" in text for text in carrier.texts()] == [True]
    run(at=wall("2026-11-30 15:00"))
    assert ["5:00 PM" in text for text in carrier.texts()] == [False, True]


def test_what_only_reminds_says_the_times_and_asks_nothing(family, book, carrier):
    ana, ben = family
    book(ana, wall("2026-11-30 10:30"))
    book(ben, wall("2026-11-30 11:15"))
    run(at=wall("2026-11-28 10:30"))
    carrier.handed.clear()
    run(at=wall("2026-11-30 08:30"))
    assert carrier.texts() == [
        "Main Street Dental: visits Mon, Nov 30, Main St: 10:30 AM, 11:15 AM EST. STOP to opt out."
    ]


def test_more_visits_than_there_are_letters_are_one_neutral_text(ana, book, carrier):
    """As of a home with one telephone: a text that names six of seven would hide the last."""
    phone_of(ana)
    for number in range(7):
        book(ana, wall("2026-11-30 13:00") + number * timedelta(minutes=5))
    run(at=wall("2026-11-28 13:00"))
    carrier.handed.clear()
    run(at=wall("2026-11-30 11:00"))
    (text,) = carrier.texts()
    assert "you have a new message" in text and "1:00 PM" not in text


@pytest.mark.req("H-10")
def test_a_households_text_is_looked_through_for_what_only_the_portal_may_say(
    family, book, carrier, location
):
    """Somebody typed the treatment into the name of the place."""
    location.name = "Implant St"
    location.save()
    ana, ben = family
    book(ana)
    book(ben, LATER, reason="Implant")
    run(at=TWO_DAYS)
    (text,) = carrier.texts()
    assert "Implant" not in text and "you have a new message" in text
    assert {call.patient_id for call in CallTask.objects.all()} == {ana.pk, ben.pk}


def test_texts_that_wait_for_the_morning_are_one_text_then(family, book, carrier):
    for child, at in zip(family, (MORNING, LATER), strict=True):
        book(child, at)
    run(at=TWO_DAYS)
    carrier.handed.clear()
    run(at=wall("2026-11-30 07:30"))
    assert carrier.texts() == []
    run(at=wall("2026-11-30 08:00"))
    (text,) = carrier.texts()
    assert "9:30 AM, 10:15 AM EST" in text


@pytest.mark.req("H-14")
def test_two_households_never_mix(ana, ben, book, carrier, location):
    phone_of(ana)
    phone_of(ben, BENS_NUMBER)
    for patient in (ana, ben):
        book(patient)
    run(at=TWO_DAYS)
    run(at=TWO_DAYS)
    assert sorted(carrier.numbers()) == [ANAS_NUMBER, BENS_NUMBER]
    assert not any("A 9:30" in text for text in carrier.texts())


@pytest.mark.req("H-14")
@pytest.mark.parametrize("missing", [{"agreed": False}, {"verified": False, "agreed": False}])
def test_a_child_whose_own_number_is_not_verified_and_agreed_is_not_in_the_text(
    ana, ben, book, carrier, missing
):
    phone_of(ana)
    phone_of(ben, **missing)
    book(ana)
    book(ben, LATER)
    run(at=TWO_DAYS)
    (text,) = carrier.texts()
    assert "your visit is Mon, Nov 30 at 9:30 AM EST" in text
    assert "10:15" not in text


def test_where_the_practice_says_little_a_household_gets_one_neutral_text(
    family, book, carrier, practice
):
    practice.l0_only = True
    practice.save()
    for child in family:
        book(child)
    run(at=TWO_DAYS)
    (text,) = carrier.texts()
    assert "you have a new message" in text and "9:30" not in text


def test_visits_at_two_places_are_two_texts(family, book, carrier, practice):
    elsewhere = practice.locations.create(name="Hill Road", zone="America/New_York")
    elsewhere.reminder_rules.create(name="2-days", minutes_before=2 * 24 * 60)
    book(family[0])
    book(family[1], LATER, location=elsewhere)
    run(at=TWO_DAYS)
    run(at=TWO_DAYS + timedelta(minutes=45))
    assert [text.count("9:30") + text.count("10:15") for text in carrier.texts()] == [1, 1]


def test_e_mails_stay_each_patients_own(family, book):
    for child in family:
        email_of(child)
        book(child)
    run(at=TWO_DAYS)
    assert sorted(mail.to for mail in ToldMail.handed) == [["ana@example.com"], ["ben@example.com"]]


def test_a_mixed_family_is_written_to_in_the_houses_language(family, book, carrier):
    family[0].language = "es"
    family[0].save()
    for child in family:
        book(child)
    run(at=TWO_DAYS)
    (text,) = carrier.texts()
    assert "Mon, Nov 30" in text


def test_after_days_of_silence_a_visit_is_in_the_text_once(family, book, carrier, location):
    """Of the plans that an outage left, the one brought forward takes the place of the earlier."""
    location.reminder_rules.create(name="7-days", minutes_before=7 * 24 * 60)
    ana, ben = family
    book(ana)
    book(ben, LATER)
    run(at=TWO_DAYS)
    (text,) = carrier.texts()
    assert text.count("10:15 AM") == 1
    made = PatientNotification.objects.filter(patient=ben, type="appointment_reminder")
    assert made.count() == 1


# -- what goes wrong ----------------------------------------------------------------------------


def test_a_text_that_has_to_wait_says_what_is_true_when_it_goes(family, book, carrier):
    ana, ben = family
    book(ana)
    bens = book(ben, LATER)
    carrier.answers = [ChannelError(code="503", kind=ErrorKind.TRANSIENT)]
    run(at=TWO_DAYS)
    assert text_of(ben).status == DeliveryStatus.PLANNED
    with clock.at(TWO_DAYS):
        cancel(appointment_id=bens.pk, actor=DESK, announce=False)
    run(at=TWO_DAYS + timedelta(minutes=10))
    assert len(carrier.texts()) == 2
    assert "your visit is Mon, Nov 30 at 9:30 AM" in carrier.texts()[-1]
    assert text_of(ben).status == DeliveryStatus.CANCELLED


def test_a_text_tried_again_is_still_one_text_with_the_same_letters(family, book, carrier):
    book(family[0])
    book(family[1], LATER)
    carrier.answers = [ChannelError(code="503", kind=ErrorKind.TRANSIENT)]
    run(at=TWO_DAYS)
    run(at=TWO_DAYS + timedelta(minutes=10))
    first, second = carrier.texts()
    assert first == second
    assert text_of(family[1]).merged_into == text_of(family[0])


def test_when_a_households_text_is_refused_for_good_the_others_are_told_alone(
    family, book, carrier
):
    book(family[0])
    book(family[1], LATER)
    carrier.answers = [ChannelError(code="30007", kind=ErrorKind.PERMANENT)]
    run(at=TWO_DAYS)
    run(at=TWO_DAYS)
    assert text_of(family[0]).status == DeliveryStatus.FAILED
    assert "your visit is Mon, Nov 30 at 10:15 AM EST" in carrier.texts()[-1]
    assert len(carrier.texts()) == 2


def test_a_household_of_which_another_worker_holds_a_text_waits_whole(family, book):
    """Nobody sends to one child what the next worker would send to the other."""
    book(family[0])
    book(family[1], LATER)
    with clock.at(TWO_DAYS):
        scheduler.make_due(report=TickReport())
    mine, due = text_of(family[0]), Delivery.objects.all()
    mail = Delivery.objects.get(notification=mine.notification, channel="email")
    assert set(with_households([mine], due, lambda rows: rows)) == {mine, text_of(family[1])}
    assert with_households([mine, mail], due, lambda rows: rows.none()) == [mail]
    assert whole([mail, mine], [mail, mine, text_of(family[1])]) == [mail]


def made_later(patient, **later):
    """Let a patient's text be due later than the message, as a later rung of a ladder is."""
    due_at = TWO_DAYS + timedelta(**later)
    Delivery.objects.filter(pk=text_of(patient).pk).update(due_at=due_at)


def test_a_text_that_was_to_go_a_little_later_goes_with_the_other_childs(family, book, carrier):
    book(family[0])
    book(family[1], LATER)
    with clock.at(TWO_DAYS):
        scheduler.make_due(report=TickReport())
    made_later(family[1], minutes=45)
    run(at=TWO_DAYS)
    (text,) = carrier.texts()
    assert "A 9:30 AM, B 10:15 AM" in text


def test_a_text_that_goes_with_no_other_after_all_keeps_its_own_time(family, book, carrier):
    anas = book(family[0])
    book(family[1], LATER)
    with clock.at(TWO_DAYS):
        scheduler.make_due(report=TickReport())
        made_later(family[1], minutes=45)
        Appointment.objects.filter(pk=anas.pk).update(status=Appointment.Status.CANCELLED)
        run()
    assert carrier.texts() == []
    run(at=TWO_DAYS + timedelta(minutes=45))
    (text,) = carrier.texts()
    assert "your visit is Mon, Nov 30 at 10:15 AM EST" in text


def test_a_text_looked_at_ahead_of_its_time_takes_nobodys_place(family, book, carrier):
    """It goes with no other after all; another text, made later, is the one of the day."""
    anas = book(family[0])
    book(family[1], LATER)
    with clock.at(TWO_DAYS):
        scheduler.make_due(report=TickReport())
        made_later(family[1], minutes=45)
        Appointment.objects.filter(pk=anas.pk).update(status=Appointment.Status.CANCELLED)
        visit = example_fields()
        until = visit["appointment_date"] - timedelta(hours=2)
        made = send(family[0], AppointmentReminderPayload(**visit, current_until=until))
        only_texts()
        claim(limit=1, look=1, report=delivery.Report())
    assert delivery_of(made, "sms").status == DeliveryStatus.SENDING


def test_words_that_cannot_be_written_ahead_of_their_time_keep_nobody_waiting(
    family, note, carrier, monkeypatch
):
    """A type that says what goes together, and has no words for it: the earliest would lead."""
    monkeypatch.setattr(note, "together", lambda _self: "one day")
    ana, ben = family
    first, second = send(ben), send(ana)
    in_half_an_hour = NOON + timedelta(minutes=30)
    Delivery.objects.filter(notification=first, channel="sms").update(due_at=in_half_an_hour)
    run()
    assert delivery_of(first, "sms").reason == Reason.UNWRITABLE
    assert delivery_of(second, "sms").status == DeliveryStatus.ACCEPTED


# -- at once ------------------------------------------------------------------------------------


def three_households(location, book):
    """Book two visits half an hour apart for each of three numbers; return the numbers."""
    numbers = [NUMBER.format(100 + each) for each in range(3)]
    for number in numbers:
        for child in range(2):
            patient = make_patient(f"c{child}{number}@example.com", "C", location)
            phone_of(patient, number)
            book(patient, MORNING + child * timedelta(minutes=30))
    return numbers


@pytest.mark.django_db(transaction=True)
def test_three_workers_at_once_send_each_household_one_text(location, book, carrier):
    numbers = three_households(location, book)
    with clock.at(TWO_DAYS):
        side_by_side(*[run] * 3)
        run()
    assert sorted(carrier.numbers()) == numbers
    assert all("A 9:30 AM, B 10:00 AM EST" in text for text in carrier.texts())


@pytest.mark.django_db(transaction=True)
def test_texts_that_workers_find_at_the_same_moment_are_one(location, book, carrier):
    numbers = three_households(location, book)
    with clock.at(TWO_DAYS):
        scheduler.make_due(report=TickReport())
        only_texts()
        side_by_side(*[delivery.run_due] * 3)
        delivery.run_due()
    assert sorted(carrier.numbers()) == numbers

"""A visit in the patient's own calendar: put there by a mail, moved by the next, taken out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from icalendar import Calendar, Event

from notifications import clock
from notifications.calendar import CalendarEvent, calendar_file
from notifications.models import DeliveryAttempt
from notifications.privacy import given_away
from notifications.services import patient_notification_service
from portal.models import User
from portal.notification_types._visit import visit_fields
from portal.notification_types.appointment_confirmed import AppointmentConfirmedPayload
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.notification_types.appointment_rescheduled import AppointmentRescheduledPayload
from portal.services import cancel, reschedule, reword
from tests.clinic import DESK, HALF_AN_HOUR, a_visit, wall
from tests.engine import email_of, run
from tests.postman import HOST, Postman, post_office

pytestmark = pytest.mark.django_db

TODAY = wall("2026-10-26 12:00")
NINE_THIRTY = wall("2026-11-24 09:30")
TEN_DAYS_LATER = wall("2026-12-04 14:00")
LATER = timedelta(minutes=3)  # news of a visit has left by then


@pytest.fixture
def visit(ana, location, provider):
    """Ana's visit, booked today."""
    location.address = "1 Main St, Springfield"
    location.save()
    with clock.at(TODAY):
        return a_visit(ana, NINE_THIRTY, location=location, provider=provider)


def files(outbox) -> list[str]:
    return [mail.content["calendar"] for mail in outbox()]


def read(file: str) -> tuple[str, Event]:
    """Return what a file asks of a calendar, and its one entry."""
    calendar = Calendar.from_ical(file)
    [event] = calendar.walk("VEVENT")
    return str(calendar["method"]), event


def move(visit, starts_at, *, at) -> None:
    with clock.at(at):
        reschedule(
            appointment_id=visit.pk,
            starts_at=starts_at,
            ends_at=starts_at + HALF_AN_HOUR,
            actor=DESK,
        )


def call_off(visit, *, at) -> None:
    with clock.at(at):
        cancel(appointment_id=visit.pk, actor=DESK)


def test_a_booked_visit_comes_with_an_entry_that_says_when_and_where(visit, ana_email, outbox):
    run(TODAY + LATER)
    [file] = files(outbox)
    method, event = read(file)
    assert (method, event["status"]) == ("REQUEST", "CONFIRMED")
    assert event.DTSTART == NINE_THIRTY and event.DTEND == NINE_THIRTY + HALF_AN_HOUR
    assert event["summary"] == "Visit at Main Street Dental"
    assert event["location"] == "Main St, 1 Main St, Springfield"
    assert event["description"] == "To change it, call 212-555-0100."
    assert event["organizer"].params["cn"] == "Main Street Dental"
    assert event["organizer"] == "mailto:notify@dentamind.example"


def test_a_moved_visit_moves_in_the_calendar_and_a_cancelled_one_goes(visit, ana_email, outbox):
    run(TODAY + LATER)
    move(visit, TEN_DAYS_LATER, at=TODAY + 2 * LATER)
    run(TODAY + 3 * LATER)
    call_off(visit, at=TODAY + 4 * LATER)
    run(TODAY + 5 * LATER)
    (first, booked), (second, moved), (third, gone) = map(read, files(outbox))
    assert (first, second, third) == ("REQUEST", "REQUEST", "CANCEL")
    assert booked["uid"] == moved["uid"] == gone["uid"]
    assert booked["sequence"] < moved["sequence"] < gone["sequence"]
    assert booked["dtstamp"].dt < moved["dtstamp"].dt < gone["dtstamp"].dt
    assert moved.DTSTART == gone.DTSTART == TEN_DAYS_LATER
    assert gone["status"] == "CANCELLED"


def test_a_visit_that_is_put_back_in_the_book_comes_back_into_the_calendar(
    visit, ana_email, outbox
):
    run(TODAY + LATER)
    call_off(visit, at=TODAY + 2 * LATER)
    run(TODAY + 3 * LATER)
    move(visit, NINE_THIRTY, at=TODAY + 4 * LATER)
    run(TODAY + 5 * LATER)
    (_, _booked), (_, gone), (method, back) = map(read, files(outbox))
    assert method == "REQUEST"
    assert back["sequence"] > gone["sequence"] and back["uid"] == gone["uid"]


def test_nobody_is_asked_to_answer_the_entry(visit, ana_email, outbox):
    run(TODAY + LATER)
    [file] = files(outbox)
    assert "ATTENDEE" not in file and "RSVP" not in file and "ana@example.com" not in file


@pytest.mark.req("H-10")
def test_the_entry_says_nothing_of_the_patient_or_of_why_they_come(visit, ana_email, outbox):
    reword(appointment_id=visit.pk, reason="Root canal", notes="")
    move(visit, TEN_DAYS_LATER, at=TODAY + 2 * LATER)
    run(TODAY + 3 * LATER)
    file = files(outbox)[-1].replace("\r\n ", "")
    assert "PRIVATE" in file
    for private in ("Ana", "Root", "canal", "Lee"):
        assert private not in file


@pytest.mark.req("H-10")
def test_a_private_word_is_found_though_the_file_folds_its_lines_in_the_middle_of_it():
    place = f"{'x' * 60} extraction"
    payload = replace(AppointmentConfirmedPayload.example(), appointment_reason="extraction")
    file = calendar_file(event(location=place), now=TODAY)
    assert "extraction" not in file
    assert given_away(content=[file], payload=payload, usual=lambda: [""])


@pytest.mark.req("H-10")
@pytest.mark.parametrize("lacks", ["verified", "agreed"])
def test_an_address_that_is_not_verified_or_agreed_to_gets_no_entry(visit, outbox, lacks):
    email_of(visit.patient, **{lacks: False})
    run(TODAY + LATER)
    assert set(files(outbox)) <= {""}


def test_a_date_to_save_goes_into_the_calendar_and_a_later_reminder_leaves_it_there():
    plain = AppointmentReminderPayload.example()
    saved = replace(plain, saves_the_date=True)
    assert saved.calendar(practice_name="Main Street Dental") is not None
    assert plain.calendar(practice_name="Main Street Dental") is None


def test_a_message_that_was_stored_before_visits_had_an_end_still_makes_an_entry():
    stored = AppointmentRescheduledPayload.example().dump()
    del stored["ends_at"], stored["revision"]
    event = AppointmentRescheduledPayload.load(stored).calendar(practice_name="Dental")
    _method, entry = read(calendar_file(event, now=TODAY, is_mailed=True))
    assert (entry["sequence"], entry.get("dtend")) == (0, None)


@pytest.mark.req("P-35")
def test_a_patient_who_reads_spanish_has_a_spanish_entry(visit, ana_email, outbox):
    User.objects.filter(pk=visit.patient_id).update(language="es")
    run(TODAY + LATER)
    [file] = files(outbox)
    _method, event = read(file)
    assert event["summary"] == "Cita en Main Street Dental"
    assert event["description"] == "Para cambiarla, llame al 212-555-0100."


def test_two_patients_who_share_an_address_get_an_entry_each(ana, ben, location, provider, outbox):
    for patient in (ana, ben):
        email_of(patient, "family@example.com")
    with clock.at(TODAY):
        visits = [
            a_visit(patient, starts_at, location=location, provider=provider)
            for patient, starts_at in ((ana, NINE_THIRTY), (ben, NINE_THIRTY + HALF_AN_HOUR))
        ]
    run(TODAY + LATER)
    entries = [read(file)[1] for file in files(outbox)]
    assert {str(each["uid"]).split("@")[0] for each in entries} == {str(v.pk) for v in visits}


def test_the_entry_is_kept_with_what_left_and_foretold_before(visit, ana_email):
    run(TODAY + LATER)
    kept = DeliveryAttempt.objects.get(delivery__channel="email").snapshot
    payload = AppointmentConfirmedPayload(**visit_fields(visit))
    with clock.at(TODAY + LATER):
        foretold = patient_notification_service.preview(
            patient_id=visit.patient_id, payload=payload
        )
    [mail] = [each for each in foretold if each.channel == "email"]
    assert read(kept["email.ics"]) == read(mail.content["email.ics"])


def test_it_arrives_as_a_file_whose_type_says_what_it_asks(visit, ana_email, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.NOTIFICATIONS_AGREEMENTS = HOST, "email"
    postman = Postman()
    with post_office(postman) as settings.EMAIL_PORT:
        run(TODAY + LATER)
    [part] = postman.mails[0].iter_attachments()
    assert (part.get_content_type(), part.get_filename()) == ("text/calendar", "visit.ics")
    assert part["Content-Type"].params["method"] == "REQUEST"
    assert part["Content-Type"].params["charset"] == "utf-8"
    assert read(part.get_content())[1].DTSTART == NINE_THIRTY


# -- the file alone -------------------------------------------------------------------------------


def event(**changes) -> CalendarEvent:
    usual = {"uid": "1", "sequence": 2, "starts_at": NINE_THIRTY, "summary": "Visit"}
    return CalendarEvent(**usual | {"organizer": "Main Street Dental"} | changes)


@pytest.mark.parametrize(
    ("on_the_wall", "utc"),
    [
        ("2026-10-31 09:30", "2026-10-31 13:30"),
        ("2026-11-01 09:30", "2026-11-01 14:30"),  # the clocks went back in the night
        ("2027-03-13 09:30", "2027-03-13 14:30"),
        ("2027-03-14 09:30", "2027-03-14 13:30"),
    ],
)
def test_the_hour_is_right_on_either_side_of_a_change_of_the_clocks(on_the_wall, utc):
    starts_at = wall(on_the_wall)
    _method, entry = read(calendar_file(event(starts_at=starts_at), now=TODAY))
    assert datetime.fromisoformat(utc).replace(tzinfo=UTC) == entry.DTSTART


def test_a_file_that_is_fetched_asks_for_nothing():
    assert read(calendar_file(event(), now=TODAY))[0] == "PUBLISH"


def test_what_was_typed_cannot_add_a_line_of_its_own():
    nasty = "Peña; Sons, Inc.\r\nATTENDEE:mailto:x@example.com"
    file = calendar_file(event(summary=nasty, location=nasty, organizer=nasty), now=TODAY)
    method, entry = read(file)
    assert "attendee" not in entry
    assert str(entry["summary"]).startswith("Peña; Sons, Inc.")

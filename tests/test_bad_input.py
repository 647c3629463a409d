"""What cannot be is refused with a sentence the front desk understands, and never a message."""

from datetime import timedelta

import pytest

from notifications import clock
from notifications.models import PatientNotification, ScheduledNotification
from notifications.types import Refused
from portal.models import Appointment, Location, User
from portal.services import book, default_reminder_rules, reschedule
from tests.clinic import DESK, HALF_AN_HOUR, a_visit, wall
from tests.conftest import signed_in
from tests.imports import ANA, BEN, NOW, csv_of, row, run_import, visit_called

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-10"), pytest.mark.usefixtures("noon")]

START = wall("2026-12-04 09:30")
DAY = timedelta(days=1)


@pytest.fixture
def desk(ana, location, provider):
    """Book a visit of Ana's; what is not said is as it should be."""
    default_reminder_rules(location)
    usual = {"patient_id": ana.pk, "provider_id": provider.pk, "location_id": location.pk}

    def books(**said):
        return book(
            **usual | {"starts_at": START, "ends_at": START + HALF_AN_HOUR} | said, actor=DESK
        )

    return books


def nothing_came_of_it() -> bool:
    rows = (Appointment, PatientNotification, ScheduledNotification)
    return not any(model.objects.exists() for model in rows)


# -- at the desk ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "field", "sentence"),
    [
        ({"starts_at": START.replace(tzinfo=None)}, "starts_at", "needs its zone"),
        ({"ends_at": START - HALF_AN_HOUR}, "ends_at", "must end after it starts"),
        ({"ends_at": START + DAY + HALF_AN_HOUR}, "ends_at", "cannot last longer than a day"),
        (
            {"starts_at": START + 3653 * DAY, "ends_at": START + 3653 * DAY + HALF_AN_HOUR},
            "starts_at",
            "Check the year",
        ),
        (
            {"starts_at": START - 365_000 * DAY, "ends_at": START - 365_000 * DAY + HALF_AN_HOUR},
            "starts_at",
            "Check the year",
        ),
    ],
)
def test_a_time_that_cannot_be_is_refused_and_named(desk, said, field, sentence):
    with pytest.raises(Refused, match=sentence) as refusal:
        desk(**said)
    assert refusal.value.field == field
    assert nothing_came_of_it()


def test_a_whole_day_and_four_years_ahead_can_be(desk):
    ahead = START + 4 * 366 * DAY
    assert desk(starts_at=ahead, ends_at=ahead + DAY).starts_at == ahead


def test_a_visit_cannot_be_moved_to_where_it_could_not_be_booked(desk):
    visit = desk()
    with pytest.raises(Refused, match="longer than a day"):
        reschedule(appointment_id=visit.pk, starts_at=START, ends_at=START + 2 * DAY, actor=DESK)
    visit.refresh_from_db()
    assert (visit.revision, visit.ends_at) == (1, START + HALF_AN_HOUR)


def test_a_place_whose_clock_nobody_knows_takes_no_visit_until_it_is_corrected(desk, location):
    Location.objects.filter(pk=location.pk).update(zone="America/Springfield")
    with pytest.raises(Refused, match="Correct the location first") as refusal:
        desk()
    assert refusal.value.field == "location_id"
    assert nothing_came_of_it()
    Location.objects.filter(pk=location.pk).update(zone="America/New_York")
    assert desk().starts_at == START


def test_the_booking_form_says_it_beside_the_field(desk, ana, location, provider):
    chief = signed_in(
        User.objects.create_superuser(username="chief@example.com", password="x" * 12)
    )
    who = {"patient": ana.pk, "provider": provider.pk, "location": location.pk}
    typed = {"starts_at_0": "2062-12-04", "starts_at_1": "09:30", "reason": "", "notes": ""}
    typed |= {"ends_at_0": "2062-12-04", "ends_at_1": "10:00"}
    answer = chief.post("/admin/portal/appointment/add/", who | typed)
    assert "Check the year" in str(answer.context["adminform"].form.errors["starts_at"])
    Location.objects.filter(pk=location.pk).update(zone="America/Springfield")
    answer = chief.post("/admin/portal/appointment/add/", who | typed)
    assert "Correct the location" in str(answer.context["adminform"].form.errors["location"])
    assert nothing_came_of_it()


def test_a_booking_sent_twice_is_one_visit_and_told_once(ana, ben, location, provider):
    chief = signed_in(User.objects.create_superuser(username="chief@example.com"))
    hours = {"starts_at_0": "2026-12-04", "starts_at_1": "09:30"}
    hours |= {"ends_at_0": "2026-12-04", "ends_at_1": "10:00", "reason": "", "notes": ""}
    for patient, answered in ((ana, 302), (ana, 200), (ben, 302)):
        who = {"patient": patient.pk, "provider": provider.pk, "location": location.pk}
        answer = chief.post("/admin/portal/appointment/add/", who | hours)
        assert answer.status_code == answered
        if answered == 200:
            assert "at this very time" in answer.text
    for patient in (ana, ben):
        assert PatientNotification.objects.get(patient=patient).type == "appointment_confirmed"


IN_1026 = {"starts_at_0": "1026-12-04", "ends_at_0": "1026-12-04"}
TOO_FAR = {"starts_at_0": "9999-12-31", "ends_at_0": "9999-12-31", "ends_at_1": "23:59"}
NO_ID = "Ana?"
DAYS = {"months": "6", "max_reminders": "4", "kind": "hygiene"}
RULE = {"name": "late", "what": "remind", "audience": "everyone", "until": "stands"}


@pytest.mark.parametrize(
    ("model", "typed", "sentence"),
    [
        ("appointment", IN_1026, "Check the year"),
        ("appointment", {"patient": NO_ID}, "is not a valid"),
        ("opening", TOO_FAR, "Check the year"),
        ("reminderrule", {**RULE, "minutes_before": "9" * 20}, "A year is the longest"),
        ("recallschedule", {**DAYS, "due_on": "9999-12-31"}, "Check the year"),
        ("statement", {"amount": "10", "due_on": "9999-12-31"}, "Check the year"),
        ("guardianship", {"relation": "mother", "guardian": NO_ID}, "is not a valid"),
    ],
)
def test_what_nobody_can_have_meant_is_refused_on_the_page(
    ana, location, provider, model, typed, sentence
):
    chief = signed_in(User.objects.create_superuser(username="chief@example.com"))
    hours = {"starts_at_0": "2026-12-04", "starts_at_1": "09:30"}
    hours |= {"ends_at_0": "2026-12-04", "ends_at_1": "10:00"}
    who = {"patient": ana.pk, "provider": provider.pk, "location": location.pk}
    answer = chief.post(f"/admin/portal/{model}/add/", who | hours | typed, follow=True)
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert nothing_came_of_it()


def test_nobody_is_born_tomorrow(ana):
    typed = {"username": ana.username, "language": "en", "date_of_birth": "2026-11-25"}
    chief = signed_in(User.objects.create_superuser(username="chief@example.com"))
    answer = chief.post(f"/admin/portal/user/{ana.pk}/change/", typed)
    assert "a day that has passed" in answer.content.decode()
    ana.refresh_from_db()
    assert ana.born_on is None


# -- in a file -----------------------------------------------------------------------------------


@pytest.fixture
def bring_in(practice, tmp_path):
    def bring(*rows):
        with clock.at(NOW):
            return run_import(csv_of(*rows), folder=tmp_path)

    return bring


def test_two_rows_for_one_patient_and_time_are_one_visit(bring_in):
    outcome = bring_in(
        row(ANA), row(ANA, appointment_id="A2", provider_id="D2"), row(BEN, appointment_id="B1")
    )
    assert "1 × PLEASE LOOK: the patient has another visit at this very time" in outcome.out
    assert "2 created, 1 skipped" in outcome.out
    assert visit_called("A1").patient.appointments.count() == 1
    again = bring_in(row(ANA), row(ANA, appointment_id="A2", provider_id="D2"))
    assert "at this very time" in again.out
    assert Appointment.objects.count() == 2


def test_a_row_for_what_the_desk_has_booked_already_is_no_second_visit(
    bring_in, location, provider
):
    bring_in(row(ANA, starts_at="2026-12-01 09:30"))
    patient = visit_called("A1").patient
    a_visit(patient, wall("2026-12-08 09:30"), location=location, provider=provider)
    outcome = bring_in(row(ANA, starts_at="2026-12-01 09:30"), row(ANA, appointment_id="A2"))
    assert "at this very time" in outcome.out
    assert patient.appointments.count() == 2


def test_a_time_that_becomes_free_in_the_same_file_is_free(bring_in):
    bring_in(row(ANA))
    outcome = bring_in(row(ANA, appointment_id="A2"), row(ANA, starts_at="2026-12-09 09:30"))
    assert "at this very time" not in outcome.out
    assert visit_called("A2").starts_at == wall("2026-12-08 09:30")


def test_what_overlaps_is_taken_over_and_named(bring_in):
    outcome = bring_in(
        row(ANA, duration_minutes="60"),
        row(ANA, appointment_id="A2", provider_id="D2", starts_at="2026-12-08 10:00"),
        row(BEN, appointment_id="B1", starts_at="2026-12-08 10:15"),
    )
    assert "1 × PLEASE LOOK: the patient has another visit that overlaps" in outcome.out
    assert "1 × the provider has another patient at this time" in outcome.out
    assert Appointment.objects.count() == 3


def test_a_year_that_was_mistyped_is_left_out_and_named(bring_in):
    outcome = bring_in(row(ANA, starts_at="2062-12-08 09:30"))
    assert "1 × PLEASE LOOK: more than five years ahead" in outcome.out
    assert not Appointment.objects.exists()
    assert not ScheduledNotification.objects.exists()

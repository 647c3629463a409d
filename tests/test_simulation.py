"""A clinic's month on a virtual clock: what must never happen does not, and would be seen.

`manage.py simulate` plays months of five hundred patients; here a small one shows that it works.
"""

import json
from datetime import time

import pytest
from django.core.management import CommandError, call_command

from notifications import clock
from notifications.enums import ContactStatus, DeliveryStatus, PlanStatus
from notifications.models import (
    ContactPoint,
    Delivery,
    DeliveryAttempt,
    PatientSettings,
    ScheduledNotification,
)
from portal.management.simulation.books import Books
from portal.management.simulation.month import simulate
from portal.models import Appointment
from portal.notification_types._visit import SETTLES_FOR
from portal.services import default_reminder_rules
from tests.clinic import DESK, a_visit, wall
from tests.engine import email_of, phone_of, run

# Ten days across the end of summer time, on the first of November.
BEGINS = wall("2026-10-26 00:00")
MONDAY = wall("2026-11-23 10:00")


@pytest.mark.django_db
@pytest.mark.req("SLO-5")
def test_ten_days_of_a_small_clinic_break_no_promise():
    month = simulate(days=10, patients=12, seed=3, begins_at=BEGINS, progress=lambda _moment: None)
    assert month.violations == dict.fromkeys(month.violations, 0), month.examples
    assert month.by_status["delivered"]["email"] > 5
    assert month.messages > 10


def test_the_command_plays_in_a_database_of_its_own_and_prints_what_came_of_it(capfd):
    with pytest.raises(SystemExit) as end:
        call_command("simulate", patients=3, days=2, seed=5, json=True)
    month = json.loads(capfd.readouterr().out)
    assert (end.value.code, month["patients"], month["seed"]) == (0, 3, 5)
    assert set(month["violations"].values()) == {0}


@pytest.mark.parametrize("given", [{"days": 0}, {"patients": -1}])
def test_nonsense_is_refused_before_anything_is_played(given):
    with pytest.raises(CommandError):
        call_command("simulate", **given)


# -- what must never happen is seen if it does ----------------------------------------------------


@pytest.fixture
def books(ana, location, provider) -> Books:
    """The simulation's eyes, when Ana has just been told that a visit is booked."""
    default_reminder_rules(location)
    email_of(ana)
    phone_of(ana)
    with clock.at(MONDAY - SETTLES_FOR):
        a_visit(ana, wall("2026-11-24 16:00"), location=location, provider=provider)
    with clock.at(MONDAY):
        while run().total:
            pass
    return Books()


def seen(books: Books) -> dict[str, int]:
    with clock.at(MONDAY):
        books.look()
        books.close()
    return {kind: count for kind, count in books.violations.items() if count}


@pytest.mark.django_db
def test_a_message_that_is_all_right_is_no_violation(books):
    assert DeliveryAttempt.objects.count() == 2
    assert seen(books) == {}


@pytest.mark.django_db
def test_an_old_time_in_a_message_is_seen(books):
    Appointment.objects.update(starts_at=wall("2026-11-24 15:00"))
    assert seen(books) == {"stale": 2}


@pytest.mark.django_db
def test_a_body_that_names_another_hour_is_seen(books):
    for row in DeliveryAttempt.objects.all():
        row.snapshot = {part: text.replace("4:00", "3:00") for part, text in row.snapshot.items()}
        row.save()
    assert seen(books) == {"stale": 2}


@pytest.mark.django_db
def test_a_message_about_a_cancelled_visit_is_seen(books):
    Appointment.objects.update(status=Appointment.Status.CANCELLED)
    assert seen(books) == {"stale": 2}


@pytest.mark.django_db
def test_a_text_after_stop_is_seen(books):
    ContactPoint.objects.update(status=ContactStatus.OPTED_OUT)
    assert seen(books) == {"after_stop": 1}


@pytest.mark.django_db
def test_a_second_try_of_what_had_left_is_seen(books):
    for row in DeliveryAttempt.objects.all():
        kept = ("delivery_id", "patient_id", "started_at", "result", "level", "snapshot")
        again = {name: getattr(row, name) for name in kept}
        DeliveryAttempt.objects.create(**again, number=2, fence=2, content_hash=row.content_hash)
    assert seen(books) == {"duplicate": 2}


@pytest.mark.django_db
def test_a_text_in_the_night_is_seen(books, ana):
    ana.zone = "Asia/Tokyo"
    ana.save()
    assert seen(books) == {"night": 1}


@pytest.mark.django_db
def test_a_text_in_the_patients_own_quiet_hours_is_seen(books, ana):
    quiet = {"quiet_from": time(9), "quiet_until": time(11)}
    PatientSettings.objects.create(patient=ana, changed_by=DESK, **quiet)
    assert seen(books) == {"night": 1}


@pytest.mark.django_db
def test_what_is_due_and_did_not_go_is_seen(books):
    Delivery.objects.filter(channel="sms").update(status=DeliveryStatus.PLANNED)
    plans = ScheduledNotification.objects.filter(status=PlanStatus.PLANNED)
    plans.update(due_at=wall("2026-11-22 10:00"))
    late = Delivery.objects.filter(channel="sms")
    late.update(due_at=wall("2026-11-22 10:00"))
    assert seen(books) == {"lost": 1 + plans.count()}

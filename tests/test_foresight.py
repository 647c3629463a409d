"""What is coming, told beforehand, is what then comes: message for message.

`FORESIGHT_PATIENTS=500 pytest tests/test_foresight.py` compares a whole clinic's month; a smaller
one is compared each time.
"""

import os
import random
from datetime import timedelta

import pytest

from notifications import clock
from notifications.enums import Reason
from notifications.models import Delivery, PatientNotification, ScheduledNotification
from notifications.scheduler import notification_scheduler_service as scheduler
from portal.management.simulation import carriers
from portal.management.simulation.life import Life
from portal.management.simulation.line import Line
from portal.management.simulation.town import found
from portal.services import cancel, default_reminder_rules
from tests.clinic import DESK, a_visit, wall
from tests.engine import device_of, email_of, phone_of
from tests.foreseen import foretold, lived

pytestmark = pytest.mark.django_db
PATIENTS = int(os.environ.get("FORESIGHT_PATIENTS", "40"))
BEGINS = wall("2026-10-20 00:00")  # the days that follow hold the end of summer time
MONDAY = wall("2026-11-16 10:00")


def a_clinic_in_full_swing(seed: int) -> None:
    """Let a clinic live for four days, so that everything is under way at once."""
    dice = random.Random(seed)
    line = Line(begins_at=BEGINS, after=lambda: carriers.report(dice=dice))
    with clock.at(BEGINS):
        town = found(patients=PATIENTS, dice=dice)
    Life(town=town, line=line, dice=dice).put_on_the_line(days=4)
    line.play(until=BEGINS + timedelta(days=4), progress=lambda _moment: None)


@pytest.mark.parametrize("seed", [1])
def test_a_clinics_month_comes_as_it_was_foretold_message_for_message(seed):
    a_clinic_in_full_swing(seed)
    today = BEGINS + timedelta(days=4)
    with clock.at(today):
        told = foretold(scheduler.forecast(days=30))
    came = lived(since=today, until=today + timedelta(days=30))
    assert (told - came, came - told) == ({}, {})
    assert sum(told.values()) > 5 * PATIENTS


@pytest.fixture
def anas_visit(ana, location, provider):
    """Ana has a visit on Tuesday week at half past nine; she gets texts and e-mail."""
    default_reminder_rules(location)
    email_of(ana)
    phone_of(ana)
    with clock.at(MONDAY):
        return a_visit(ana, wall("2026-11-24 09:30"), location=location, provider=provider)


def coming(patient=None) -> list[tuple]:
    """Return what is to come, on the wall clock of New York."""
    with clock.at(MONDAY + timedelta(hours=1)):
        seen = scheduler.forecast(days=9, patient_id=patient and patient.pk)
    return [(each.rule, each.channel, each.status, each.reason) for each in seen]


def test_anas_week_is_told_channel_by_channel_with_what_will_not_come_and_why(anas_visit, ana):
    told = coming(ana)
    assert ("7-days", "email", "accepted", Reason.NONE) in told
    assert ("7-days", "push", "skipped", Reason.NO_DEVICE) in told
    assert ("2-days", "sms", "accepted", Reason.NONE) in told


def test_the_text_that_will_yield_is_named_before_anybody_waits_for_it(
    anas_visit, ana, location, provider
):
    """Two visits on one day at two hours: the reminders of an hour later are one text too many."""
    with clock.at(MONDAY):
        a_visit(ana, wall("2026-11-25 13:30"), location=location, provider=provider)
    texts = [reason for rule, channel, _status, reason in coming(ana) if channel == "sms"]
    assert Reason.RATE_LIMITED in texts


def test_a_forecast_changes_nothing(anas_visit, ana):
    device_of(ana)
    before = [
        list(model.objects.order_by("pk").values())
        for model in (PatientNotification, Delivery, ScheduledNotification)
    ]
    assert coming()
    after = [
        list(model.objects.order_by("pk").values())
        for model in (PatientNotification, Delivery, ScheduledNotification)
    ]
    assert before == after


def test_nobody_elses_messages_are_in_a_patients_forecast(anas_visit, ana, ben):
    assert coming(ben) == []
    assert coming(ana)


def test_what_was_called_off_is_not_coming_any_more(anas_visit, ana):
    with clock.at(MONDAY + timedelta(minutes=30)):
        cancel(appointment_id=anas_visit.pk, actor=DESK)
    assert {rule for rule, *_rest in coming(ana)} <= {""}


def test_a_forecast_takes_about_as_many_queries_for_many_as_for_few(
    anas_visit, ana, ben, location, provider, django_assert_max_num_queries
):
    with django_assert_max_num_queries(120):
        few = coming()
    email_of(ben)
    with clock.at(MONDAY):
        a_visit(ben, wall("2026-11-24 09:30"), location=location, provider=provider)
    with django_assert_max_num_queries(120):
        assert len(coming()) > len(few)

"""A carrier that was left alone: for how long it is said to be, and how a person ends it."""

import io
from datetime import timedelta

import pytest
from django.core.management import call_command

from notifications import clock, switches
from notifications.enums import DeliveryStatus
from notifications.models import AuditEvent, Switch
from tests.clinic import DESK
from tests.engine import NOON, phone_of, run, send, status_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LARGEST = 32_767  # that PostgreSQL keeps in a small column


def left_alone(*, until, trips=1) -> Switch:
    return Switch.objects.create(name="sms", trips=trips, rests_until=until)


def resume(channel="sms") -> str:
    said = io.StringIO()
    call_command("resume", channel, stdout=said)
    return said.getvalue()


@pytest.mark.req("R-09")
def test_however_long_an_outage_lasts_the_tries_go_on():
    switch = left_alone(until=NOON - MINUTE, trips=LARGEST)
    assert switches.take_try(switch)
    taken = Switch.objects.get()
    assert 0 < taken.trips < LARGEST
    assert taken.rests_until == NOON + switches.LONGEST_REST


def test_a_try_with_nothing_to_send_is_given_back_however_long_the_outage():
    left_alone(until=NOON - MINUTE, trips=switches.MOST_TRIPS)
    switch = Switch.objects.get()
    assert switches.take_try(switch)
    switches.give_back_try(switch)
    again = Switch.objects.get()
    assert (again.trips, again.rests_until) == (switches.MOST_TRIPS, NOON - MINUTE)


# -- ended by a person --------------------------------------------------------------------------


@pytest.mark.req("R-09")
def test_a_rest_that_was_set_by_a_wrong_clock_is_ended_by_hand(ana, carrier):
    """The machine's clock was a day ahead for a while, or a carrier asked for an hour."""
    phone_of(ana)
    left_alone(until=NOON + 24 * HOUR, trips=3)
    made = send(ana)
    run()
    assert status_of(made, "sms")[0] == DeliveryStatus.PLANNED
    said = resume()
    assert "left alone until 2026-11-25 17:00 UTC" in said
    run()
    assert status_of(made, "sms")[0] == DeliveryStatus.ACCEPTED
    event = AuditEvent.objects.get(action="switch")
    assert event.details == {"switch": "sms", "change": "on"}


def test_a_pause_that_is_ended_is_named_with_its_code():
    switches.pause(channel="sms", code="20003", actor=DESK)
    said = resume()
    assert "paused since 2026-11-24 17:00 UTC (20003)" in said
    assert "sends again" in said


@pytest.mark.parametrize("until", [None, NOON - HOUR], ids=["never", "long over"])
def test_where_nothing_keeps_a_channel_back_that_is_said_and_nothing_is_audited(until):
    left_alone(until=until, trips=0)
    assert resume() == "Nothing keeps the channel sms back.\n"
    assert not AuditEvent.objects.filter(action="switch").exists()


# -- said as long as it is so -------------------------------------------------------------------


def test_after_an_outage_a_channel_nobody_writes_on_raises_no_alarm(ana):
    phone_of(ana)
    left_alone(until=NOON + MINUTE)
    alarm = ["The carrier of sms does not answer: it is tried by itself."]
    assert switches.alarms() == alarm
    with clock.at(NOON + 2 * MINUTE):
        assert switches.alarms() == []
        send(ana)
        assert switches.alarms() == alarm

"""This machine has seen a later database than the one it finds: that comes from a backup."""

import json
from datetime import timedelta
from unittest import mock

import pytest
from django.utils import timezone

from notifications import clock, switches, watermark
from notifications.enums import DeliveryStatus
from notifications.models import Heartbeat
from notifications.scheduler import tick

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PLANNED = (DeliveryStatus.PLANNED, "")


def set_back(hours: float) -> None:
    """Make the database what it was some hours ago, as a backup does."""
    Heartbeat.objects.filter(name="watermark").update(beat_at=timezone.now() - hours * HOUR)


@pytest.mark.req("H-20")
def test_a_standby_that_lacks_the_last_half_minute_is_held(mark):
    tick()
    set_back(1 / 120)
    tick()
    assert switches.read().is_held


def test_another_machines_slow_clock_is_no_backup(mark):
    tick()
    here, real = mark.read_text(), timezone.now()
    with mock.patch.object(clock, "real_now", lambda: real - MINUTE):
        watermark.note()  # the same database, the other machine's file
    mark.write_text(here)
    tick()
    assert not switches.read().is_held


def test_an_outage_of_a_day_is_no_backup(mark):
    tick()
    set_back(24)
    said = json.loads(mark.read_text())
    mark.write_text(
        json.dumps(
            said | {"watermark": Heartbeat.objects.get(name="watermark").beat_at.isoformat()}
        )
    )
    tick()
    assert not switches.read().is_held


def test_another_database_beside_the_same_file_is_no_backup(mark):
    tick()
    Heartbeat.objects.filter(name="installed").update(beat_at=timezone.now() - HOUR)
    set_back(24)
    tick()
    assert not switches.read().is_held


@pytest.mark.parametrize("rubbish", ["", "{}", "[1]", '{"installed": 7}', "\x00"])
def test_a_file_full_of_rubbish_is_none(mark, rubbish):
    tick()
    set_back(24)
    mark.write_text(rubbish)
    assert watermark.hold_if_restored() is False

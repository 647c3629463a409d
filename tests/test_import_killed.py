"""A real import, killed by force in the middle and run again."""

import json
import sys
import time
from pathlib import Path

import pytest

from tests.rig.live import Site, live_site
from tests.rig.processes import start

FILE = Path(__file__).parent / "data" / "appointments_2000.csv"
EXPECTED = json.loads(FILE.with_suffix(".json").read_text())
COUNT = """
from notifications.models import PatientNotification, ScheduledNotification
from portal.models import Appointment, User
plans = ScheduledNotification.objects.filter(status="planned")
rows = [User.objects, Appointment.objects, plans, PatientNotification.objects]
print([each.count() for each in rows])
"""
SECONDS = 60  # in which the first piece must be there

pytestmark = pytest.mark.servers


@pytest.mark.req("import: resumable")
def test_an_import_killed_by_force_ends_where_one_that_was_not_would_have():
    with live_site() as site:
        kill_one_import(site)
        people, visits, _plans, _messages = counts(site)
        assert 0 < people < EXPECTED["people"]
        report = json.loads(site.manage(*COMMAND, "--json").stdout)
        assert report["first_import"] is True
        assert report["people"]["unchanged"] == people
        assert report["visits"]["unchanged"] == visits
        assert counts(site) == [
            EXPECTED["people"],
            EXPECTED["visits"]["recorded"] + EXPECTED["visits"]["created"],
            sum(EXPECTED["plans"].values()),
            0,
        ]


COMMAND = ("import_appointments", str(FILE), "--source", "two-thousand")


def kill_one_import(site: Site) -> None:
    """Start an import and end it as a power cut would, when its first piece has been written."""
    process = start(
        command=[sys.executable, "manage.py", *COMMAND],
        log=site.log_path("import"),
        environment=site.environment,
    )
    until = time.monotonic() + SECONDS
    while not counts(site)[1] and time.monotonic() < until:
        assert process.poll() is None, site.log("import")
    process.kill()
    process.wait(timeout=10)


def counts(site: Site) -> list[int]:
    """Return how many people, visits, open plans and messages the site has."""
    return json.loads(site.manage("shell", "-c", COUNT).stdout.splitlines()[-1])

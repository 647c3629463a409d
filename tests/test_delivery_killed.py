"""Workers killed by force in mid-send: nothing is lost, and no text goes twice."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from notifications.enums import DeliveryStatus
from notifications.models import Delivery, DeliveryAttempt
from tests.conftest import make_patient
from tests.crowd import NUMBER, PATIENCE
from tests.engine import NOON, email_of, phone_of, run, send
from tests.victim import noted

pytestmark = [
    pytest.mark.servers,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("note", "noon"),
]
KILLS = 6
PATIENTS = 60
CARRIERS = {
    "EMAIL_BACKEND": "tests.victim.Mails",
    "NOTIFICATIONS_SMS_PROVIDER": "tests.victim.Texts",
    "NOTIFICATIONS_PUSH_PROVIDER": "",
    "NOTIFICATIONS_SEND_SLOTS": "4",
}


def database_url() -> str:
    """The address of the test's own database, for another process."""
    known = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{known['NAME']}"
    place = f"{known['HOST']}:{known['PORT']}/{known['NAME']}"
    return f"postgres://{known['USER']}:{known['PASSWORD']}@{place}"


def kill_a_worker(environment: dict[str, str], ledger: Path, *, after: int) -> None:
    """Start a worker and end it, as a power cut would, when so many more messages have left."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.victim"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    with worker:
        assert worker.stdout.readline() == "ready\n"
        enough = len(noted(ledger)) + after
        worker.stdin.write("go\n")
        worker.stdin.flush()
        until = time.monotonic() + PATIENCE
        while len(noted(ledger)) < enough and time.monotonic() < until:
            time.sleep(0.001)
        worker.kill()


@pytest.mark.req("SLO-3")
@pytest.mark.req("SLO-4")
@pytest.mark.req("R-04")
def test_workers_killed_in_mid_send_lose_nothing_and_send_no_text_twice(
    location, settings, tmp_path, monkeypatch
):
    ledger = tmp_path / "ledger"
    monkeypatch.setenv("LEDGER", str(ledger))
    for name, value in CARRIERS.items():
        setattr(settings, name, value)
    for number in range(PATIENTS):
        patient = make_patient(f"p{number}@example.com", "P", location)
        email_of(patient)
        phone_of(patient, NUMBER.format(number))
        send(patient)

    environment = {**os.environ, **CARRIERS, "DATABASE_URL": database_url()}
    for _kill in range(KILLS):
        kill_a_worker(environment, ledger, after=random.randint(1, 8))
    Delivery.objects.filter(status=DeliveryStatus.SENDING).update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )
    for minutes in (0, 11, 22):
        run(at=NOON + timedelta(minutes=minutes))

    assert DeliveryAttempt.objects.filter(code="lease_lost").exists()  # the kills hit calls
    left = Counter(noted(ledger))
    rows = Delivery.objects.filter(channel__in=["sms", "email"])
    assert {row.status for row in rows} <= {DeliveryStatus.ACCEPTED, DeliveryStatus.UNKNOWN}
    for row in rows:
        copies = left[row.channel, str(row.pk)]
        assert copies <= (1 if row.channel == "sms" else 2)
        assert copies or row.status == DeliveryStatus.UNKNOWN
    unknown = rows.filter(status=DeliveryStatus.UNKNOWN)
    assert not unknown.filter(channel="email").exists()  # sent once more, and heard
    assert unknown.count() <= KILLS * int(CARRIERS["NOTIFICATIONS_SEND_SLOTS"])

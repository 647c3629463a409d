"""Whatever happens to the worker, a message that is made afterwards leaves soon.

The site runs under its real supervisor, with shorter waits. With those it is shipped with the same
takes `python -m tests.rig.wedges`, which prints the figures.
"""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from dentamind.warden import is_running
from notifications import clock
from tests.browser.desk import Desk
from tests.rig.live import Site, live_site
from tests.rig.supervised import Supervisor, signal_all, supervised

pytestmark = pytest.mark.servers

WAITS = ("--red-after", "2", "--silent-after", "4", "--settle", "10")
SILENCE = "6"
BOUND = 60  # seconds; as shipped it is 150, of which the patience with silence alone is 45
LEFT = ("accepted", "delivered")


@dataclass
class Clinic:
    """The practice as it runs, and Ana, who gets messages."""

    site: Site
    supervisor: Supervisor
    desk: Desk
    ana: str

    def tells(self, patient: str) -> str:
        """Send a patient a message; return its id."""
        return self.desk.tell(patient_id=patient, texts=["Please call us."])[0]

    def has_sent(self, message: str) -> bool:
        return self.desk.email_status(notification_id=message) in LEFT

    def watchman(self) -> int:
        """The worker's process, once all of it is there."""
        return eventually(self.supervisor.cluster).watchman


def eventually(holds, *, seconds=BOUND):
    """Wait until something holds, and return it; fails when it never does."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)
    return found


@pytest.fixture(scope="module")
def clinic(tmp_path_factory) -> Iterator[Clinic]:
    settings = {
        "NOTIFICATIONS_WORKER_SILENCE": SILENCE,
        "EMAIL_BACKEND": "tests.killing.Mails",
        "KILLED": str(tmp_path_factory.mktemp("killing") / "killed"),
    }
    with live_site(**settings) as site, supervised(site, *WAITS) as supervisor:
        desk = Desk(site, work="tests.wedgework")
        ana = admitted(desk, "ana@example.com")
        yield Clinic(site=site, supervisor=supervisor, desk=desk, ana=ana)
        desk.close()


@dataclass
class Planted:
    """A schedule that cannot be read: its row, since when, and the worker that ran then."""

    row: int
    at: datetime
    worker: int


@pytest.fixture(scope="module")
def planted(clinic) -> Planted:
    """Planted once, and early: the library looks at its schedules every 30 s only."""
    worker = clinic.watchman()
    return Planted(row=clinic.desk.plant(), at=clock.real_now(), worker=worker)


def admitted(desk: Desk, email: str) -> str:
    patient = desk.admit(email=email, first_name="Pat")
    desk.give_email(patient_id=patient, address=email)
    return patient


@pytest.mark.req("R-16")
def test_idle_workers_killed_with_the_queues_lock_in_hand_are_replaced(clinic):
    """The one that waits for the next task holds the lock; with both gone it is gone for sure."""
    eventually(lambda: clinic.supervisor.readyz().get("status") == "ok")
    before = eventually(clinic.supervisor.cluster)
    signal_all(signal.SIGKILL, *before.workers)
    eventually(lambda: is_whole_again(clinic, before), seconds=10)
    message = clinic.tells(clinic.ana)
    time.sleep(3)
    assert not clinic.has_sent(message)  # it is alive, and does nothing

    eventually(lambda: clinic.has_sent(message))
    assert clinic.watchman() != before.watchman
    log = clinic.site.log("worker")
    assert "A task has waited for" in log
    assert "So the worker ends, to be started again" in log


def is_whole_again(clinic, before) -> bool:
    now = clinic.supervisor.cluster()
    return now is not None and not set(now.workers) & set(before.workers)


@pytest.mark.req("R-16")
def test_a_message_that_kills_its_worker_is_settled_and_others_go_on(clinic, planted):
    victim = admitted(clinic.desk, "kills@example.com")
    deadly, begun = clinic.tells(victim), time.monotonic()
    eventually(lambda: os.path.exists(clinic.site.environment["KILLED"]))

    others = clinic.tells(clinic.ana)
    eventually(lambda: clinic.has_sent(others), seconds=10)
    assert clinic.desk.email_status(notification_id=deadly) == "sending"
    time.sleep(max(0.0, begun + 32 - time.monotonic()))  # its lease is over after 30 s
    clinic.tells(clinic.ana)
    eventually(lambda: clinic.desk.email_status(notification_id=deadly) == "unknown", seconds=10)
    assert clinic.watchman() == planted.worker  # the cluster put another in the dead one's place

    later = clock.real_now() + timedelta(minutes=11)
    clinic.site.manage("run_due", "--now", later.isoformat())
    assert clinic.has_sent(deadly)


@pytest.mark.req("S-14")
@pytest.mark.req("R-16")
def test_a_planted_schedule_that_cannot_be_read_does_not_stop_the_clock(clinic, planted):
    def has_ticked_since():
        age = clinic.supervisor.readyz()["heartbeats"]["clock"]
        return age < (clock.real_now() - planted.at).total_seconds() - 1

    eventually(has_ticked_since)
    assert clinic.watchman() == planted.worker  # nothing had to be restarted
    assert clinic.desk.planted(row=planted.row) == {"args": "not a literal(", "repeats": 0}
    assert clinic.supervisor.readyz()["alarms"] == [
        "1 schedule rows are not ours: delete them from django_q_schedule."
    ]


@pytest.mark.req("R-16")
def test_a_worker_killed_with_all_its_processes_is_replaced(clinic):
    worker = clinic.watchman()
    os.killpg(worker, signal.SIGKILL)
    message = clinic.tells(clinic.ana)
    eventually(lambda: clinic.has_sent(message))
    assert clinic.watchman() != worker


@pytest.mark.req("R-16")
def test_a_worker_that_is_alive_but_frozen_is_replaced(clinic):
    worker = clinic.watchman()
    os.killpg(worker, signal.SIGSTOP)
    message = clinic.tells(clinic.ana)
    eventually(lambda: clinic.supervisor.readyz().get("status") == "red")
    assert "for a worker: restart the worker." in clinic.supervisor.readyz()["problems"][0]
    eventually(lambda: clinic.has_sent(message))
    assert clinic.watchman() != worker
    assert "The worker is being restarted: /readyz has been red" in clinic.supervisor.said()


@pytest.mark.req("R-16")
def test_a_worker_that_lost_its_queue_still_stops_when_asked(clinic):
    """Its cluster waits for the dead for ever; who asks is not kept waiting."""
    started = len(clinic.site.log("worker"))
    eventually(lambda: clinic.supervisor.readyz().get("status") == "ok")
    before = eventually(clinic.supervisor.cluster)
    signal_all(signal.SIGKILL, *before.workers)
    eventually(lambda: is_whole_again(clinic, before), seconds=10)
    signal_all(signal.SIGTERM, before.watchman)
    eventually(lambda: not is_running(pid=before.watchman), seconds=12)
    assert "The cluster does not stop" in clinic.site.log("worker")[started:]


@pytest.mark.req("R-16")
def test_at_the_end_all_is_well(clinic):
    told = eventually(lambda: told if (told := clinic.supervisor.readyz())["status"] == "ok" else 0)
    assert told["problems"] == []

"""How long delivery stops when the worker is hurt, with the waits as shipped. By hand:

python -m tests.rig.wedges                 # on SQLite; DATABASE_URL=postgres://... on PostgreSQL
python -m tests.rig.wedges frozen idle     # some of it
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.browser.desk import Desk
from tests.rig.live import live_site
from tests.rig.supervised import Supervisor, children_of, signal_all, supervised

LONGEST = 300.0  # seconds, after which a case has failed
LEFT = ("accepted", "delivered")


class Case:
    """A site of its own, as shipped, with one patient."""

    def __init__(self, *, supervisor: Supervisor, desk: Desk) -> None:
        self.supervisor, self.desk = supervisor, desk
        self.ana = self.admit("ana@example.com")
        until(lambda: supervisor.cluster() and supervisor.readyz().get("status") == "ok")

    def admit(self, email: str) -> str:
        patient = self.desk.admit(email=email, first_name="Pat")
        self.desk.give_email(patient_id=patient, address=email)
        return patient

    def tell(self, patient: str) -> str:
        return self.desk.tell(patient_id=patient, texts=["Please call us."])[0]

    def status(self, message: str) -> str:
        return self.desk.email_status(notification_id=message)

    def delivery(self) -> float:
        """Seconds until a message that is made now has left."""
        message = self.tell(self.ana)
        return until(lambda: self.status(message) in LEFT)

    def tick(self) -> float:
        """Seconds until a tick begins that had not begun before now."""
        begun = time.monotonic()
        return until(lambda: self._clock_age() < time.monotonic() - begun)

    def _clock_age(self) -> float:
        beats = self.supervisor.readyz().get("heartbeats") or {}
        return beats.get("clock") or LONGEST


def until(holds: Callable[[], object]) -> float:
    """The seconds until something holds. Raises TimeoutError when it never does."""
    begun = time.monotonic()
    while not holds():
        if time.monotonic() - begun > LONGEST:
            raise TimeoutError(f"not within {LONGEST:.0f} s")
        time.sleep(0.2)
    return time.monotonic() - begun


def idle(case: Case) -> dict[str, float]:
    """Both idle workers killed: the queue's lock dies with the one that waits in it."""
    signal_all(signal.SIGKILL, *case.supervisor.cluster().workers)
    time.sleep(2)
    return {"a message": case.delivery()}


def one_by_one(case: Case) -> dict[str, float]:
    """One idle worker killed at a time. The one that waits with the lock changes with each task:
    if it was not the first, it is the newest once the other has taken a task.
    """
    cluster = case.supervisor.cluster()
    signal_all(signal.SIGKILL, cluster.workers[0])
    time.sleep(2)
    figures = {"a message after one kill": case.delivery()}
    if case.supervisor.cluster().watchman == cluster.watchman:
        signal_all(signal.SIGKILL, children_of(cluster.sentinel)[-1])
        time.sleep(2)
        figures["after the next one's"] = case.delivery()
    return figures


def deadly(case: Case) -> dict[str, float]:
    """A message whose carrier kills the worker in the middle of the call."""
    message = case.tell(case.admit("kills@example.com"))
    until(lambda: Path(os.environ["KILLED"]).exists())
    others = case.delivery()
    settled = until(lambda: case.status(message) == "unknown")
    return {"another message": others, "the deadly one is unknown": others + settled}


def planted(case: Case) -> dict[str, float]:
    """A schedule that cannot be read, due before ours."""
    case.desk.plant()
    return {"a tick": case.tick()}


def killed(case: Case) -> dict[str, float]:
    """The worker killed with all its processes."""
    os.killpg(case.supervisor.cluster().watchman, signal.SIGKILL)
    return {"a message": case.delivery()}


def beheaded(case: Case) -> dict[str, float]:
    """The cluster's first process killed; its workers and the one that fetches go on."""
    os.kill(case.supervisor.cluster().sentinel, signal.SIGKILL)
    return {"a tick": case.tick()}


def headless(case: Case) -> dict[str, float]:
    """The cluster's first process stopped, right after a tick: messages leave, no minute passes."""
    case.tick()
    os.kill(case.supervisor.cluster().sentinel, signal.SIGSTOP)
    return {"a message": case.delivery(), "a tick": case.tick()}


def frozen(case: Case) -> dict[str, float]:
    """The worker with all its processes stopped: alive, and deaf."""
    os.killpg(case.supervisor.cluster().watchman, signal.SIGSTOP)
    return {"a message": case.delivery()}


def silent(case: Case) -> dict[str, float]:
    """The same, and no message comes: only the clock tells, of which a planned one waits."""
    case.tick()
    os.killpg(case.supervisor.cluster().watchman, signal.SIGSTOP)
    return {"a tick": case.tick()}


def both(case: Case) -> dict[str, float]:
    """Worker and web stopped together: nobody is there to ask."""
    os.killpg(case.supervisor.cluster().watchman, signal.SIGSTOP)
    os.killpg(case.supervisor.child(word="daphne"), signal.SIGSTOP)
    return {"a message": case.delivery()}


CASES = (idle, one_by_one, deadly, planted, killed, beheaded, headless, frozen, silent, both)


def main(*, names: list[str]) -> None:
    """Run the cases named, or all, each on a site of its own, and print its figures."""
    for run in CASES:
        if not names or run.__name__ in names:
            figures = measured(run)
            told = ", ".join(f"{what} after {seconds:.0f} s" for what, seconds in figures.items())
            print(f"{time.strftime('%H:%M:%S')} {run.__name__:<11} {told}", flush=True)


def measured(run: Callable[[Case], dict[str, float]]) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="dentamind-wedge-") as folder:
        os.environ["KILLED"] = str(Path(folder) / "killed")
        with live_site(EMAIL_BACKEND="tests.killing.Mails") as site, supervised(site) as supervisor:
            desk = Desk(site, work="tests.wedgework")
            try:
                return run(Case(supervisor=supervisor, desk=desk))
            finally:
                desk.close()


if __name__ == "__main__":
    main(names=sys.argv[1:])

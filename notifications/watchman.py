"""The queue's cluster and who watches over it: what `manage.py worker` runs.

The library's cluster can live on and do nothing: a worker killed while it holds the lock of the
cluster's inner queue takes it to the grave, and one schedule that cannot be read stops them all. So
the process that starts the cluster looks every few seconds, disarms, and, when no worker stirs,
ends itself with all its processes. Whoever runs it starts it again: `dentamind.supervisor`, or
systemd with `Restart=always`. To systemd it also says that it lives, for the case that it hangs
itself (`WatchdogSec`).
"""

import logging
import os
import signal
import socket
from typing import Any, NoReturn

from django.conf import settings
from django.db import Error, close_old_connections, connections

from notifications import clock, health, heartbeats, queue

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
NAP_SECONDS = 0.2  # in which a signal to stop is noticed
STOP_SECONDS = 8  # for a friendly end; a wedged cluster knows none. Supervisors wait longer
SETTLE_SECONDS = 45.0  # in which the first tick must have begun; it is queued before the start


class Watchman:
    """One cluster, from its start to its end."""

    def __init__(self) -> None:
        self.began = clock.real_now()
        self.is_stopping = False
        self.is_blind = False  # the database does not answer

    def run(self) -> None:
        """Prepare the queue, start the cluster, watch it; return when asked to stop.

        Raises django.db.Error when the database does not answer at the start. Ends the whole
        process group by SIGKILL when the cluster does no work, or does not stop.
        """
        lead_a_group()
        queue.prepare()
        connections.close_all()  # the cluster's processes are forks and must not share them
        cluster = queue.new_cluster()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        cluster.start()
        self._watch(cluster)
        self._stop(cluster)

    def _on_signal(self, number: int, frame: object) -> None:
        self.is_stopping = True

    def _watch(self, cluster: Any) -> None:
        """Look, and nap, until asked to stop."""
        naps = round(LOOK_SECONDS / NAP_SECONDS)
        while not self.is_stopping:
            for _ in range(naps):
                cluster.sentinel.join(timeout=NAP_SECONDS)
                if self.is_stopping:
                    return
                if not cluster.sentinel.is_alive():
                    end_by_force("The cluster's first process is gone.")
            if problems := self._look():
                end_by_force(" ".join(problems))
            tell_systemd()

    def _look(self) -> list[str]:
        """Disarm what is not ours; return what a new worker would mend."""
        close_old_connections()
        try:
            queue.disarm()
            problems = health.worker_problems(heartbeats.ages()) if self._is_settled() else []
        except Error as fault:
            if not self.is_blind:
                logger.error("the queue could not be looked at: %s", type(fault).__name__)
            self.is_blind = True
            connections.close_all()
            return []
        if self.is_blind:  # the database is back: the clock has to catch up
            self.is_blind, self.began = False, clock.real_now()
            return []
        return problems

    def _is_settled(self) -> bool:
        """Whether a tick has begun since we did, or had its time to."""
        tick = heartbeats.last(heartbeats.CLOCK)
        age = (clock.real_now() - self.began).total_seconds()
        return age > SETTLE_SECONDS or (tick is not None and tick >= self.began)

    def _stop(self, cluster: Any) -> None:
        """Let the cluster finish what it does; one that hangs is ended by force."""
        signal.signal(signal.SIGALRM, lambda *_: end_by_force("The cluster does not stop."))
        signal.alarm(STOP_SECONDS)
        cluster.stop_event.set()
        cluster.sentinel.join()
        signal.alarm(0)


def lead_a_group() -> None:
    """Be the first of a process group, as a child of a supervisor or of a shell already is."""
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)


def tell_systemd() -> None:
    """Say to systemd, if it started us, that we live: a datagram, as sd_notify(3) describes it."""
    address = settings.NOTIFY_SOCKET
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.connect(f"\0{address[1:]}" if address.startswith("@") else address)
            line.sendall(b"WATCHDOG=1")
    except OSError as fault:
        logger.error("systemd could not be told that the worker lives: %s", fault.strerror)


def end_by_force(why: str) -> NoReturn:
    """Say why, then kill every process of this group, this one included."""
    logger.error("%s So the worker ends, to be started again.", why)
    os.killpg(0, signal.SIGKILL)
    raise AssertionError("unreachable")

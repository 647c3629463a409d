"""`manage.py run_due`: do now what the clock does each minute; with --watch, every second."""

import json
import logging
import signal
import time
import traceback
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError, connections

from notifications import scheduler
from notifications.enums import PatientNotificationChannel
from notifications.management.moments import moment_of

logger = logging.getLogger(__name__)

PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between looks, and between looks that fail
MOST_DOUBLINGS = 6


class Command(BaseCommand):
    help = "Make what is planned and deliver what is due. Safe to run twice, or beside a worker."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--now", metavar="ISO", help="pretend it is this moment, with its zone")
        parser.add_argument("--watch", action="store_true", help="look every second until stopped")
        parser.add_argument("--json", action="store_true", help="print one line of JSON a run")

    def handle(self, *args: Any, **options: Any) -> None:
        moment = self._moment(options["now"])
        if not options["watch"]:
            self._run(moment, as_json=options["json"])
            return
        if moment is not None:
            raise CommandError("--watch follows the real clock: leave --now out")
        self._watch(as_json=options["json"])

    def _moment(self, text: str | None) -> datetime | None:
        moment = moment_of(text, option="--now")
        real = _real_carriers() if moment else []
        if real:
            raise CommandError(
                f"--now is for rehearsals: {', '.join(real)} would really go out. "
                "Use the outbox providers, or leave --now out"
            )
        return moment

    def _run(self, moment, *, as_json: bool) -> None:
        report = _all_due(moment)
        if moment is None:
            scheduler.finish_tick()
        if as_json:
            self.stdout.write(json.dumps({"plans": report.plans, "deliveries": report.deliveries}))
        else:
            self.stdout.write(_in_words(report))

    def _watch(self, *, as_json: bool) -> None:
        self.stdout.write("Looking every second. Ctrl-C stops.")
        stopped: list[int] = []
        # Both by name: a program started in the background is born deaf to Ctrl-C.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _frame: stopped.append(number))
        failures = 0
        while not stopped:
            failures = 0 if self._look() else failures + 1
            until = time.monotonic() + pause_after(failures)
            while not stopped and time.monotonic() < until:  # a signal does not shorten a sleep
                time.sleep(PAUSE)
        self.stdout.write("Stopped.")

    def _look(self) -> bool:
        """Do what is due and say what; return False, after a line about it, where that failed."""
        try:
            report = scheduler.notification_scheduler_service.run_due()
            scheduler.finish_tick()
        except (OperationalError, InterfaceError) as fault:
            self._failed(fault, "The database does not answer")
        except Exception as fault:  # whoever watches must not end at night for one row's sake
            # Where, and not the fault's own words: a database quotes the row in them.
            where = "".join(traceback.format_tb(fault.__traceback__))
            logger.error("a look failed: %s\n%s", type(fault).__name__, where)
            self._failed(fault, "A look failed")
        else:
            if report.total:
                self.stdout.write(_in_words(report))
            return True
        return False

    def _failed(self, fault: Exception, what: str) -> None:
        connections.close_all()  # a broken one would stay broken
        self.stderr.write(f"{what} ({type(fault).__name__}). Looking again, after growing pauses.")


def pause_after(failures: int) -> float:
    """Return the seconds until the next look after so many failures in a row."""
    return min(LONGEST_PAUSE, PAUSE * 2 ** min(failures, MOST_DOUBLINGS))


def _all_due(moment: datetime | None) -> scheduler.TickReport:
    """Run until a run finds nothing more to do: each is bounded, as the clock's must be."""
    report = scheduler.TickReport()
    while (more := scheduler.notification_scheduler_service.run_due(now=moment)).total:
        report.add(more)
    return report


def _real_carriers() -> list[str]:
    """Return the channels whose messages would leave this machine."""
    channels = [cls() for cls in PatientNotificationChannel.classes()]
    return [each.key for each in channels if each.is_configured() and not each.is_rehearsal()]


def _in_words(report: scheduler.TickReport) -> str:
    plans = ", ".join(f"{count} {status}" for status, count in sorted(report.plans.items()))
    moved = ", ".join(f"{count} {status}" for status, count in sorted(report.deliveries.items()))
    return f"Plans: {plans or 'none due'}. Deliveries: {moved or 'none due'}."

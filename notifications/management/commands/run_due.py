"""`manage.py run_due`: do now what the clock does each minute; with --watch, every second."""

import json
import signal
import time
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from notifications import scheduler
from notifications.enums import PatientNotificationChannel
from notifications.management.moments import moment_of

PAUSE = 1.0  # seconds between looks


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
        while not stopped:
            report = scheduler.notification_scheduler_service.run_due()
            scheduler.finish_tick()
            if report.total:
                self.stdout.write(_in_words(report))
            time.sleep(PAUSE)
        self.stdout.write("Stopped.")


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

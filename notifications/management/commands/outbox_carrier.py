"""`manage.py outbox_carrier`: report on what is in the outbox, as carriers would, until stopped."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from notifications.providers.outbox_carrier import Carrier, post_here, why_not

PAUSE = 0.25  # seconds between looks


class Command(BaseCommand):
    help = "Stand in for the carriers in development: post signed receipts to this machine."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--stand-by",
            action="store_true",
            help="where it has nothing to do, wait to be stopped instead of ending with an error",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        stopped = threading.Event()
        # Both by name: a program started in the background is born deaf to Ctrl-C.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: stopped.set())
        reason = why_not()
        if not reason:
            self._say("Reporting on what is in the outbox. Ctrl-C stops.")
            self._carry(stopped)
        elif options["stand_by"]:
            self._say(f"Nothing to do. {reason}")
            stopped.wait()
        else:
            raise CommandError(reason)
        self.stdout.write("Stopped.")

    def _say(self, words: str) -> None:
        """Write at once, also into a log, which would keep it back until the end."""
        self.stdout.write(words)
        self.stdout.flush()

    def _carry(self, stopped: threading.Event) -> None:
        carrier = Carrier(post=post_here)
        while not stopped.is_set():
            carrier.look()
            stopped.wait(PAUSE)

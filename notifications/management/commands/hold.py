"""`manage.py hold`: let nothing leave until `manage.py release`; patients' inboxes go on."""

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive

from notifications import switches

ACTOR = "system:hold"


class Command(BaseCommand):
    help = (
        "Hold every e-mail, text and push until `manage.py release`. With --restored, as after a "
        "backup was put back: what was due since then may have been sent, and is asked about."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--why", default="held by command", help="shown to staff")
        parser.add_argument(
            "--restored",
            metavar="ISO",
            help="when the backup was made, with its zone, such as 2026-11-24T03:00-05:00",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        moment = _moment(options["restored"])
        if not switches.hold(actor=ACTOR, why=options["why"], restored_from=moment):
            since = switches.read().held_since()
            raise CommandError(f"Everything is held already, since {since:%Y-%m-%d %H:%M} UTC.")
        self.stdout.write("Nothing leaves until `manage.py release`. Inboxes go on as usual.")


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or is_naive(moment):
        raise CommandError(
            f"--restored {text!r} is not a moment with its zone; write 2026-11-24T03:00-05:00"
        )
    return moment

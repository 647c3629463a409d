"""`manage.py hold`: let nothing leave until `manage.py release`; patients' inboxes go on."""

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from notifications import clock, switches, watermark
from notifications.management.moments import EXAMPLE, moment_of

ACTOR = "system:hold"
BEFORE_RELEASE = (
    "Before that, enter again what was changed here after the backup, in the portal or at the "
    "desk: withdrawals, settings, addresses, visits. STOPs by text are fetched from the carrier."
)


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
            help=f"when the backup was made, with its zone, such as {EXAMPLE}",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        moment = _made_at(options["restored"])
        if not switches.hold(actor=ACTOR, why=options["why"], restored_from=moment):
            since = switches.read().held_since()
            raise CommandError(f"Everything is held already, since {since:%Y-%m-%d %H:%M} UTC.")
        self.stdout.write(
            "Nothing leaves until `manage.py release`, codes for new addresses neither. Inboxes go "
            "on as usual, and who texts us is still answered."
        )
        if moment is not None:
            self.stdout.write(BEFORE_RELEASE)


def _made_at(text: str | None) -> datetime | None:
    """Return when the backup was made, as it was said and the database knows."""
    moment = moment_of(text, option="--restored")
    if moment is None:
        return None
    if moment > clock.now():
        raise CommandError(
            f"--restored {text!r} has not come yet: write when the backup was made, and look at "
            "the time zone."
        )
    return watermark.made_at(said=moment)

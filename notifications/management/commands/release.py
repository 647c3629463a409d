"""`manage.py release`: let go of what is held; after a backup, ask the carriers first."""

from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from notifications import switches
from notifications.enums import DeliveryStatus
from notifications.holding import Released, release
from notifications.types import ChannelError, NotSupported

ACTOR = "system:release"
BY_HAND = (
    "what patients wrote since the backup, so all stays held. Try again, or look at the texts "
    "that came in since on the carrier's own pages, withdraw the consent of whoever wrote STOP at "
    "their address in the admin, and run `manage.py release --without-replies`."
)
LOST = (
    "What patients or the desk changed here after the backup is gone: withdrawals, settings, "
    "addresses, visits. Enter again what you know of."
)


class Command(BaseCommand):
    help = (
        "End the hold. After a backup was put back, what may have been sent since is asked about; "
        "only what is unsent and still in time goes. Safe to run again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--without-replies",
            action="store_true",
            help="do not ask what patients texted since the backup: you have looked by hand",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        released = _release(without_replies=options["without_replies"])
        if released is None and switches.read().is_held:
            raise CommandError("All was held once more meanwhile: look why, and release again.")
        if released is None:
            self.stdout.write("Nothing is held.")
            return
        self.stdout.write("\n".join(_lines(released)))


def _release(*, without_replies: bool) -> Released | None:
    try:
        return release(actor=ACTOR, without_replies=without_replies)
    except NotSupported:
        raise CommandError(f"The carrier of texts cannot list {BY_HAND}") from None
    except ChannelError as fault:
        raise CommandError(f"The carrier of texts did not list ({fault.code}) {BY_HAND}") from None


def _lines(released: Released) -> Iterator[str]:
    yield f"Released what was held since {released.held_since:%Y-%m-%d %H:%M} UTC."
    if released.restored_from is None:
        return
    yield f"{released.heard} texts that patients wrote since the backup are taken in."
    yield LOST
    asked = released.doubted.get(DeliveryStatus.UNKNOWN, 0)
    ended = sum(released.doubted.values()) - asked
    yield (
        f"{asked} messages may have been sent since the backup of "
        f"{released.restored_from:%Y-%m-%d %H:%M} UTC: their carriers are asked first."
    )
    if ended:
        yield f"{ended} were too late or are not wanted any more, and do not go."
    if asked:
        yield "Those no carrier can tell of wait for a person: Deliveries in the admin."

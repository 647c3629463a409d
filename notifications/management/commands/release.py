"""`manage.py release`: let go of what is held; after a backup, ask the carriers first."""

from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from notifications import switches
from notifications.enums import DeliveryStatus
from notifications.holding import Released, release

ACTOR = "system:release"


class Command(BaseCommand):
    help = (
        "End the hold. After a backup was put back, what may have been sent since is asked about; "
        "only what is unsent and still in time goes. Safe to run again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        released = release(actor=ACTOR)
        if released is None and switches.read().is_held:
            raise CommandError("All was held once more meanwhile: look why, and release again.")
        if released is None:
            self.stdout.write("Nothing is held.")
            return
        self.stdout.write("\n".join(_lines(released)))


def _lines(released: Released) -> Iterator[str]:
    yield f"Released what was held since {released.held_since:%Y-%m-%d %H:%M} UTC."
    if released.restored_from is None:
        return
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

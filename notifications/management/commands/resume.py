"""`manage.py resume CHANNEL`: let a channel send again that is paused, or whose carrier rests."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from notifications import delivery, switches
from notifications.enums import PatientNotificationChannel
from notifications.models import Switch

ACTOR = "system:resume"


class Command(BaseCommand):
    help = (
        "Let a channel send again that was paused for its wrong set-up, once that is mended, or "
        "whose carrier is left alone for longer than it should be."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("channel", help="such as sms")

    def handle(self, *args: Any, **options: Any) -> None:
        channel = options["channel"]
        if channel not in PatientNotificationChannel:
            known = ", ".join(PatientNotificationChannel.values)
            raise CommandError(f"There is no channel {channel!r}. There are {known}.")
        before = switches.resume(channel=channel, actor=ACTOR)
        if before is None:
            self.stdout.write(f"Nothing keeps the channel {channel} back.")
            return
        delivery.wake_after_commit()
        self.stdout.write(f"The channel {channel} {_stood(before)}.")
        self.stdout.write(f"The channel {channel} sends again, what waited first.")


def _stood(switch: Switch) -> str:
    if switch.off_at is not None:
        return f"was paused since {switch.off_at:%Y-%m-%d %H:%M} UTC ({switch.why})"
    if switch.rests_until is None:
        return "was to be tried with one message"
    return f"was left alone until {switch.rests_until:%Y-%m-%d %H:%M} UTC"

"""`manage.py resume CHANNEL`: let a paused channel send again, once its set-up is mended."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from notifications import delivery, switches
from notifications.enums import PatientNotificationChannel

ACTOR = "system:resume"


class Command(BaseCommand):
    help = "Let a channel that was paused for its wrong set-up send again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("channel", help="such as sms")

    def handle(self, *args: Any, **options: Any) -> None:
        channel = options["channel"]
        if channel not in PatientNotificationChannel:
            known = ", ".join(PatientNotificationChannel.values)
            raise CommandError(f"There is no channel {channel!r}. There are {known}.")
        if not switches.resume(channel=channel, actor=ACTOR):
            self.stdout.write(f"The channel {channel} is not paused.")
            return
        delivery.wake_after_commit()
        self.stdout.write(f"The channel {channel} sends again, what waited first.")

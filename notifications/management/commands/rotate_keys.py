"""`manage.py rotate_keys`: after a new master key was put in front of the old."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from notifications import crypto


class Command(BaseCommand):
    help = "Bring what older master keys protect under the newest, so that they can be removed."

    def handle(self, **options: Any) -> None:
        try:
            moved = crypto.rotate()
        except crypto.SealBroken as error:
            raise CommandError(f"{error}. Put the missing key back and run this again.") from error
        newest = next(iter(crypto.master_keys()))
        self.stdout.write(f"{moved} rows are under master key {newest}: older keys can go.")

"""`manage.py worker`: deliver, and keep the clock. What supervisors run; stop it with SIGTERM."""

from typing import Any

from django.core.management.base import BaseCommand

from notifications.watchman import Watchman


class Command(BaseCommand):
    help = (
        "Run the queue's workers, and watch over them. It ends when they do no work: "
        "run it under something that starts it again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        Watchman().run()

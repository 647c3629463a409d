"""`manage.py flush`, which empties every table: the audit trail's too, as it says it will."""

from typing import Any

from django.core.management.commands.flush import Command as Flush

from notifications.audit import purging


class Command(Flush):
    def handle(self, **options: Any) -> None:
        with purging(using=options["database"]):
            super().handle(**options)

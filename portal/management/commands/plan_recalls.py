"""`manage.py plan_recalls`: plan the reminders that recalls in force still lack."""

from typing import Any

from django.core.management.base import BaseCommand

from portal.services import plan_recalls


class Command(BaseCommand):
    help = (
        "Plan the reminders that recalls in force lack, such as those entered before an upgrade. "
        "Who has a visit ahead is not asked; an overdue reminder goes once, at ten in the morning. "
        "Safe to run again, also after it was cut off."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        total, (new, last) = 0, plan_recalls()
        while last is not None:
            total += new
            new, last = plan_recalls(after=last)
        self.stdout.write(f"Planned: {total:,} reminders of recalls")

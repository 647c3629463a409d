"""`manage.py plan_appointments`: bring the plans of all visits in line with rules and hours."""

import json
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from portal.management.progress import progress
from portal.services.places import unfinished_visits
from portal.services.visit_calendar import Manner, Replanned, replan_all

ACTOR = "system:plan_appointments"
DONE = ("Added", "Set right", "Taken back")
REHEARSED = ("To add", "To set right", "To take back")


class Command(BaseCommand):
    help = (
        "Re-plan every visit that is not over and done with: add what its location's rules want, "
        "set right what changed, take back what they no longer want. What has been sent stays, "
        "nothing late goes where something follows, and a second run changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would change")
        parser.add_argument("--json", action="store_true", help="print one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        visits = unfinished_visits()
        manner = Manner(actor=ACTOR, is_change=True, is_rehearsal=options["dry_run"])
        with progress(self.stderr.write, total=visits.count(), quiet=options["json"]) as advance:
            done = replan_all(visits, manner, on_progress=advance)
        if options["json"]:
            said = {**vars(done), "written": not options["dry_run"]}
            self.stdout.write(json.dumps(said))
        else:
            self._tell(done, is_rehearsal=options["dry_run"])

    def _tell(self, done: Replanned, *, is_rehearsal: bool) -> None:
        self.stdout.write(f"Visits: {done.looked_at:,}; not as they should be: {done.changed:,}")
        verbs = REHEARSED if is_rehearsal else DONE
        plans = (done.added, done.corrected, done.withdrawn)
        for verb, counted in zip(verbs, plans, strict=True):
            self.stdout.write(f"{verb}: {_named(counted)}")
        if is_rehearsal:
            self.stdout.write("This was a dry run: nothing was written.")


def _named(plans: Counter[str]) -> str:
    """Return "3 (2-days 2, 7-days 1)"."""
    rules = ", ".join(f"{name} {count:,}" for name, count in sorted(plans.items()))
    return f"{plans.total():,}{f' ({rules})' * bool(rules)}"

"""`manage.py backfill_notifications`: plan the reminders that visits in the book still lack."""

import json
from datetime import date, datetime, time, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from notifications import clock
from portal.management.progress import progress
from portal.services.backfill import backfill, visits_ahead
from portal.services.visit_calendar import Replanned

MOST_DAYS = 3660  # ten years: further on there is no book


class Command(BaseCommand):
    help = (
        "Plan the reminders that upcoming visits lack by their location's rules, such as after a "
        "new rule. Tells nobody of old bookings, plans nothing stale, and is safe to run again, "
        "also after it was cut off."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--since", metavar="DAY", help="only visits booked from this day on (UTC), 2026-11-22"
        )
        parser.add_argument(
            "--days", type=int, metavar="N", help="only visits within the next N days"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be planned")
        parser.add_argument("--json", action="store_true", help="print one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        visits = visits_ahead(
            booked_since=_start_of(options["since"]), until=_end_of(options["days"])
        )
        with progress(self.stderr.write, total=visits.count(), quiet=options["json"]) as advance:
            done = backfill(visits, is_rehearsal=options["dry_run"], on_progress=advance)
        if options["json"]:
            self.stdout.write(json.dumps(_said(done, is_written=not options["dry_run"])))
        else:
            self._tell(done, is_rehearsal=options["dry_run"])

    def _tell(self, done: Replanned, *, is_rehearsal: bool) -> None:
        rules = ", ".join(f"{name} {count:,}" for name, count in sorted(done.added.items()))
        verb = "To plan" if is_rehearsal else "Planned"
        self.stdout.write(f"Visits ahead: {done.looked_at:,}; lacking a reminder: {done.changed:,}")
        self.stdout.write(f"{verb}: {done.added.total():,} reminders{f' ({rules})' * bool(rules)}")
        if done.at_once:
            self.stdout.write(f"Due already, so sent by the next run: {done.at_once:,}")
        if is_rehearsal:
            self.stdout.write("This was a dry run: nothing was written.")


def _said(done: Replanned, *, is_written: bool) -> dict[str, Any]:
    return {
        "looked_at": done.looked_at,
        "lacking": done.changed,
        "at_once": done.at_once,
        "plans": done.added,
        "written": is_written,
    }


def _start_of(text: str | None) -> datetime | None:
    """Return the start of a day in UTC. Raises CommandError for what is no day."""
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--since {text!r} is not a day; write 2026-11-22") from None
    return datetime.combine(day, time(), tzinfo=timezone.get_default_timezone())


def _end_of(days: int | None) -> datetime | None:
    if days is None:
        return None
    if not 0 < days <= MOST_DAYS:
        raise CommandError(f"--days is a number from 1 to {MOST_DAYS}")
    return clock.now() + timedelta(days=days)

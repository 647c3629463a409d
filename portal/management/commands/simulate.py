"""`manage.py simulate`: a whole clinic's month on a virtual clock, in a database of its own."""

import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime, time
from pathlib import Path
from time import monotonic
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from notifications import clock
from notifications.enums import Reason
from portal.management.simulation.month import Month, simulate

MOST_SECONDS = 3600
INSIDE = "DENTAMIND_SIMULATION"  # set in the process that plays
CARRIERS = ("_PROVIDER", "EMAIL_BACKEND")  # without these settings, outboxes


class Command(BaseCommand):
    help = (
        "Play a clinic's month on a virtual clock and print what was sent, held and skipped, and "
        "why. In a database of its own that is thrown away; nothing leaves this machine."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=30)
        parser.add_argument("--patients", type=int, default=500)
        parser.add_argument("--seed", type=int, default=7, help="another number, another month")
        parser.add_argument(
            "--from", dest="begins", metavar="ISO", help="with its zone; default now"
        )
        parser.add_argument("--json", action="store_true", help="print JSON alone")

    def handle(self, **options: Any) -> None:
        if min(options["days"], options["patients"]) < 1:
            raise CommandError("--days and --patients begin at 1.")
        begins = _midnight_of(options["begins"])
        if os.environ.get(INSIDE) != "1":
            sys.exit(_in_a_database_of_its_own(options, begins))
        call_command("migrate", verbosity=0)
        begun = monotonic()
        month = simulate(
            days=options["days"],
            patients=options["patients"],
            seed=options["seed"],
            begins_at=begins,
            progress=self._progress(quiet=options["json"]),
        )
        self._say(month, seconds=monotonic() - begun, as_json=options["json"])

    def _progress(self, *, quiet: bool):
        """Return what tells, on a terminal's second stream, how far the month has come."""
        days: set[str] = set()

        def said(moment: datetime) -> None:
            day = f"{moment:%a %d %b}"
            if day not in days and not quiet:
                days.add(day)
                self.stderr.write(f"{day} ...")
                self.stderr.flush()

        return said

    def _say(self, month: Month, *, seconds: float, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({**month.as_dict(), "seconds": round(seconds, 1)}))
            return
        self.stdout.write(_in_words(month, seconds=seconds))


def _midnight_of(text: str | None) -> datetime:
    """Return the beginning of a day (UTC, aware); of today without one. Raises CommandError."""
    try:
        day = date.fromisoformat(text) if text else clock.now().date()
    except ValueError:
        raise CommandError(f"--from {text!r} is not a day; write 2026-11-01") from None
    return datetime.combine(day, time(), tzinfo=UTC)


def _in_a_database_of_its_own(options: dict[str, Any], begins: datetime) -> int:
    """Run this command again in a process that can reach neither patients nor carriers."""
    given = [f"--{name}={options[name]}" for name in ("days", "patients", "seed")]
    given += [f"--from={begins:%F}", *(["--json"] if options["json"] else [])]
    with tempfile.TemporaryDirectory(prefix="simulation-") as folder:
        surroundings = {
            **{name: text for name, text in os.environ.items() if not name.endswith(CARRIERS)},
            INSIDE: "1",
            "DENTAMIND_ENV_FILE": os.devnull,
            "DATABASE_URL": f"sqlite:///{Path(folder) / 'clinic.sqlite3'}",
            "REDIS_URL": "",
            "NOTIFICATIONS_WATERMARK": "",
        }
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "simulate", *given]
        return subprocess.run(
            command, env=surroundings, timeout=MOST_SECONDS, check=False
        ).returncode


def _in_words(month: Month, *, seconds: float) -> str:
    lines = [
        f"{month.days} days, {month.patients} patients, seed {month.seed}: "
        f"{month.messages} messages in {seconds:.0f} s.",
        "",
        "What became of what leaves the portal",
        *_table(month.by_status),
        "",
        "Why not, or not at once",
        *_table(
            {
                Reason(code).label.split("%")[0].strip(" ("): by
                for code, by in month.by_reason.items()
            }
        ),
        "",
        "What must never happen",
        *[f"  {kind.replace('_', ' '):<20}{count:>7}" for kind, count in month.violations.items()],
        *[f"    {example}" for example in month.examples],
    ]
    return "\n".join(lines)


def _table(rows: dict[str, dict[str, int]]) -> list[str]:
    channels = sorted({channel for counts in rows.values() for channel in counts})
    head = f"  {'':<44}" + "".join(f"{channel:>8}" for channel in channels)
    ordered = sorted(rows.items(), key=lambda each: -sum(each[1].values()))
    return [
        head,
        *(
            f"  {name[:43]:<44}" + "".join(f"{counts.get(each, 0):>8}" for each in channels)
            for name, counts in ordered
        ),
    ]

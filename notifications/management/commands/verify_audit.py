"""`manage.py verify_audit`: is the audit trail as it was written?"""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from notifications import audit
from notifications.models import AuditEvent, AuditSeal


class Command(BaseCommand):
    help = "Check every row and seal of the audit trail; exit 1 and name what is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="answer as one JSON object")
        parser.add_argument(
            "--anchor", default="", help="NUMBER:MAC from the log: that seal must be unchanged"
        )

    def handle(self, **options: Any) -> None:
        problems = audit.verify(anchor=options["anchor"])
        counts = {"events": AuditEvent.objects.count(), "seals": AuditSeal.objects.count()}
        if options["json"]:
            self.stdout.write(json.dumps({"ok": not problems, **counts, "problems": problems}))
        else:
            self.stdout.write("".join(f"{problem}\n" for problem in problems), ending="")
        if problems:
            raise CommandError(f"The audit trail is not whole. Problems: {len(problems)}.")
        if not options["json"]:
            self.stdout.write(
                f"The audit trail is whole. Events: {counts['events']}, seals: {counts['seals']}."
            )

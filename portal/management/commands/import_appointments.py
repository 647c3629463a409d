"""`manage.py import_appointments FILE --source NAME`: bring in a practice's own appointments."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import Progress

from portal.importers.check import FORMATS, SOURCE, Checked, check
from portal.importers.records import NotReadable, Problem
from portal.importers.report import Report
from portal.importers.run import write

MANY = 20  # moves and cancellations that go without a second look
FILE_IS_WRONG, ASKS_FOR_YES = 1, 3


class Command(BaseCommand):
    help = (
        "Import patients and appointments from a FHIR R4 file or the CSV of docs/imports.md. "
        "The file is checked whole before anything is written. Exit codes: 0 done, 1 the file is "
        "wrong, 3 it asks for --yes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument("--source", required=True, help="the system whose ids these are")
        parser.add_argument("--format", choices=sorted(FORMATS), help="else told from the file")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done")
        parser.add_argument(
            "--skip-invalid", action="store_true", help="import the good entries, list the bad"
        )
        parser.add_argument(
            "--yes", action="store_true", help=f"allow more than {MANY} moves and cancellations"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        path, source = options["file"], options["source"]
        if not SOURCE.fullmatch(source):
            raise CommandError(
                "--source is a letter and up to 63 lower-case letters, digits, . - and _"
            )
        data = self._read(path)
        try:
            checked = check(source=source, data=data, format=options["format"] or _format_of(data))
        except NotReadable as error:
            self._refuse(path, [error.problem], options)
        if checked.report.problems and not options["skip_invalid"]:
            self._refuse(path, checked.report.problems, options)
        self._ask_if_many(checked, options)
        report = checked.report if options["dry_run"] else self._write(checked, options)
        self._tell(path, report, options)

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise CommandError(f"{path}: cannot be read: {error.strerror}") from None

    def _refuse(self, path: Path, problems: Iterable[Problem], options: dict[str, Any]) -> None:
        """List what is wrong, a line each, and stop. Nothing has been written."""
        problems = list(problems)
        if options["json"]:
            listed = [{"where": p.where, "field": p.field, "message": p.message} for p in problems]
            self.stdout.write(json.dumps({"written": False, "problems": listed}, indent=2))
        else:
            self._list(path, problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise CommandError(f"{count}; nothing was written.", returncode=FILE_IS_WRONG)

    def _list(self, path: Path, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self.stderr.write(f"{path.name}: {problem}", self.style.NOTICE)

    def _ask_if_many(self, checked: Checked, options: dict[str, Any]) -> None:
        if checked.risky.total() <= MANY or options["yes"] or options["dry_run"]:
            return
        counts = " and ".join(f"{count} {name}" for name, count in sorted(checked.risky.items()))
        raise CommandError(
            f"This file has {counts}, and each of these patients would be told. "
            "If that is right, run it again with --yes. Nothing was written.",
            returncode=ASKS_FOR_YES,
        )

    def _write(self, checked: Checked, options: dict[str, Any]) -> Report:
        with _progress(total=len(checked.batch.people), quiet=options["json"]) as advance:
            return write(checked, on_progress=advance)

    def _tell(self, path: Path, report: Report, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(), indent=2))
            return
        self._list(path, report.problems)
        for line in report.lines():
            self.stdout.write(line)


def _format_of(data: bytes) -> str:
    """Return "fhir" for what looks like JSON, else "csv"."""
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return "fhir" if start in (b"{", b"[") else "csv"


@contextmanager
def _progress(*, total: int, quiet: bool) -> Iterator[Any]:
    """Show a bar on a terminal, and nothing anywhere else."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda count: None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("Patients", total=total)
        yield lambda count: bar.advance(task, count)

"""`make faults`: every pass, side by side; goes on where it was interrupted.

Results are kept in var/faults/ until all are there. Then the table is printed, bench/faults.json
is written, and the exit code is 1 if anything was lost, sent twice, sent late, said wrongly, or
recovered too late.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dentamind.warden import Warden
from tests.faults.results import (
    PACES,
    SHIPPED,
    SHORT,
    WATCHED,
    Row,
    as_text,
    complaints,
    read,
    rows,
)
from tests.faults.windows import SCENARIOS, SPECS
from tests.rig.processes import ROOT, end

FOLDER, BENCH = ROOT / "var" / "faults", ROOT / "bench" / "faults.json"
LONGEST_SECONDS = 2 * 60 * 60.0
SHIPPED_RUNS, PARTS = 3, 3
FEWER_ON_SQLITE = 10  # times fewer: it has one writer at a time


@dataclass(frozen=True, kw_only=True)
class Pass:
    """Rows on one database at one pace; every row, unless some are named."""

    database: str
    pace: str
    runs: int
    rows: tuple[str, ...] = ()
    part: int = 0  # of several side by side

    @property
    def results(self) -> Path:
        part = f"-{self.part}" if self.part else ""
        return FOLDER / f"{self.database}-{self.pace.replace(' ', '-')}{part}.jsonl"

    @property
    def finished(self) -> Path:
        """There once the pass has come to its end."""
        return self.results.with_suffix(".finished")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):  # so that what was started is ended
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    if options.write_docs:
        from tests.faults.page import write

        write(json.loads(BENCH.read_text()))
        return 0
    if options.fresh:
        shutil.rmtree(FOLDER, ignore_errors=True)
    passes = _passes(options)
    try:
        code = run(passes, only=options.only)
    except KeyboardInterrupt:
        print("\nInterrupted; the same command goes on from here.", flush=True)
        return 130
    return code or report([] if options.only else passes)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="a window, on PostgreSQL")
    parser.add_argument("--database", choices=("postgresql", "sqlite"), help="both if left out")
    parser.add_argument("--pace", choices=PACES, help="all if left out")
    parser.add_argument("--only", default="", help="rows, by name, separated by semicolons")
    parser.add_argument("--fresh", action="store_true", help="forget what was found so far")
    parser.add_argument("--write-docs", action="store_true", help="put the last table into docs")
    return parser.parse_args(arguments)


def _passes(options: argparse.Namespace) -> list[Pass]:
    """Return what is to be run. All run side by side: as shipped, most is waiting."""
    fewer, few = max(1, options.runs // FEWER_ON_SQLITE), min(SHIPPED_RUNS, options.runs)
    runs = {("postgresql", SHORT): options.runs, ("sqlite", SHORT): fewer}
    every = [
        Pass(database=database, pace=pace, runs=runs.get((database, pace), few))
        for database in ("postgresql", "sqlite")
        for pace in (SHORT, SHIPPED, WATCHED)
    ]
    wanted = [each for each in every if _is_wanted(each, options)]
    return wanted if options.only else [part for each in wanted for part in _parts(each)]


def _parts(whole: Pass) -> list[Pass]:
    """Return a pass of many kills in parts, each on servers of its own: most of it is waiting."""
    if (whole.database, whole.pace) != ("postgresql", SHORT):
        return [whole]
    windows = [spec.row for spec in SPECS]
    shares = [windows[start::PARTS] for start in range(PARTS)] + [[SCENARIOS]]
    return [
        replace(whole, rows=tuple(names), part=number)
        for number, names in enumerate(shares, start=1)
    ]


def _is_wanted(each: Pass, options: argparse.Namespace) -> bool:
    return options.database in (None, each.database) and options.pace in (None, each.pace)


def run(passes: Sequence[Pass], *, only: str) -> int:
    """Run the passes that are not finished; 0, or the exit code of one that failed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    todo = [each for each in passes if only or not each.finished.exists()]
    codes = _run_side_by_side(todo, only=only)
    for each, code in zip(todo, codes, strict=True):
        if not code and not only:
            each.finished.touch()
        if code:
            print(f"{each.database} {each.pace} ended with exit code {code}.", flush=True)
    return next((code for code in codes if code), 0)


def _run_side_by_side(passes: list[Pass], *, only: str) -> list[int]:
    warden, until = Warden(), time.monotonic() + LONGEST_SECONDS
    running = [_start(each, only=only) for each in passes]
    for process in running:
        warden.watch(group=process.pid)
    try:
        return [process.wait(timeout=max(1.0, until - time.monotonic())) for process in running]
    finally:
        for process in running:
            end(process=process, grace=30)
        warden.close()


def _start(each: Pass, *, only: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.faults.session", "--database", each.database]
    command += ["--pace", each.pace, "--runs", str(each.runs)]
    command += ["--only", only or ";".join(each.rows)]
    return subprocess.Popen(
        [*command, "--results", str(each.results)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def report(passes: Sequence[Pass]) -> int:
    """Print the table and what is wrong with it; 1 if anything is.

    Of whole passes (none where only some rows were asked for) the table is written to bench/, and
    the runs are put away.
    """
    found = [line for path in sorted(FOLDER.glob("*.jsonl")) for line in read(path)]
    table = rows(found)
    print("\n" + as_text(table), flush=True)
    wrong = complaints(table) + shortfalls(found, passes)
    if passes:
        write_bench(table, path=BENCH)
        _put_away()
    print("\n".join(["", *(f"WRONG: {each}" for each in wrong)] if wrong else ["", "All is well."]))
    return 1 if wrong else 0


def shortfalls(found: Sequence[Row], passes: Sequence[Pass]) -> list[str]:
    """Return a sentence for each window of a pass that has fewer runs than were wanted."""
    there = Counter((line["row"], line["database"], line["pace"]) for line in found)
    return [
        f"{spec.row} on {each.database}, {each.pace}: {made} of {each.runs} runs"
        for each in passes
        for spec in SPECS
        if not each.rows or spec.row in each.rows
        if spec.answer_known or each.pace != WATCHED
        if (made := there[spec.row, each.database, each.pace]) < each.runs
    ]


def write_bench(table: list[Row], *, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(table, indent=1) + "\n")


def _put_away() -> None:
    """Keep the runs behind the last table, out of the way of the next."""
    last = FOLDER / "last"
    shutil.rmtree(last, ignore_errors=True)
    last.mkdir()
    for path in [*FOLDER.glob("*.jsonl"), *FOLDER.glob("*.finished")]:
        path.rename(last / path.name)


if __name__ == "__main__":
    sys.exit(main())

"""What `make test` runs: every test on SQLite and on PostgreSQL with Redis, then the figures."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dentamind.warden import Warden
from tests.rig.environment import testing
from tests.rig.install import (
    CHROMIUM,
    FIREFOX,
    NODE,
    POSTGRESQL,
    REDIS,
    Missing,
    ensure,
    ensure_npm,
)
from tests.rig.processes import ROOT, DidNotStart, end
from tests.rig.servers import postgres, redis

RESULTS = ROOT / "var" / "test"
# For both passes together, counted from the start: a run that hangs ends with its reason.
LONGEST_SECONDS = 43 * 60
BEGUN = time.monotonic()
SHORT_ON_SQLITE = ["-m", "not browser or browser_short"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one pass over the tests went."""

    database: str
    exit_code: int
    seconds: float
    tests: int
    failed: int
    skipped: int

    def line(self) -> str:
        """One line of the summary."""
        passed = self.tests - self.failed - self.skipped
        verdict = "ok" if self.exit_code == 0 else f"FAILED (exit code {self.exit_code})"
        return (
            f"  {self.database:<20} {passed:>5} passed {self.failed:>4} failed "
            f"{self.skipped:>4} skipped {self.seconds:>6.0f} s  {verdict}"
        )


@dataclass(kw_only=True)
class Pass:
    """One pass over the tests, under way."""

    database: str
    process: subprocess.Popen
    report: Path
    begun: float = field(default_factory=time.monotonic)
    ended: float | None = None

    def outcome(self) -> Outcome:
        """How it went; one that is not over is ended."""
        exit_code = end(process=self.process)
        return Outcome(
            database=self.database,
            exit_code=exit_code,
            seconds=(self.ended or time.monotonic()) - self.begun,
            **counts(report=self.report),
        )


def main(*, arguments: list[str]) -> int:
    """Run the passes asked for; the exit code says whether all were green."""
    parser = argparse.ArgumentParser(description="Run the tests.", allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="SQLite only")
    options, extra = parser.parse_known_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):  # so that servers and folders are cleared away
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    try:
        outcomes = run_all(quick=options.quick, extra=extra)
    except (Missing, DidNotStart) as error:
        print(error, flush=True)
        return 1
    except KeyboardInterrupt:
        print("\nThe tests were interrupted; what they started has been ended.", flush=True)
        return 130
    summarise(outcomes=outcomes, quick=options.quick, seconds=time.monotonic() - BEGUN)
    return 1 if any(outcome.exit_code for outcome in outcomes) else 0


def run_all(*, quick: bool, extra: list[str]) -> list[Outcome]:
    """Set up, then the passes, side by side: much of a pass is waiting for processes.

    Raises Missing or DidNotStart when a tool or server fails.
    """
    RESULTS.mkdir(parents=True, exist_ok=True)
    step("1/3 set-up: tools of the tests")
    set_up(quick=quick)
    with ExitStack() as stack:
        if quick:
            step("2/3 tests on SQLite (of the browser tests the short ones)")
            passes = [stack.enter_context(on_sqlite(extra=extra, log=None))]
        else:
            log = RESULTS / "sqlite.log"
            step("2/3 tests on PostgreSQL and Redis; on SQLite beside them, told afterwards")
            passes = [stack.enter_context(on_sqlite(extra=extra, log=log))]
            passes.append(stack.enter_context(on_postgresql(extra=extra)))
        wait_for(passes)
        outcomes = [each.outcome() for each in passes]
    if not quick:
        print(f"\nSQLite (of the browser tests the short ones):\n{log.read_text()}", flush=True)
    step("3/3 summary")
    return outcomes


def set_up(*, quick: bool) -> None:
    """Install what is missing. Raises Missing with the list."""
    needs = [CHROMIUM, NODE]
    if not quick:
        needs.append(FIREFOX)
    if not quick and not given_database():
        needs.append(POSTGRESQL)
    if not quick and not os.environ.get("REDIS_URL"):
        needs.append(REDIS)
    ensure(needs=needs, say=detail)
    ensure_npm(say=detail)


def given_database() -> str:
    """The URL of a PostgreSQL that runs already; empty when a throwaway one is to be started."""
    url = os.environ.get("DATABASE_URL", "")
    return url if url.startswith(("postgres://", "postgresql://")) else ""


@contextmanager
def on_sqlite(*, extra: list[str], log: Path | None) -> Iterator[Pass]:
    """The tests on SQLite with the embedded bus, under way for the length of a block."""
    environment = testing(database_url=f"sqlite:///{RESULTS / 'tests.sqlite3'}")
    arguments = [*SHORT_ON_SQLITE, *extra]
    with under_way("SQLite", environment=environment, arguments=arguments, log=log) as started:
        yield started


@contextmanager
def on_postgresql(*, extra: list[str]) -> Iterator[Pass]:
    """The same on PostgreSQL and Redis, the given ones or throwaway ones. Raises DidNotStart."""
    with servers() as (database_url, redis_url):
        environment = testing(database_url=database_url, redis_url=redis_url)
        with under_way("PostgreSQL + Redis", environment=environment, arguments=extra) as started:
            yield started


@contextmanager
def servers() -> Iterator[tuple[str, str]]:
    """The URLs of PostgreSQL and Redis for the length of a block. Raises DidNotStart."""
    with ExitStack() as stack:
        database_url = given_database() or stack.enter_context(postgres())
        redis_url = os.environ.get("REDIS_URL") or stack.enter_context(redis())
        yield database_url, redis_url


@contextmanager
def under_way(
    database: str, *, environment: dict[str, str], arguments: list[str], log: Path | None = None
) -> Iterator[Pass]:
    """Pytest in a group of its own that ends with the block; it speaks to the terminal or a log."""
    report = RESULTS / f"{database.split()[0].lower()}.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *arguments]
    with ExitStack() as stack:
        output = stack.enter_context(log.open("w")) if log else None
        warden = Warden()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        warden.watch(group=process.pid)
        try:
            yield Pass(database=database, process=process, report=report)
        finally:
            end(process=process)
            warden.release(group=process.pid)
            warden.close()


def wait_for(passes: list[Pass]) -> None:
    """Return when all passes are over, or when they take too long."""
    while any(each.ended is None for each in passes):
        if time.monotonic() - BEGUN > LONGEST_SECONDS:
            print(f"The tests took longer than {LONGEST_SECONDS // 60} min and were ended.")
            return
        for each in passes:
            if each.ended is None and each.process.poll() is not None:
                each.ended = time.monotonic()
        time.sleep(0.2)


def counts(*, report: Path) -> dict[str, int]:
    """How many tests ran, failed and were skipped, from pytest's own report."""
    if not report.exists():
        return {"tests": 0, "failed": 0, "skipped": 0}
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))

    def total(*names: str) -> int:
        return sum(int(suite.get(name, 0)) for suite in suites for name in names)

    return {
        "tests": total("tests"),
        "failed": total("failures", "errors"),
        "skipped": total("skipped"),
    }


def summarise(*, outcomes: list[Outcome], quick: bool, seconds: float) -> None:
    """Print the figures of each pass, and what was left out and why."""
    for outcome in outcomes:
        print(outcome.line())
    if quick:
        print("  PostgreSQL + Redis   not asked for: make test runs them")
    print(f"  wall time {seconds:.0f} s", flush=True)


def step(text: str) -> None:
    """Print the heading of a step."""
    print(f"\n== {text}", flush=True)


def detail(text: str) -> None:
    """Print one line within a step."""
    print(f"  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(arguments=sys.argv[1:]))

"""What `make test` runs: every test on SQLite, then on PostgreSQL with Redis, then the figures."""

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
from dataclasses import dataclass
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
    """Set up, then each pass. Raises Missing or DidNotStart when a tool or server fails."""
    total = 3 if quick else 4
    RESULTS.mkdir(parents=True, exist_ok=True)
    step(f"1/{total} set-up: tools of the tests")
    set_up(quick=quick)
    step(f"2/{total} tests on SQLite (of the browser tests the short ones)")
    outcomes = [on_sqlite(extra=extra)]
    if not quick:
        step(f"3/{total} tests on PostgreSQL and Redis (every browser test)")
        outcomes.append(on_postgresql(extra=extra))
    step(f"{total}/{total} summary")
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


def on_sqlite(*, extra: list[str]) -> Outcome:
    """The tests on SQLite with the embedded bus."""
    environment = testing(database_url=f"sqlite:///{RESULTS / 'tests.sqlite3'}")
    return run_pytest(
        database="SQLite", environment=environment, arguments=[*SHORT_ON_SQLITE, *extra]
    )


def on_postgresql(*, extra: list[str]) -> Outcome:
    """The tests on PostgreSQL and Redis, the given ones or throwaway ones. Raises DidNotStart."""
    with servers() as (database_url, redis_url):
        environment = testing(database_url=database_url, redis_url=redis_url)
        return run_pytest(database="PostgreSQL + Redis", environment=environment, arguments=extra)


@contextmanager
def servers() -> Iterator[tuple[str, str]]:
    """The URLs of PostgreSQL and Redis for the length of a block. Raises DidNotStart."""
    with ExitStack() as stack:
        database_url = given_database() or stack.enter_context(postgres())
        redis_url = os.environ.get("REDIS_URL") or stack.enter_context(redis())
        yield database_url, redis_url


def run_pytest(*, database: str, environment: dict[str, str], arguments: list[str]) -> Outcome:
    """Run pytest once, its output straight to the terminal, bounded in time."""
    report = RESULTS / f"{database.split()[0].lower()}.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *arguments]
    begun = time.monotonic()
    exit_code = run_bounded(command=command, environment=environment)
    return Outcome(
        database=database,
        exit_code=exit_code,
        seconds=time.monotonic() - begun,
        **counts(report=report),
    )


def run_bounded(*, command: list[str], environment: dict[str, str]) -> int:
    """Run a command in a group of its own, end it when it takes too long; its exit code."""
    warden = Warden()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
    )
    warden.watch(group=process.pid)
    try:
        process.wait(timeout=max(1.0, BEGUN + LONGEST_SECONDS - time.monotonic()))
    except subprocess.TimeoutExpired:
        print(f"The tests took longer than {LONGEST_SECONDS // 60} min and were ended.", flush=True)
    finally:
        exit_code = end(process=process)
        warden.release(group=process.pid)
        warden.close()
    return exit_code


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

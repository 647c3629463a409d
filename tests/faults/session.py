"""One pass: every row on one database at one pace. Started by `python -m tests.faults`.

A process of its own, because Django knows one database. It writes a line for each settled run.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.faults import site as sites
from tests.faults.results import PACES, SHORT, counted


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--database", choices=("postgresql", "sqlite"), required=True)
    parser.add_argument("--pace", choices=PACES, required=True)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--only", default="", help="rows, by name, separated by semicolons")
    parser.add_argument("--together", action="store_true", help="no row waits for another")
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):  # so that servers and folders are cleared away
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    waits = {}
    if options.pace == SHORT:
        waits = sites.HURRIED if options.together else sites.SHORT
    with sites.site(database=options.database, waits=waits) as site:
        sites.adopt(site.environment)
        run(site, options)
    return 0


def run(site: sites.Site, options: argparse.Namespace) -> None:
    """Do what is not done yet, windows first."""
    from tests.faults.passes import scenarios_of, windows_of  # Django is set up only now

    only = {name for name in options.only.split(";") if name}
    done = counted(options.results)
    with bench(site, options) as made:
        windows_of(made, runs=options.runs, done=done, only=only)
        scenarios_of(made, runs=options.runs, done=done, only=only)


@contextmanager
def bench(site: sites.Site, options: argparse.Namespace) -> Iterator:
    """The site with its processes running."""
    from tests.faults.bench import Bench, Ticker
    from tests.faults.ledger import Ledger
    from tests.faults.people import People

    with ExitStack() as stack:
        ticker = Ticker()
        stack.callback(ticker.close)
        trigger = sites.Trigger(site=site)
        stack.callback(trigger.close)
        site.start_web()
        made = Bench(
            site=site,
            database=options.database,
            pace=options.pace,
            trigger=trigger,
            people=People(push_port=site.ports["push"]),
            ledger=Ledger(folder=site.folder / "carriers"),
            ticker=ticker,
            results=options.results,
            together=options.together or options.pace != SHORT,
        )
        if made.is_short:
            ticker.start()
        yield made


if __name__ == "__main__":
    sys.exit(main())

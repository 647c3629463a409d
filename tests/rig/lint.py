"""What `make lint` runs: each check on its own line, all of them, failures with their output."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.rig.environment import production, testing
from tests.rig.processes import ROOT

RUFF = [sys.executable, "-m", "ruff"]
CONCISE = ["--output-format", "concise", "."]
MANAGE = [sys.executable, "manage.py"]


def checks() -> list[tuple[str, list[str], dict[str, str]]]:
    """Each check: what it is about, its command, its environment."""
    development = testing(database_url="sqlite:///:memory:")
    deploy = [*MANAGE, "check", "--deploy", "--fail-level", "WARNING"]
    migrations = [*MANAGE, "makemigrations", "--check", "--dry-run"]
    return [
        ("style", [*RUFF, "check", *CONCISE], development),
        ("formatting", [*RUFF, "format", "--check", *CONCISE], development),
        ("migrations match the models", migrations, development),
        ("settings for production", deploy, production()),
    ]


def passes(*, what: str, command: list[str], environment: dict[str, str]) -> bool:
    """Run one check and tell how it went, with its output when it failed."""
    begun = time.monotonic()
    result = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    verdict = "FAILED" if result.returncode else "ok"
    print(f"  {what:<28} {verdict:<7} {time.monotonic() - begun:5.1f} s", flush=True)
    if result.returncode:
        print(result.stdout + result.stderr, flush=True)
    return result.returncode == 0


def main() -> int:
    """Run every check; the exit code says whether all passed."""
    print("lint", flush=True)
    results = [
        passes(what=what, command=command, environment=environment)
        for what, command, environment in checks()
    ]
    failed = results.count(False)
    print(f"lint: {len(results) - failed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

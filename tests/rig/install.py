"""What the tests need beside Python: what is missing, how to get it, and getting it on Debian."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.rig.processes import ROOT

NPM = ROOT / "tests" / "npm"
NPM_MARKER = NPM / "node_modules" / ".installed-lock"
BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


class Missing(Exception):
    """A tool is missing and could not be installed; the text lists it with the exact command."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """One tool outside Python's reach: its name, how to see it, Debian's packages for it."""

    name: str
    is_there: Callable[[], bool]
    packages: tuple[str, ...]


def postgresql_bin() -> str:
    """The folder of PostgreSQL's programs; empty when they are not installed."""
    candidates = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name)
    )
    found = [str(path) for path in candidates if (path / "initdb").exists()]
    on_path = shutil.which("initdb")
    return [*found, os.path.dirname(on_path) if on_path else ""][0]


def chromium() -> str:
    """The path of a Chromium browser; empty when there is none. CHROMIUM names another one."""
    found = [os.environ.get("CHROMIUM"), *(shutil.which(name) for name in BROWSERS)]
    return next((path for path in found if path), "")


def firefox() -> str:
    """The path of a Firefox, for push from end to end; empty when there is none."""
    return shutil.which("firefox-esr") or shutil.which("firefox") or ""


def axe_script() -> Path:
    """The accessibility checker that browser tests load into a page."""
    return NPM / "node_modules" / "axe-core" / "axe.min.js"


POSTGRESQL = Need(
    name="PostgreSQL (initdb, postgres)",
    is_there=lambda: bool(postgresql_bin()),
    packages=("postgresql",),
)
REDIS = Need(
    name="Redis (redis-server)",
    is_there=lambda: bool(shutil.which("redis-server")),
    packages=("redis-server",),
)
CHROMIUM = Need(name="Chromium", is_there=lambda: bool(chromium()), packages=("chromium",))
FIREFOX = Need(name="Firefox", is_there=lambda: bool(firefox()), packages=("firefox-esr",))
NODE = Need(
    name="Node.js with npm",
    is_there=lambda: bool(shutil.which("node") and shutil.which("npm")),
    packages=("nodejs", "npm"),
)


def ensure(*, needs: list[Need], say: Callable[[str], None]) -> None:
    """Install what is missing where that is allowed. Raises Missing with the list where not."""
    missing = [need for need in needs if not need.is_there()]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"installing {', '.join(need.name for need in missing)} ...")
        apt_install(packages=[package for need in missing for package in need.packages])
        missing = [need for need in missing if not need.is_there()]
    if missing:
        raise Missing(explain(missing=missing))


def apt_install(*, packages: list[str]) -> None:
    """Install Debian packages without starting their services; failures show in `ensure`."""
    # RUNLEVEL=1 keeps Debian from starting the servers it installs: the tests start their own.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    commands = [["update"], ["install", "-y", "--no-install-recommends", *packages]]
    for command in commands:
        subprocess.run(
            ["apt-get", "-qq", *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )


def explain(*, missing: list[Need]) -> str:
    """The list of what is missing, with the command that installs it."""
    names = ", ".join(need.name for need in missing)
    packages = " ".join(package for need in missing for package in need.packages)
    sudo = "" if os.geteuid() == 0 else "sudo "
    return (
        f"The tests need what this machine lacks: {names}. Install it, then run make again:\n"
        f"  {sudo}apt-get update && {sudo}apt-get install -y {packages}\n"
        "On another system use its package manager; CHROMIUM=/path names another browser, "
        "DATABASE_URL and REDIS_URL name servers that run already."
    )


def ensure_npm(*, say: Callable[[str], None]) -> None:
    """Install the locked npm tools of the tests unless they are there. Raises Missing."""
    lock = hashlib.sha256((NPM / "package-lock.json").read_bytes()).hexdigest()
    if NPM_MARKER.exists() and NPM_MARKER.read_text() == lock:
        return
    say("installing the npm tools of the tests ...")
    result = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"],
        cwd=NPM,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise Missing(
            f"npm could not install the tools of the tests: {result.stderr.strip()[-600:]}\n"
            "If the npm registry cannot be reached, try again when it can: run make again."
        )
    NPM_MARKER.write_text(lock)

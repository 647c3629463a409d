"""Runs the site's processes side by side: `python -m dentamind.supervisor --port 8000`.

Web server, worker, and the stand-in for carriers, which stands by where there are real ones. A
child that dies is started again, a worker also where it ends itself; one that is alive but does
nothing is replaced, which `/readyz` tells, or the lack of an answer. One Ctrl-C or SIGTERM ends all
with all their processes; a second one at once.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from dotenv import dotenv_values

from dentamind.children import GRACE_SECONDS, HOST, LOGS, ROOT, Child, Health, prepare_logs, say
from dentamind.preflight import CannotStart, is_migrated, require_free_port, require_migrated
from dentamind.warden import Warden, kill_group

START_SECONDS = 60.0
WAITS = {
    "--red-after": (10.0, "/readyz may be red for so long before the worker is replaced"),
    "--silent-after": (30.0, "/readyz may give no answer for so long before the web is replaced"),
    "--settle": (45.0, "a child that was just started is left alone for so long"),
}


class Supervisor:
    """The children, kept running until somebody asks for the end."""

    def __init__(self, *, port: int, logs: Path, health: Health, stop_with_parent: bool) -> None:
        self.warden = Warden()
        self.children = [
            Child(
                name=name,
                command=command,
                environment=environment(name=name, port=port),
                warden=self.warden,
                logs=logs,
            )
            for name, command in commands(port=port).items()
        ]
        self.health, self.port = health, port
        self.parent = os.getppid() if stop_with_parent else None
        self.signals = 0

    def run(self) -> int:
        """Start, watch, stop; returns the exit code."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        threading.Thread(target=announce, kwargs={"port": self.port}, daemon=True).start()
        try:
            while not self._should_stop():
                self._watch()
                time.sleep(0.2)
        finally:
            self._stop()
        return 0

    def _on_signal(self, number: int, frame: object) -> None:
        """Count the requests to stop: the second one waits for nobody."""
        self.signals += 1
        if self.signals > 1:
            for child in self.children:
                if child.process is not None:
                    kill_group(group=child.process.pid)

    def _should_stop(self) -> bool:
        """Whether somebody asked for the end, or make, which started this, is gone."""
        return bool(self.signals) or (self.parent is not None and os.getppid() != self.parent)

    def _watch(self) -> None:
        """Start what is due, notice what died, replace what hangs."""
        for child in self.children:
            if child.process is None and time.monotonic() >= child.next_start:
                child.start()
            child.has_died()
        overdue = self.health.overdue(
            started={each.name: each.started_at for each in self.children}
        )
        for child in self.children:
            if child.name == overdue:
                child.replace(why=self._why(overdue))

    def _why(self, name: str) -> str:
        """What was wrong with the child, and for how long that was borne."""
        seconds = f"{self.health.patience[name]:.0f} s"
        if name == "worker":
            return f"/readyz has been red for {seconds}"
        return f"/readyz has not answered for {seconds}"

    def _stop(self) -> None:
        """End the children and everything they started."""
        say("Stopping ...")
        deadline = time.monotonic() + GRACE_SECONDS
        for child in self.children:
            child.ask_to_stop()
        for child in self.children:
            child.finish(deadline=deadline)
        self.warden.close()
        say("Stopped.")


def commands(*, port: int) -> dict[str, list[str]]:
    """The command of each child by its name."""
    limits = ["--websocket-max-message-size", "65536", "--websocket-max-frame-size", "65536"]
    daphne = [sys.executable, "-m", "daphne", "-v", "0", "-b", HOST, "-p", str(port), *limits]
    return {
        "web": [*daphne, "dentamind.asgi:application"],
        "worker": [sys.executable, "manage.py", "worker"],
        "carrier": [sys.executable, "manage.py", "outbox_carrier", "--stand-by"],
    }


def environment(*, name: str, port: int) -> dict[str, str]:
    """The environment of a child: its own, and the site's address unless that is set already."""
    site = {"PUBLIC_URL": f"http://localhost:{port}"}
    if configured(name="PUBLIC_URL"):
        site = {}
    elif not configured(name="TRUSTED_ORIGINS"):
        site["TRUSTED_ORIGINS"] = f"http://localhost:{port},http://{HOST}:{port}"
    # A web process wants a pool of connections; a worker keeps one. SQLite ignores this.
    pool = (
        {"DATABASE_POOL": "true"} if name == "web" and not configured(name="DATABASE_POOL") else {}
    )
    common = {"PORT": str(port), "PYTHONUNBUFFERED": "1"}
    return {"DJANGO_SETTINGS_MODULE": "dentamind.settings", **os.environ, **site, **pool, **common}


def configured(*, name: str) -> bool:
    """Whether a setting has a value, in the environment or in the .env file."""
    env_file = os.environ.get("DENTAMIND_ENV_FILE", str(ROOT / ".env"))
    return bool(os.environ.get(name) or dotenv_values(env_file).get(name))


def announce(*, port: int) -> None:
    """Wait until the site answers, then print where it is."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if answers(port=port):
            return say("\n".join(box(lines=addresses(port=port))))
        time.sleep(0.3)
    return say(f"The site does not answer after {START_SECONDS:.0f} s: read var/log/web.log.")


def answers(*, port: int) -> bool:
    """Whether the web server answers at all."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/healthz", timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def addresses(*, port: int) -> list[str]:
    """What a person wants to know once the site is up."""
    site = f"http://localhost:{port}"
    return [
        "DentaMind Notifications is running.",
        "",
        f"Patients    {site}/",
        f"Staff       {site}/admin/",
        f"API         {site}/api/schema/",
        f"Health      {site}/readyz",
        "",
        "Sign-ins are listed above. Logs are in var/log. Ctrl-C stops everything.",
    ]


def box(*, lines: list[str]) -> Iterator[str]:
    """The lines with a frame around them."""
    width = max(len(line) for line in lines)
    yield "+" + "-" * (width + 2) + "+"
    for line in lines:
        yield f"| {line:<{width}} |"
    yield "+" + "-" * (width + 2) + "+"


def port_number(text: str) -> int:
    """A port from the command line. Raises ArgumentTypeError when it is none."""
    if text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port; choose one from 1024 to 65535")


def main(*, arguments: list[str]) -> int:
    """Check what must hold, run until stopped, return the exit code."""
    parser = argparse.ArgumentParser(description="Run the web server and the worker.")
    parser.add_argument("--port", type=port_number, default=8000)
    for name, (seconds, meaning) in WAITS.items():
        parser.add_argument(name, type=float, default=seconds, metavar="SECONDS", help=meaning)
    parser.add_argument("--logs", type=Path, default=LOGS, metavar="FOLDER")
    parser.add_argument("--stop-with-parent", action="store_true")
    parser.add_argument("--check", action="store_true", help="port and database, start nothing")
    options = parser.parse_args(arguments)
    try:
        require_free_port(port=options.port)
        if options.check:
            is_migrated()
            return 0
        require_migrated()
    except CannotStart as error:
        say(str(error))
        return 1
    prepare_logs(names=commands(port=options.port), folder=options.logs)
    return Supervisor(
        port=options.port,
        logs=options.logs.absolute(),
        health=Health(
            port=options.port,
            patience={"worker": options.red_after, "web": options.silent_after},
            settle=options.settle,
        ),
        stop_with_parent=options.stop_with_parent,
    ).run()


if __name__ == "__main__":
    sys.exit(main(arguments=sys.argv[1:]))

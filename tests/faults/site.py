"""A whole site for the rig: servers, stand-ins for carriers, web and worker processes.

The providers are the real ones, led to the stand-ins over loopback.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults import machines
from tests.faults.armed import FOLDER_VARIABLE, Armoury
from tests.faults.machines import Keeper, Machine
from tests.rig.environment import testing
from tests.rig.processes import HOST, ROOT, DidNotStart, answers, free_port, wait_until

WEBS = ("web-1", "web-2", "web-3")
SECONDS = 120.0
SHORT = {
    "NOTIFICATIONS_LEASE_SECONDS": "1",
    "NOTIFICATIONS_LOOK_UP_SECONDS": "8",
    "NOTIFICATIONS_REPEAT_SECONDS": "12",
}
# Nothing is hit twice where each window has a run or two: no wave is to be waited for.
HURRIED = SHORT | {"NOTIFICATIONS_LOOK_UP_SECONDS": "2", "NOTIFICATIONS_REPEAT_SECONDS": "3"}
REHEARSAL = {
    "NOTIFICATIONS_SMS_PROVIDER": "notifications.providers.outbox.Outbox",
    "NOTIFICATIONS_PUSH_PROVIDER": "notifications.providers.outbox.Outbox",
    "EMAIL_BACKEND": "notifications.providers.outbox.EmailBackend",
}


def post(url: str, said: dict[str, Any], *, seconds: float = 15) -> dict[str, Any]:
    """Post JSON, return the JSON of the answer. Raises OSError."""
    request = urllib.request.Request(
        url, data=json.dumps(said).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=seconds) as answer:
        return json.loads(answer.read() or b"{}")


@dataclass(kw_only=True)
class Site:
    """One installation, its database new and migrated."""

    folder: Path
    environment: dict[str, str]
    ports: dict[str, Any]  # of the stand-ins
    keeper: Keeper
    database: Machine | None
    redis: Machine | None
    armoury: Armoury = field(init=False)

    def __post_init__(self) -> None:
        self.armoury = Armoury(self.folder)

    @property
    def url(self) -> str:
        return self.environment["PUBLIC_URL"]

    def control(self, **said: Any) -> dict[str, Any]:
        """Tell the stand-ins how to behave; `carrier` is all of them unless named."""
        return post(f"http://{HOST}:{self.ports['control']}/_control", {"carrier": "all"} | said)

    def start_workers(self, **changes: str) -> None:
        """Run the worker, in a changed environment if wanted; one that runs is ended first."""
        self.keeper.drop("worker")
        self.keeper.keep(
            "worker",
            command=[sys.executable, "-m", "tests.faults.worker"],
            environment={**self.environment, **changes},
        )

    def start_web(self) -> None:
        """Run the web processes on their one port and wait for an answer. Raises DidNotStart."""
        environment = {**self.environment, "DATABASE_POOL": "true"}
        for name in WEBS:
            command = [sys.executable, "-m", "tests.faults.web"]
            self.keeper.keep(name, command=command, environment=environment)
        wait_until(
            ready=lambda: answers(url=f"{self.url}/healthz"),
            process=self.keeper.processes[WEBS[0]],
            log=self.folder / f"{WEBS[0]}.log",
            seconds=SECONDS,
        )

    def manage(self, *arguments: str, **changes: str) -> str:
        """Run manage.py; its output. Raises DidNotStart with it when the command fails."""
        result = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**self.environment, **changes},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if result.returncode:
            raise DidNotStart(f"manage.py {' '.join(arguments)}:\n{result.stdout}{result.stderr}")
        return result.stdout

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")


@contextmanager
def site(*, database: str, waits: dict[str, str]) -> Iterator[Site]:
    """A site on "postgresql" (with Redis) or "sqlite". Raises DidNotStart.

    `waits` are the engine's own waits, shortened; none as shipped.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dentamind-faults-")))
        server = bus = None
        url, bus_url = f"sqlite:///{folder / 'site.sqlite3'}", ""
        if database == "postgresql":
            url, server = stack.enter_context(machines.postgres())
            bus_url, bus = stack.enter_context(machines.redis())
        ports = stack.enter_context(carriers(folder=folder / "carriers"))
        keeper = Keeper(logs=folder)
        stack.callback(keeper.close)
        made = Site(
            folder=folder,
            environment=_environment(
                folder=folder, database_url=url, redis_url=bus_url, ports=ports, waits=waits
            ),
            ports=ports,
            keeper=keeper,
            database=server,
            redis=bus,
        )
        made.manage("migrate", "--verbosity", "0")
        made.control(lag=0.5 if waits else 5.0)
        yield made


@contextmanager
def carriers(*, folder: Path) -> Iterator[dict[str, Any]]:
    """The stand-ins, their books in a folder; yields what their ports.json says."""
    folder.mkdir()
    command = [sys.executable, "-m", "carriers", "--folder", str(folder), "--seconds", "7200"]
    told = folder / "ports.json"
    machine = Machine(command=command, log=folder / "log", ready=told.exists, cwd=ROOT)
    with machine.running():
        yield json.loads(told.read_text())


def _environment(
    *, folder: Path, database_url: str, redis_url: str, ports: dict[str, Any], waits: dict[str, str]
) -> dict[str, str]:
    port = free_port()
    return {
        **testing(database_url=database_url, redis_url=redis_url),
        "DJANGO_SETTINGS_MODULE": "dentamind.settings",
        "PYTHONUNBUFFERED": "1",
        "PORT": str(port),
        "PUBLIC_URL": f"http://{HOST}:{port}",
        "TRUSTED_ORIGINS": f"http://{HOST}:{port}",
        FOLDER_VARIABLE: str(folder),
        "NOTIFICATIONS_WATERMARK": str(folder / "watermark"),
        "NOTIFICATIONS_AGREEMENTS": "email,sms",
        "NOTIFICATIONS_SMS_PROVIDER": "notifications.providers.twilio.Twilio",
        "NOTIFICATIONS_TWILIO_API": f"http://{HOST}:{ports['twilio']}",
        "NOTIFICATIONS_TWILIO_ACCOUNT_SID": ports["account"],
        "NOTIFICATIONS_TWILIO_AUTH_TOKEN": ports["token"],
        "NOTIFICATIONS_TWILIO_FROM": ports["sender"],
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": HOST,
        "EMAIL_PORT": str(ports["smtp"]),
        "NOTIFICATIONS_PUSH_PROVIDER": "tests.faults.push.LocalPush",
        "FAULTS_PUSH_PORT": str(ports["push"]),
        **waits,
    }


class Trigger:
    """The process that makes messages; see trigger.py."""

    def __init__(self, *, site: Site) -> None:
        with (site.folder / "trigger.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.trigger"],
                cwd=ROOT,
                env=site.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        site.keeper.warden.watch(group=self.process.pid)
        if self.process.stdout.readline() != "ready\n":
            raise DidNotStart(f"the trigger did not start:\n{site.log('trigger')}")

    def make(self, *, patient_id: Any, key: str) -> int:
        """Make a message in a process of its own; return how that process ended."""
        self.process.stdin.write(json.dumps({"patient": str(patient_id), "key": key}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())["code"]

    def close(self) -> None:
        """Let it end by itself: its input is over. Bounded in time by the warden."""
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()


def adopt(environment: dict[str, str]) -> None:
    """Make this process one of the site's: Django is set up with its settings."""
    import django

    os.environ.update(environment)
    django.setup()

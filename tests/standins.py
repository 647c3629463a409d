"""The stand-ins for carriers as a process, and the product's real clients on the way there."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from json import loads
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from carriers import books
from notifications.providers import webpush
from tests.rig.processes import HOST, ROOT, running, wait_until

SECONDS = 600  # the longest any of them may live
NO_PROXY = {"http": "", "https": ""}


@dataclass(frozen=True)
class StandIns:
    """Carriers at work: where they are, what they took, and how they are told to behave."""

    folder: Path
    process: subprocess.Popen
    ports: dict[str, Any]

    def url(self, name: str) -> str:
        return f"http://{HOST}:{self.ports[name]}"

    def control(self, **wanted: Any) -> dict[str, Any]:
        """Change how a carrier behaves; returns how all do, and what they counted."""
        return self._ask("_control", wanted)

    def state(self) -> dict[str, Any]:
        answer = requests.get(f"{self.url('control')}/_control", timeout=10, proxies=NO_PROXY)
        return answer.json()

    def inbound(self, number: str, body: str) -> None:
        self._ask("_inbound", {"from": number, "body": body})

    def subscribe(self, **wanted: Any) -> dict[str, str]:
        """Return a device as a browser registers it, and keep its endpoint's path."""
        answer = requests.post(f"{self.url('push')}/subscribe", json=wanted, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def books(self, carrier: str) -> list[books.Entry]:
        return books.read(self.folder / f"{carrier}.jsonl")

    def refusals(self) -> list[dict[str, Any]]:
        return [loads(line) for line in (self.folder / "refused.jsonl").read_text().splitlines()]

    def _ask(self, path: str, said: dict[str, Any]) -> dict[str, Any]:
        answer = requests.post(f"{self.url('control')}/{path}", json=said, timeout=10)
        assert answer.ok, answer.text
        return answer.json()


@contextmanager
def stand_ins(folder: Path, *options: str) -> Iterator[StandIns]:
    """Carriers for the length of a block; they do not survive us, however we end."""
    command = [sys.executable, "-m", "carriers", "--folder", str(folder)]
    command += ["--seconds", str(SECONDS), *options]
    log, ports = folder / "log", folder / "ports.json"
    ports.unlink(missing_ok=True)  # of one before
    with running(command=command, log=log, cwd=ROOT) as process:
        wait_until(ready=ports.exists, process=process, log=log, seconds=60)
        yield StandIns(folder, process, loads(ports.read_text()))


def soon(holds: Any, *, seconds: float = 10.0) -> Any:
    """Return what `holds()` says once it says something; the last word when the time is up."""
    deadline = time.monotonic() + seconds
    while not (said := holds()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return said


class ToHere(HTTPAdapter):
    """The way to the push service on this machine: the name of each call stays in its headers."""

    port = 0

    def __init__(self, *, host: str, address: str) -> None:
        self.host = host
        super().__init__(max_retries=0)

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        request.headers["Host"] = self.host
        request.url = request.url.replace(f"https://{self.host}", f"http://{HOST}:{self.port}")
        return webpush.bodiless(super().send(request, **options))

"""Starts the stand-ins, says where they are, and ends them: `python -m carriers --help`."""

import argparse
import asyncio
import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from carriers import twilio
from carriers.books import Book, Books
from carriers.callbacks import Caller
from carriers.control import Carrier, Control
from carriers.doors import Door, WebDoor
from carriers.lives import Lives
from carriers.modes import Modes
from carriers.push import Push

NAMES = ("twilio", "smtp", "push")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m carriers", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for the books and ports.json")
    parser.add_argument("--only", default=",".join(NAMES), help="some of them, with commas")
    parser.add_argument("--seconds", type=float, default=3600, help="end after, in any case")
    parser.add_argument("--stop-with-parent", action="store_true", help="end when stdin does")
    parser.add_argument("--token", default="", help="Twilio's auth token; else one is made up")
    parser.add_argument("--replies-url", default="", help="where inbound texts are posted")
    for name in (*NAMES, "control"):
        parser.add_argument(f"--{name}-port", type=int, default=0, help="else a free one")
    given = parser.parse_args()
    given.only = [name for name in given.only.split(",") if name]
    if not given.only or not set(given.only) <= set(NAMES):
        parser.error(f"--only: some of {', '.join(NAMES)}")
    return given


class House:
    """All that are at work, with one book each."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._given = given
        self.token = given.token or secrets.token_hex(16)
        self._refused = Book(given.folder / "refused.jsonl")
        self.carriers: dict[str, Carrier] = {}

    def build(self) -> None:
        builders: dict[str, Callable[..., Carrier]] = {
            "twilio": self._twilio,
            "smtp": self._smtp,
            "push": self._push,
        }
        for name in self._given.only:
            taken = Book(self._given.folder / f"{name}.jsonl")
            kept = Books(carrier=name, taken=taken, refused=self._refused)
            self.carriers[name] = builders[name](
                modes=Modes(), kept=kept, port=getattr(self._given, f"{name}_port")
            )

    def _twilio(self, *, modes: Modes, kept: Books, port: int) -> Carrier:
        modes.replies_url = self._given.replies_url
        lives = Lives(
            account=twilio.ACCOUNT,
            sender=twilio.SENDER,
            modes=modes,
            caller=Caller(token=self.token),
        )
        service = twilio.Twilio(token=self.token, modes=modes, kept=kept, lives=lives)
        door = WebDoor(application=service.application(), port=port)
        return Carrier(door=door, modes=modes, kept=kept, lives=lives)

    def _smtp(self, *, modes: Modes, kept: Books, port: int) -> Carrier:
        # Here and not above: aiosmtpd is among the requirements for development only.
        from carriers import smtp

        office = smtp.PostOffice(modes=modes, kept=kept)
        return Carrier(door=smtp.door(office, port=port), modes=modes, kept=kept)

    def _push(self, *, modes: Modes, kept: Books, port: int) -> Carrier:
        service = Push(modes=modes, kept=kept)
        door = WebDoor(application=service.application(), port=port)
        return Carrier(door=door, modes=modes, kept=kept, push=service)

    def told(self, *, control: Door) -> dict[str, Any]:
        said: dict[str, Any] = {name: each.door.port for name, each in self.carriers.items()}
        said["control"] = control.port
        if "twilio" in said:
            said |= {"account": twilio.ACCOUNT, "token": self.token, "sender": twilio.SENDER}
        return said


async def work(given: argparse.Namespace) -> None:
    """Serve until told to stop, or until the time is up."""
    house, stop = House(given), asyncio.Event()
    house.build()
    control = WebDoor(application=Control(house.carriers).application(), port=given.control_port)
    async with AsyncExitStack() as stack:
        for each in house.carriers.values():
            if each.lives is not None:
                stack.push_async_callback(each.lives.close)
        for door in [*(each.door for each in house.carriers.values()), control]:
            await door.open()
            stack.push_async_callback(door.leave)
        listen_for_the_end(stop, with_parent=given.stop_with_parent)
        publish(house.told(control=control), folder=given.folder)
        try:
            await asyncio.wait_for(stop.wait(), timeout=given.seconds)
        except TimeoutError:
            print("The time is up.", flush=True)


def listen_for_the_end(stop: asyncio.Event, *, with_parent: bool) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if with_parent:
        threading.Thread(target=_outlive_nobody, args=(loop, stop), daemon=True).start()


def _outlive_nobody(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Wait for the end of stdin, which is the end of whoever started us, by whatever death."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    loop.call_soon_threadsafe(stop.set)


def publish(said: dict[str, Any], *, folder: Path) -> None:
    """Write where everything is, all of it at once, and say so in a line."""
    whole = folder / "ports.json.new"
    whole.write_text(json.dumps(said))
    whole.replace(folder / "ports.json")
    places = ", ".join(f"{name} {port}" for name, port in said.items() if isinstance(port, int))
    print(f"Ready on 127.0.0.1: {places}. Books and ports.json in {folder}.", flush=True)


def main() -> None:
    given = arguments()
    given.folder.mkdir(parents=True, exist_ok=True)
    (given.folder / "ports.json").unlink(missing_ok=True)
    asyncio.run(work(given))


if __name__ == "__main__":
    main()

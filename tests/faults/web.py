"""The production's web server in a process that can be killed at a window.

Several share one port: while a killed one starts again, the others answer, as behind a balancer.
"""

import os
import socket

from daphne.cli import CommandLineInterface

from dentamind.supervisor import commands
from tests.faults import armed
from tests.rig.processes import HOST


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dentamind.settings")
    armed.listen()
    shared = _shared_socket(int(os.environ["PORT"]))
    CommandLineInterface().run(["--fd", str(shared.fileno()), *_without_address()])


def _shared_socket(port: int) -> socket.socket:
    shared = socket.socket()
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    shared.bind((HOST, port))
    shared.listen(128)
    return shared


def _without_address() -> list[str]:
    """The arguments the supervisor gives daphne, but for where to listen."""
    given = commands(port=0)["web"][3:]
    return [
        each
        for before, each in zip(["", *given], given, strict=False)
        if each not in ("-b", "-p") and before not in ("-b", "-p")
    ]


if __name__ == "__main__":
    main()

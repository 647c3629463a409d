"""What must hold before the site is started, each with a sentence for when it does not."""

from __future__ import annotations

import errno
import re
import socket
import subprocess
import sys

from dentamind.children import HOST, ROOT

# The line of a traceback that names the error.
ERROR = re.compile(r"[\w.]*(Error|Exception|Configured)\b")


class CannotStart(Exception):
    """The site cannot be started; the text says what, where and what to do next."""


def require_free_port(*, port: int) -> None:
    """Raises CannotStart when something listens on the port already, or when it may not be used."""
    try:
        try_port(port=port)
    except OSError as error:
        what = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error})"
        raise CannotStart(
            f"Port {port} {what}. Choose another one: make demo PORT={next_free(port=port)}"
        ) from error


def try_port(*, port: int) -> None:
    """Listen on the port for a moment. Raises OSError when that is not possible."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))
        probe.listen(1)


def next_free(*, port: int) -> int:
    """The next port after this one that can be listened on."""
    for candidate in range(max(port, 1024) + 1, 65536):
        try:
            try_port(port=candidate)
        except OSError:
            continue
        return candidate
    return 8000


def require_migrated() -> None:
    """Raises CannotStart when the database cannot be reached or lacks migrations."""
    if not is_migrated():
        raise CannotStart(
            "The database is behind its migrations. Run `make demo`, which applies them, "
            "or: .venv/bin/python manage.py migrate"
        )


def is_migrated() -> bool:
    """Whether the database has every migration. Raises CannotStart when it cannot be asked."""
    command = [sys.executable, "manage.py", "migrate", "--check"]
    result = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    errors = [line for line in result.stderr.splitlines() if ERROR.match(line)]
    if result.returncode and errors:
        raise CannotStart(explain(error=errors[-1]))
    return result.returncode == 0


def explain(*, error: str) -> str:
    """The last line of a failed command as a sentence with the next step."""
    name, _, text = error.partition(": ")
    what = f"{text or name}".rstrip(".")
    if name.endswith("OperationalError"):
        return f"The database does not answer: {what}. Look at DATABASE_URL in .env."
    kind = name.rpartition(".")[2]
    return f"The site cannot be started: {kind}: {what}. Run .venv/bin/python manage.py check."

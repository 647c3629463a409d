"""What a carrier took, a line each, written before it answers: the judge of what was lost.

Whoever compares reads the same file with `read`, also while it is being written.
"""

import hashlib
import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One message a carrier accepted.

    `at` in seconds since 1970 by the wall clock; `id` the carrier's own name for it; `delivery`
    ours, empty where the sender named none; `expires` after how many seconds it is worthless.
    """

    id: str
    to: str
    delivery: str
    body_sha256: str
    expires: int | None = None
    topic: str = ""  # of a push
    at: float = field(default_factory=time.time)


class Book:
    """A file of one JSON object a line. A line is with the system before `write` returns."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def write(self, said: dict[str, Any]) -> None:
        self._file.write(json.dumps(said) + "\n")
        self._file.flush()


class Books:
    """One carrier's book, and the one of refusals that all share."""

    def __init__(self, *, carrier: str, taken: Book, refused: Book) -> None:
        self.carrier, self._taken, self._refused = carrier, taken, refused
        self.taken, self.refused = 0, 0

    def take(self, entry: Entry) -> None:
        """Write down what was accepted; before the answer, so that no answer is without it."""
        line = asdict(entry)
        if not entry.topic:
            del line["topic"]
        self._taken.write(line)
        self.taken += 1

    def refuse(self, *, to: str, code: str) -> None:
        said = {"at": time.time(), "carrier": self.carrier, "to": to, "code": code}
        self._refused.write(said)
        self.refused += 1


def read(path: Path) -> list[Entry]:
    """Return a book's entries, oldest first; none where there is no book yet.

    The last line may be half written, so it counts only once its end is there.
    """
    if not path.exists():
        return []
    whole, _end, _half = path.read_text(encoding="utf-8").rpartition("\n")
    return [Entry(**json.loads(line)) for line in whole.splitlines()]


def digest(body: str | bytes) -> str:
    """Return the SHA-256 of a text in UTF-8, or of bytes, in hex."""
    return hashlib.sha256(body.encode() if isinstance(body, str) else body).hexdigest()


def as_delivery(text: str) -> str:
    """Return a UUID as we write it, dashed and small; empty for anything else."""
    try:
        return str(UUID(text))
    except ValueError:
        return ""

"""The judge: what the carriers' own books hold, beside what the database says. Pure comparison.

Nothing here believes a status by itself: a message counts as sent when a book has it, and once
when the books have it once, at its address or under its name.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from carriers.books import Entry
from notifications.enums import DeliveryStatus, Reason

BOOK_OF = {"sms": "twilio", "email": "smtp", "push": "push"}
SENT = {DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED}
NOT_SENT = {DeliveryStatus.EXPIRED, DeliveryStatus.CANCELLED, DeliveryStatus.SKIPPED}
FINAL = SENT | NOT_SENT | {DeliveryStatus.FAILED}
MOST_EMAILS = 2  # a lost answer is followed by one more, which docs/faults.md says plainly


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One message in the end: what the database says of it, and its copies in the books.

    Times are in seconds since 1970. `messages` counts the rows in the patient's inbox.
    """

    channel: str
    messages: int
    status: str
    reason: str = ""
    expires_at: float | None = None
    copies: Sequence[Entry] = ()

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will be done by the engine: it is final, or a person's."""
        return self.status in FINAL or self.is_with_a_person

    @property
    def is_with_a_person(self) -> bool:
        is_unknown = self.status == DeliveryStatus.UNKNOWN
        return is_unknown and self.reason == Reason.ANSWER_UNSETTLED


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What went wrong with one message, if anything. Counts: 0 is well."""

    lost: int = 0
    duplicated: int = 0
    contradicted: int = 0  # the database says one thing, the book another
    unsettled: int = 0
    stale: int = 0
    extra_emails: int = 0
    replaced_pushes: int = 0

    @property
    def is_well(self) -> bool:
        return not (self.lost or self.duplicated or self.contradicted or self.stale)


def judge(seen: Seen) -> Verdict:
    """Compare one message's end with the books. Called when its time to recover is over.

    What is still open then has no end anybody could rely on: it counts as lost, unless it is
    unknown and being asked about.
    """
    copies = _told_apart(seen)
    is_unknown = seen.status == DeliveryStatus.UNKNOWN
    is_open = seen.status not in FINAL and not is_unknown
    return Verdict(
        lost=int(not seen.messages or is_open or (seen.status in SENT and not copies)),
        duplicated=max(seen.messages - 1, 0) + max(copies - _most(seen.channel), 0),
        contradicted=int(seen.status in NOT_SENT | {DeliveryStatus.FAILED} and copies > 0),
        unsettled=int(is_unknown),
        stale=sum(_is_stale(entry, seen) for entry in seen.copies),
        extra_emails=int(seen.channel == "email" and copies > 1),
        replaced_pushes=len(seen.copies) - copies,
    )


def _told_apart(seen: Seen) -> int:
    """How many copies the patient could tell apart: a push replaces that of its topic."""
    if seen.channel != "push":
        return len(seen.copies)
    return len({entry.topic or entry.id for entry in seen.copies})


def _most(channel: str) -> int:
    return MOST_EMAILS if channel == "email" else 1


def _is_stale(entry: Entry, seen: Seen) -> bool:
    return seen.expires_at is not None and entry.at > seen.expires_at


@dataclass(kw_only=True)
class Ledger:
    """The books of all carriers, read on as they grow; found by address and by our name."""

    folder: Path
    _read: dict[str, int] = field(default_factory=dict)  # bytes of each book
    _found: dict[tuple[str, str], dict[str, Entry]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def copies(self, *, channel: str, address: str, delivery_id: str = "") -> list[Entry]:
        """Return what a book has for an address or under a delivery's name, oldest first."""
        self._read_on(BOOK_OF[channel])
        names = [name for name in (address, delivery_id) if name]
        found = {pk: entry for name in names for pk, entry in self._found[channel, name].items()}
        return sorted(found.values(), key=lambda entry: entry.at)

    def all(self, *, channel: str) -> list[Entry]:
        self._read_on(BOOK_OF[channel])
        entries = {
            pk: entry
            for (of, _name), found in self._found.items()
            if of == channel
            for pk, entry in found.items()
        }
        return list(entries.values())

    def _read_on(self, book: str) -> None:
        """Take in the whole lines that came since; one half written waits for its end."""
        path = self.folder / f"{book}.jsonl"
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(self._read.get(book, 0))
            whole, end, _half = file.read().rpartition(b"\n")
        self._read[book] = self._read.get(book, 0) + len(whole) + len(end)
        channel = next(name for name, of in BOOK_OF.items() if of == book)
        for line in whole.splitlines():
            self._keep(channel, Entry(**json.loads(line)))

    def _keep(self, channel: str, entry: Entry) -> None:
        for name in {entry.to, entry.delivery} - {""}:
            self._found[channel, name][entry.id] = entry

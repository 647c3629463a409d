"""What an import did, or would do: for the person at the terminal, and as JSON."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from portal.importers.records import Note, Problem

SHOWN = 3  # places named with a note; --json names them all


@dataclass(kw_only=True)
class Report:
    """Counts by outcome, plans by rule, and everything worth saying, by sentence."""

    source: str
    is_first: bool
    is_written: bool = False
    people: Counter[str] = field(default_factory=Counter)
    visits: Counter[str] = field(default_factory=Counter)
    plans: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    notes: list[Note] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def has_changes(self) -> bool:
        quiet = {"unchanged", "left", "skipped"}
        return any(count for name, count in self._counted() if name not in quiet)

    def _counted(self) -> Iterator[tuple[str, int]]:
        yield from self.people.items()
        yield from self.visits.items()

    def places(self) -> dict[str, list[str]]:
        """Return where each sentence applies, the sentences in the order of their first place."""
        found: dict[str, list[str]] = {}
        for note in self.notes:
            found.setdefault(str(note.message), []).append(note.where)
        return found

    def as_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "first_import": self.is_first,
            "written": self.is_written,
            "people": dict(self.people),
            "visits": dict(self.visits),
            "planned": dict(self.plans),
            "ignored_resources": dict(self.ignored),
            "notes": [{"message": text, "where": at} for text, at in self.places().items()],
            "problems": [
                {"where": each.where, "field": each.field, "message": each.message}
                for each in self.problems
            ],
        }

    def lines(self) -> Iterator[str]:
        """Yield the summary, a line each."""
        yield f"People:  {_in_words(self.people)}"
        yield f"Visits:  {_in_words(self.visits)}"
        if self.is_written:
            yield f"Planned: {_plans_in_words(self.plans)}"
        if self.ignored:
            yield f"Not read, being none of ours: {_in_words(self.ignored)}"
        for text, where in self.places().items():
            yield f"{len(where)} × {text} ({_some(where)})"
        yield from self._verdict()

    def _verdict(self) -> Iterator[str]:
        if self.problems:
            count = len(self.problems)
            said = "1 problem, listed above, was"
            if count > 1:
                said = f"{count} problems, listed above, were"
            yield f"{said} left out."
        if not self.has_changes:
            yield "Nothing has changed: everything in this file was known already."
        elif self.is_first:
            yield (
                f"This is the first import from {self.source}: nothing is sent at once. "
                "From the next one on, patients are told what changes."
            )
        if not self.is_written:
            yield "This was a dry run: nothing was written."


def _in_words(counts: Counter[str]) -> str:
    said = [f"{count:,} {name}" for name, count in counts.items() if count]
    return ", ".join(said) or "none"


def _plans_in_words(plans: Counter[str]) -> str:
    rules = ", ".join(f"{name} {count:,}" for name, count in sorted(plans.items()))
    return f"{plans.total():,} reminders ({rules})" if plans else "no reminders"


def _some(where: list[str]) -> str:
    more = ", ..." if len(where) > SHOWN else ""
    return ", ".join(where[:SHOWN]) + more

"""What was found so far, a line of JSON a run, so that an interrupted night goes on in the morning;
and the rows of the table made of it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tests.faults.windows import SPECS

COUNTS = (
    "lost",
    "duplicated",
    "contradicted",
    "unsettled",
    "stale",
    "extra_emails",
    "replaced_pushes",
)
WRONG = ("lost", "duplicated", "contradicted", "stale")

KNOWN = {spec.row: spec for spec in SPECS}
PACES = SHORT, SHIPPED, WATCHED = "short", "as shipped", "watched"
# Seconds in which what a crash left must be settled, where the answer can be known (SLO-2).
GOALS = {SHORT: 30.0, SHIPPED: 150.0, WATCHED: 40.0}
Row = dict[str, Any]


def append(path: Path, found: Row) -> None:
    """Write one line down; it is with the system before this returns.

    A line that an interruption left half written is taken away first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.read_bytes().endswith(b"\n"):
        path.write_bytes(b"".join(path.read_bytes().rpartition(b"\n")[:2]))
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(found) + "\n")


def read(path: Path) -> list[Row]:
    """Return the whole lines of a file of results; none where there is none yet."""
    if not path.exists():
        return []
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines()]


def counted(path: Path) -> dict[str, int]:
    """Return how many runs of each row are there already; a scenario counts as one."""
    found: dict[str, int] = defaultdict(int)
    for line in read(path):
        found[line["row"]] += 1
    return found


def rows(found: Iterable[Row]) -> list[Row]:
    """Return the table: the runs of a window as one row each, the scenarios as they are."""
    groups: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for line in found:
        groups[line["row"], line["database"], line["pace"]].append(line)
    return [_row(lines) for lines in groups.values()]


def _row(lines: Sequence[Row]) -> Row:
    first = lines[0]
    if first["kind"] == "scenario":
        return {"window": first["row"]} | {
            name: value for name, value in first.items() if name not in ("kind", "row")
        }
    took = sorted(line["recovery_s"] for line in lines if line["recovery_s"] is not None)
    spec = KNOWN[first["row"]]
    return {
        "window": first["row"],
        "database": first["database"],
        "pace": first["pace"],
        "channel": spec.channel,
        "runs": len(lines),
        **{name: sum(line[name] for line in lines) for name in COUNTS},
        "recovery_p50_s": round(median(took), 2) if took else None,
        "recovery_max_s": took[-1] if took else None,
        "answer_known": spec.answer_known,
        "note": "",
    }


def complaints(table: Iterable[Row]) -> list[str]:
    """Return a sentence for each thing that must not be; nothing when all is well."""
    return [each for row in table for each in (*wrongs(row), *_lateness(row))]


def wrongs(row: Row) -> list[str]:
    """Return what must not be however slow the machine is."""
    said = [f"{_name(row)}: {row[count]} {count}" for count in WRONG if row.get(count)]
    return said if row["runs"] else [*said, f"{_name(row)}: {row['note']}"]


def _lateness(row: Row) -> list[str]:
    goal, worst = GOALS[row["pace"]], row.get("recovery_max_s")
    if not row.get("answer_known") or worst is None or worst <= goal:
        return []
    return [f"{_name(row)}: recovered after {worst:.0f} s, the goal is {goal:.0f} s"]


def _name(row: Row) -> str:
    return f"{row['window']} on {row['database']}, {row['pace']}"


def as_text(table: Sequence[Row]) -> str:
    """Return the table for a terminal or, being Markdown, for a page."""
    head = ("Window", "Database", "Pace", "Runs", "Lost", "Twice", "Contradicted", "Unsettled")
    head += ("Stale", "Extra e-mails", "p50 s", "max s", "Note")
    lines = [_cells(row) for row in table]
    widths = [max(len(each) for each in column) for column in zip(head, *lines, strict=True)]
    rule = tuple("-" * width for width in widths)
    return "\n".join(_line(line, widths) for line in (head, rule, *lines))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    return f"| {' | '.join(padded)} |"


def _cells(row: Row) -> tuple[str, ...]:
    counts = ("lost", "duplicated", "contradicted", "unsettled", "stale", "extra_emails")
    return (
        row["window"],
        row["database"],
        row["pace"],
        str(row["runs"]),
        *(str(row.get(name, 0)) for name in counts),
        _seconds(row.get("recovery_p50_s")),
        _seconds(row.get("recovery_max_s")),
        row.get("note", ""),
    )


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"

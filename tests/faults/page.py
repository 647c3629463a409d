"""Puts what was measured, and what the windows are, into docs/faults.md between its marks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.faults.results import Row, as_text
from tests.faults.windows import SPECS
from tests.rig.processes import ROOT

PAGE = ROOT / "docs" / "faults.md"
WINDOWS, TABLE = "windows", "table"


def write(table: Sequence[Row]) -> None:
    """Replace the page's two tables. Raises ValueError where the marks are missing."""
    text = between(PAGE.read_text(), mark=WINDOWS, put=windows_table())
    PAGE.write_text(between(text, mark=TABLE, put=as_text(table)))


def between(text: str, *, mark: str, put: str) -> str:
    """Return a text with what stands between two marks replaced. Raises ValueError without them."""
    begin, end = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    pattern = re.compile(f"({re.escape(begin)}\n).*?({re.escape(end)})", re.DOTALL)
    new, count = pattern.subn(lambda found: f"{found[1]}{put}\n{found[2]}", text)
    if count != 1:
        raise ValueError(f"the page has {count} places between {begin} and {end}")
    return new


def windows_table() -> str:
    """Return the windows as Markdown: where the kill comes, the naive result, and ours."""
    lines = [f"| {spec.row} | {spec.channel} | {spec.naive} | {spec.here} |" for spec in SPECS]
    head = ["| Window | Channel | The naive result | What happens here |", "|---|---|---|---|"]
    return "\n".join([*head, *lines])

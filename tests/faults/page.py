"""Puts what was measured, and what the windows are, between the marks of docs/faults.md and, in
short and beside the peers, of README.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.faults.results import KNOWN, SHIPPED, WATCHED, Row, as_text
from tests.faults.windows import SPECS
from tests.rig.processes import ROOT

PAGE, README = ROOT / "docs" / "faults.md", ROOT / "README.md"
WINDOWS, TABLE, SHORT = "windows", "table", "in short"


def write(table: Sequence[Row]) -> None:
    """Replace the tables of both pages. Raises ValueError where the marks are missing."""
    text = between(PAGE.read_text(), mark=WINDOWS, put=windows_table())
    PAGE.write_text(between(text, mark=TABLE, put=as_text(table)))
    README.write_text(between(README.read_text(), mark=SHORT, put=in_short(table)))


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


def in_short(table: Sequence[Row]) -> str:
    """Return the table in a few lines, with what the peers publish or their source says."""
    at_windows = [row for row in table if row["window"] in KNOWN]
    kills = {each: _sum(at_windows, "runs", database=each) for each in ("postgresql", "sqlite")}
    mails = [row for row in table if row.get("channel") == "email" and row["extra_emails"]]
    lines = [
        (
            "Kills",
            f"{kills['postgresql']:,} on PostgreSQL, {kills['sqlite']:,} on SQLite",
            "",
        ),
        ("Messages lost", _sum(table, "lost"), "healthchecks loses an alert killed in mid-send"),
        (
            "Texts, pushes or inbox messages that came twice",
            _sum(table, "duplicated"),
            "GOV.UK Notify can send a text twice when a worker dies",
        ),
        ("Sent when it was too late", _sum(table, "stale"), "Twilio alone: up to 10 hours later"),
        (
            "E-mails sent twice",
            f"{_sum(mails, 'extra_emails')} of the {_sum(mails, 'runs')} whose answer was lost",
            "plain SMTP tells nothing of a lost answer",
        ),
        ("Left for a person", _sum(table, "unsettled"), ""),
        (
            "Recovered as shipped, where the answer comes by itself",
            _at_most(table, pace=SHIPPED),
            "GOV.UK Notify: 60 to 75 minutes",
        ),
        ("... with `run_due --watch` beside", _at_most(table, pace=WATCHED), ""),
        ("... as shipped, a text whose carrier has to be asked", _asked(table, "sms"), ""),
        ("... as shipped, an e-mail that goes once more", _asked(table, "email"), ""),
    ]
    head = ["| | Here, measured | Peers |", "|---|---|---|"]
    return "\n".join([*head, *(f"| {what} | {ours} | {theirs} |" for what, ours, theirs in lines)])


def _sum(table: Sequence[Row], count: str, **only: str) -> int:
    wanted = [row for row in table if all(row.get(name) == value for name, value in only.items())]
    return sum(row.get(count) or 0 for row in wanted)


def _at_most(table: Sequence[Row], *, pace: str) -> str:
    """Return the longest recovery of a pace where the answer can be known."""
    return _longest([row for row in table if row["pace"] == pace and row.get("answer_known")])


def _asked(table: Sequence[Row], channel: str) -> str:
    """Return the longest recovery as shipped where no answer comes by itself."""
    shipped = [row for row in table if row["pace"] == SHIPPED and row.get("channel") == channel]
    return _longest([row for row in shipped if not row.get("answer_known")])


def _longest(rows: Sequence[Row]) -> str:
    took = [row["recovery_max_s"] for row in rows if row.get("recovery_max_s") is not None]
    return f"within {max(took):.0f} s" if took else "not measured"

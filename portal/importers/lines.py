"""One line of the CSV, read cell by cell, and what all lines together say of somebody."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from portal.importers import cells
from portal.importers.columns import COLUMNS
from portal.importers.records import Problem

# What a line must name to say something about each of these.
IDS = {
    "patient": ("patient_id",),
    "guardian": ("guardian_id",),
    "tie": ("patient_id", "guardian_id"),
    "provider": ("provider_id",),
    "location": ("location_id",),
}


class Line:
    """The cells of one line as values, and what is wrong with them, one problem a field."""

    def __init__(self, *, where: str, cells: Mapping[str, str]) -> None:
        self.where = where
        self.problems: list[Problem] = []
        self._cells = cells
        self._values: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        """Return the value of a column; empty text where the file has no such column."""
        return self._values.get(name, "")

    def refuse(self, name: str, message: str) -> None:
        self.problems.append(Problem(where=self.where, field=name, message=message))

    def read_cells(self) -> None:
        for column in COLUMNS:
            raw = self._cells.get(column.name, "")
            if column.is_required and not raw.strip():
                self.refuse(column.name, "is empty")
            elif not column.is_local:
                self._read(column.name, column.read, raw)

    def read_times(self, *, zone: str) -> None:
        """Read start and end on the clock of the place. Both may be missing for a visit off."""
        for name in ("starts_at", "ends_at"):
            self._read(name, cells.moment, self._cells.get(name, ""), zone_name=zone)
        starts_at, ends_at = self.get("starts_at"), self.get("ends_at")
        if not isinstance(starts_at, datetime):
            self._values["ends_at"] = None
            outcome = self.get("status")
            if starts_at is None and outcome and outcome.needs_time:
                self.refuse("starts_at", "is empty")
            return
        self._read_end(starts_at=starts_at, ends_at=ends_at or None)

    def _read_end(self, *, starts_at: datetime, ends_at: datetime | None) -> None:
        length = self.get("duration_minutes") or None
        if ends_at is None and length is None:
            self.refuse("duration_minutes", "is needed, or ends_at")
        elif ends_at is not None and length is not None and ends_at - starts_at != length:
            self.refuse("duration_minutes", "does not agree with ends_at")
        elif ends_at is not None and not starts_at < ends_at <= starts_at + cells.LONGEST_VISIT:
            self.refuse("ends_at", "must follow starts_at within 24 hours")
        else:
            self._values["ends_at"] = ends_at or starts_at + length

    def _read(self, name: str, read: Any, raw: str, **options: Any) -> None:
        try:
            self._values[name] = read(raw, **options)
        except cells.Bad as error:
            self.refuse(name, str(error))

    def check_guardian(self) -> None:
        """Refuse a guardian without an id or a relation, and one who is the patient."""
        said = [name for name in self._values if name.startswith("guardian_") and self.get(name)]
        if not self.get("guardian_id"):
            if said:
                self.refuse("guardian_id", "is empty, yet other guardian columns are filled")
        elif self.get("guardian_id") == self.get("patient_id"):
            self.refuse("guardian_id", "is the patient's own id")
        elif not self.get("guardian_relation") and not self._has_problem("guardian_relation"):
            self.refuse("guardian_relation", "is empty")

    def check_consent(self) -> None:
        """Refuse a consent that is not whole, or for a number nobody has verified (S-19)."""
        for name, address in VERIFIED.items():
            if self.get(name) and not self.get(address):
                self.refuse(name, f"is yes, but {address} is empty")
        filled = [name for name in CONSENT if self.get(name)]
        if not filled or any(self._has_problem(name) for name in CONSENT):
            return
        for name in CONSENT:
            if name not in filled:
                self.refuse(name, f"is needed with {filled[0]}")
        number = "patient_phone" if self.get("patient_phone") else "guardian_phone"
        proof = "phone_verified" if number == "patient_phone" else "guardian_phone_verified"
        if not self.get(number) or not self.get(proof):
            self.refuse("sms_consent_at", "needs a phone number that is verified")

    def _has_problem(self, name: str) -> bool:
        return any(problem.field == name for problem in self.problems)

    def said(self, about: str) -> tuple[tuple[str, ...], dict[str, Any]]:
        """Return the ids of a thing this line describes, and its columns that are not empty."""
        ids = tuple(self.get(name) for name in IDS[about])
        columns = [column.name for column in COLUMNS if column.about == about]
        values = {name: self.get(name) for name in columns}
        return ids, {name: value for name, value in values.items() if value not in ("", None)}


CONSENT = ("sms_consent_at", "sms_consent_source", "sms_consent_wording")
VERIFIED = {
    "email_verified": "patient_email",
    "phone_verified": "patient_phone",
    "guardian_email_verified": "guardian_email",
    "guardian_phone_verified": "guardian_phone",
}


class Facts:
    """What the lines say of each person, tie, provider and place: it must be one story."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, ...], dict[str, Any]] = {}
        self._lines: dict[tuple[str, ...], str] = {}  # where each thing, and each fact, first stood

    def compare(self, line: Line) -> None:
        """Add a problem to the line for each cell that contradicts an earlier line."""
        for about in IDS:
            ids, values = line.said(about)
            before = self._values.get((about, *ids), {})
            for name, value in values.items():
                if all(ids) and before.get(name, value) != value:
                    first = self._lines[(about, *ids, name)]
                    line.refuse(name, f"differs from {first} for the same {IDS[about][-1]}")

    def keep(self, line: Line) -> None:
        for about in IDS:
            ids, values = line.said(about)
            if not all(ids):
                continue
            known = self._values.setdefault((about, *ids), {})
            self._lines.setdefault((about, *ids), line.where)
            for name in values.keys() - known.keys():
                self._lines[(about, *ids, name)] = line.where
                known[name] = values[name]

    def about(self, about: str) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
        """Yield (ids, what is said) of each thing of a kind, in the order of the file."""
        for (kind, *ids), values in self._values.items():
            if kind == about:
                yield tuple(ids), values

    def of(self, about: str, *ids: str) -> dict[str, Any]:
        return self._values.get((about, *ids), {})

    def first_line(self, about: str, *ids: str) -> str:
        return self._lines[(about, *ids)]

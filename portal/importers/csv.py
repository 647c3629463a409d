"""Reads the documented CSV (`docs/imports.md`): one line a visit, UTF-8, commas, a header line.

A cell is data, whatever a spreadsheet would make of it. A person, provider or place named on
several lines must be described alike on each; an empty cell says nothing.
"""

import csv
import io
from collections.abc import Iterator, Mapping

from portal.importers import cells
from portal.importers.columns import NAMES, NEEDED
from portal.importers.lines import Facts, Line
from portal.importers.people_csv import gather_people
from portal.importers.records import (
    Batch,
    Ground,
    LocationRecord,
    NotReadable,
    ProviderRecord,
    VisitRecord,
)


def read(data: bytes, *, ground: Ground) -> Batch:
    """Return what the file says. Raises NotReadable when it is no such file at all."""
    batch = Batch()
    rows = list(_rows(decode(data), batch))
    zones = {**ground.zones, **_zones(rows)}
    facts = Facts()
    for where, row in rows:
        _take(Line(where=where, cells=row), batch=batch, facts=facts, zones=zones, ground=ground)
    gather_people(batch=batch, facts=facts)
    _gather_places(batch=batch, facts=facts)
    return batch


def decode(data: bytes) -> str:
    """Return text from UTF-8, with or without a byte order mark. Raises NotReadable."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        message = "the text is not UTF-8: save the file as “CSV UTF-8”"
        raise NotReadable(where=f"line {number}", name="file", message=message) from None


def _rows(text: str, batch: Batch) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield (line, cells by column) of each line that has as many cells as the header."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header, start = None, 1
    try:
        for row in reader:
            where, start = f"line {start}", reader.line_num + 1
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = _header(row, where, batch)
            elif len(row) != len(header):
                batch.refuse(where, "line", f"has {len(row)} cells, the header has {len(header)}")
            else:
                yield where, dict(zip(header, row, strict=True))
    except csv.Error:
        message = "cannot be split into cells: a quote is not closed, or a cell is too long"
        raise NotReadable(where=f"line {start}", name="line", message=message) from None
    if header is None:
        raise NotReadable(where="line 1", name="file", message="is empty: it needs a header line")


def _header(row: list[str], where: str, batch: Batch) -> list[str]:
    header = [name.strip().lower() for name in row]
    missing = [name for name in NEEDED if name not in header]
    if missing:
        message = f"lacks {', '.join(missing)}; known columns are: {', '.join(NAMES)}"
        raise NotReadable(where=where, name="header", message=message)
    for number, name in enumerate(header, start=1):
        if name not in NAMES:
            message = f"is not a known column; known are: {', '.join(NAMES)}"
            batch.refuse(where, f"column {number}", message)
        elif header.index(name) != number - 1:
            raise NotReadable(where=where, name=name, message="stands there twice")
    return header


def _zones(rows: list[tuple[str, Mapping[str, str]]]) -> dict[str, str]:
    """Return the zone of each place in the file that names a real one."""
    named = [(row.get("location_id", "").strip(), row.get("location_zone", "")) for _, row in rows]
    return {place: zone.strip() for place, zone in named if place and _is_zone(zone)}


def _is_zone(zone: str) -> bool:
    try:
        return bool(cells.zone(zone))
    except cells.Bad:
        return False


def _take(
    line: Line, *, batch: Batch, facts: Facts, zones: Mapping[str, str], ground: Ground
) -> None:
    """Add one line to the batch: all of it, or, when anything is wrong, only its problems."""
    line.read_cells()
    line.read_times(zone=zones.get(line.get("location_id"), ground.zone))
    line.check_guardian()
    line.check_consent()
    facts.compare(line)
    visit = None if line.problems else _visit(line)
    if visit is not None and visit.key in batch.visits:
        line.refuse("appointment_id", f"stands on {batch.visits[visit.key].where} already")
    if line.problems:
        batch.problems.extend(line.problems)
        return
    facts.keep(line)
    batch.visits[visit.key] = visit


def _visit(line: Line) -> VisitRecord:
    provider, location = line.get("provider_id"), line.get("location_id")
    return VisitRecord(
        key=("Appointment", line.get("appointment_id")),
        where=line.where,
        patient=("Patient", line.get("patient_id")),
        provider=("Practitioner", provider) if provider else None,
        location=("Location", location) if location else None,
        starts_at=line.get("starts_at"),
        ends_at=line.get("ends_at"),
        outcome=line.get("status"),
        reason=line.get("reason"),
        notes=line.get("notes"),
    )


def _gather_places(*, batch: Batch, facts: Facts) -> None:
    for (provider_id,), said in facts.about("provider"):
        key = ("Practitioner", provider_id)
        batch.providers[key] = ProviderRecord(key=key, name=said.get("provider_name", ""))
    for (location_id,), said in facts.about("location"):
        key, where = ("Location", location_id), facts.first_line("location", location_id)
        texts = {name: said.get(f"location_{name}", "") for name in LOCATION_TEXTS}
        batch.locations[key] = LocationRecord(key=key, where=where, **texts)


LOCATION_TEXTS = ("name", "zone", "state", "phone", "address")

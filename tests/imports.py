"""Files as practices' systems write them, and the desk that imports them."""

import csv
import io
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError

from notifications.models import PatientNotification, ScheduledNotification
from portal.models import Appointment, ExternalId, User

NOW = datetime.fromisoformat("2026-11-20T09:00:00-05:00")  # a Friday
SOURCE = "pms"

ANA = {
    "patient_id": "P1",
    "patient_first_name": "Ana",
    "patient_last_name": "Example",
    "patient_birth_date": "1984-05-31",
    "patient_email": "ana@example.com",
}
BEN = {
    "patient_id": "P2",
    "patient_first_name": "Ben",
    "patient_last_name": "Example",
    "patient_birth_date": "1979-01-02",
    "patient_email": "ben@example.com",
}
LEO = {  # a child, without an address of his own
    "patient_id": "P3",
    "patient_first_name": "Leo",
    "patient_last_name": "Example",
    "patient_birth_date": "2019-08-09",
    "guardian_id": "P1",
    "guardian_first_name": "Ana",
    "guardian_last_name": "Example",
    "guardian_relation": "mother",
    "guardian_email": "ana@example.com",
    "guardian_phone": "201 555 0123",
}
VISIT = {
    "appointment_id": "A1",
    "provider_id": "D1",
    "provider_name": "Dr. Lee",
    "location_id": "L1",
    "location_name": "Main Street",
    "location_zone": "America/New_York",
    "starts_at": "2026-12-08 09:30",
    "duration_minutes": "30",
    "status": "booked",
}


def row(who: dict[str, str], /, **cells: str) -> dict[str, str]:
    """Return a line: a visit of somebody in two weeks, with cells changed."""
    return VISIT | who | cells


def csv_of(*rows: dict[str, str]) -> str:
    columns = list(dict.fromkeys(name for each in rows for name in each))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


@dataclass
class Outcome:
    """What the person at the terminal saw."""

    code: int
    out: str
    err: str

    @property
    def seen(self) -> str:
        return self.out + self.err

    @property
    def report(self) -> dict[str, Any]:
        return json.loads(self.out)

    @property
    def problems(self) -> list[str]:
        """Return the lines that say what is wrong."""
        return [line for line in self.err.splitlines() if line]


def run_import(content: str | bytes | dict, *, folder: Path, **options: Any) -> Outcome:
    """Write a file and import it as the command does; JSON unless told otherwise."""
    name = "bundle.json" if isinstance(content, dict) else "visits.csv"
    text = json.dumps(content) if isinstance(content, dict) else content
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return import_path(path, **options)


def import_path(path: Path, **options: Any) -> Outcome:
    out, err, code = io.StringIO(), io.StringIO(), 0
    options = {"source": SOURCE} | options
    try:
        call_command("import_appointments", path, stdout=out, stderr=err, **options)
    except CommandError as error:
        code = error.returncode
        err.write(f"{error}\n")
    return Outcome(code=code, out=out.getvalue(), err=err.getvalue())


def visit_called(external_id: str, source: str = SOURCE) -> Appointment:
    named = ExternalId.objects.get(source=source, resource="Appointment", external_id=external_id)
    return Appointment.objects.get(pk=named.object_id)


def patient_called(external_id: str, source: str = SOURCE) -> User:
    named = ExternalId.objects.get(source=source, resource="Patient", external_id=external_id)
    return User.objects.get(pk=named.object_id)


def told(patient: User) -> list[str]:
    """Return the types of a patient's messages, oldest first."""
    rows = PatientNotification.objects.filter(patient=patient).order_by("seq")
    return list(rows.values_list("type", flat=True))


def planned(visit: Appointment) -> list[str]:
    """Return the rules a visit will be reminded by, earliest first."""
    rows = ScheduledNotification.objects.filter(subject=visit.subject, status="planned")
    return list(rows.order_by("due_at").values_list("rule", flat=True))


def everything() -> dict[str, int]:
    """Return how much there is of what an import may write."""
    models = (User, Appointment, ExternalId, ScheduledNotification, PatientNotification)
    return {model.__name__: model.objects.count() for model in models}

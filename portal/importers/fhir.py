"""Reads FHIR R4: a Bundle, or one Patient, RelatedPerson, Practitioner, Location or Appointment.

What each element becomes, and what is left out, is in `docs/imports.md`. The narrative is never
read. Each resource is checked alone, so that one bad entry says which it is.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from fhir.resources.R4B.appointment import Appointment
from fhir.resources.R4B.location import Location
from fhir.resources.R4B.patient import Patient
from fhir.resources.R4B.practitioner import Practitioner
from fhir.resources.R4B.relatedperson import RelatedPerson
from pydantic import BaseModel, ValidationError

from portal.importers.fhir_entries import Entry, Names, entries_of, field_of, sentence_for
from portal.importers.fhir_people import read_patient, read_related
from portal.importers.fhir_places import read_location, read_practitioner
from portal.importers.fhir_visits import read_visit
from portal.importers.records import Batch, Ground, NotReadable

Reader = Callable[..., None]
# In this order: a visit is read when everybody it names has been.
READERS: tuple[tuple[str, type[BaseModel], Reader], ...] = (
    ("Location", Location, read_location),
    ("Practitioner", Practitioner, read_practitioner),
    ("Patient", Patient, read_patient),
    ("RelatedPerson", RelatedPerson, read_related),
    ("Appointment", Appointment, read_visit),
)
KNOWN = tuple(name for name, _model, _reader in READERS)


def read(data: bytes, *, ground: Ground) -> Batch:
    """Return what the file says. Raises NotReadable when it is no FHIR resource at all."""
    batch, names = Batch(), Names()
    entries = list(_ours(entries_of(_parse(data)), batch=batch, names=names))
    for kind, model, reader in READERS:
        for entry in (entry for entry in entries if entry.kind == kind):
            _read_entry(entry, model=model, reader=reader, batch=batch, names=names)
    return batch


def _parse(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise NotReadable(where="entry 1", name="file", message="is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        where, message = f"line {error.lineno}", f"is not JSON at column {error.colno}"
        raise NotReadable(where=where, name="file", message=message) from None
    except ValueError:  # of JSON that is well formed, Python takes numbers up to 4,300 digits
        message = "holds a number of thousands of digits"
        raise NotReadable(where="entry 1", name="file", message=message) from None
    except RecursionError:
        raise NotReadable(where="entry 1", name="file", message="is nested too deeply") from None
    if not isinstance(document, dict):
        message = f"must be a Bundle or one of {', '.join(KNOWN)}"
        raise NotReadable(where="entry 1", name="resourceType", message=message)
    return document


def _ours(entries: Iterator[Entry], *, batch: Batch, names: Names) -> Iterator[Entry]:
    """Yield the entries we read, each under its key; count the others and refuse the nameless."""
    for entry in entries:
        if entry.refusal:
            batch.refuse(entry.where, *entry.refusal)
        elif entry.kind not in KNOWN:
            batch.ignored[entry.kind] += 1
        elif entry.key in names.places:
            batch.refuse(entry.where, "id", f"stands in {names.places[entry.key]} already")
        else:
            names.add(entry)
            yield entry


def _read_entry(
    entry: Entry, *, model: type[BaseModel], reader: Reader, batch: Batch, names: Names
) -> None:
    before = len(batch.problems)
    try:
        resource = model.model_validate(entry.resource)
    except ValidationError as error:
        for detail in error.errors(include_input=False, include_context=False, include_url=False):
            batch.refuse(entry.where, field_of(detail["loc"]), sentence_for(detail["type"]))
    else:
        reader(resource, entry=entry, batch=batch, names=names)
    if len(batch.problems) > before:
        names.refused.add(entry.key)
        batch.drop(entry.key)

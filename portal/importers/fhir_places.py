"""Locations and practitioners of a FHIR file."""

from collections.abc import Iterable
from typing import Any

from portal.importers import cells
from portal.importers.fhir_entries import Entry, Names
from portal.importers.records import Batch, LocationRecord, ProviderRecord
from portal.models import STATES

TIMEZONE = "http://hl7.org/fhir/StructureDefinition/timezone"


def read_location(resource: Any, *, entry: Entry, batch: Batch, names: Names) -> None:
    """Add a place. Its zone comes from the `timezone` extension, if it has that."""
    try:
        zone = cells.zone(_zone(resource.extension or ()))
    except cells.Bad as error:
        batch.refuse(entry.where, "extension", str(error))
        return
    texts = {
        "name": (text_of(resource.name), 120),
        "phone": (_phone(resource.telecom or ()), 32),
        "address": (_address(resource.address), 200),
    }
    kept = one_liners(texts, entry=entry, batch=batch)
    batch.locations[entry.key] = LocationRecord(
        key=entry.key, where=entry.where, zone=zone, state=_state(resource.address), **kept
    )


def read_practitioner(resource: Any, *, entry: Entry, batch: Batch, names: Names) -> None:
    name = whole_name(best_name(resource.name or ()))
    kept = one_liners({"name": (name, 120)}, entry=entry, batch=batch)
    batch.providers[entry.key] = ProviderRecord(key=entry.key, **kept)


def one_liners(texts: dict[str, tuple[str, int]], *, entry: Entry, batch: Batch) -> dict[str, str]:
    """Return each text checked against its longest length; the batch hears of what is wrong."""
    kept = {}
    for name, (text, limit) in texts.items():
        try:
            kept[name] = cells.line(text, limit=limit)
        except cells.Bad as error:
            batch.refuse(entry.where, name, str(error))
            kept[name] = ""
    return kept


def text_of(value: Any) -> str:
    """Return an optional text, without blanks around it or line breaks in it."""
    return " ".join(str(value).split()) if value else ""


def best_name(names: Iterable[Any]) -> Any | None:
    """Return the name somebody goes by: official, usual, then any that is not an old one."""
    order = {"official": 0, "usual": 1, None: 2}
    current = [name for name in names if name.use not in ("old", "maiden", "nickname", "anonymous")]
    return min(current, key=lambda name: order.get(name.use, 3), default=None)


def whole_name(name: Any | None) -> str:
    """Return a name as it is said: `Dr. Adam Careful`."""
    if name is None:
        return ""
    parts = [*(name.prefix or ()), *(name.given or ()), name.family, *(name.suffix or ())]
    return text_of(name.text) or " ".join(text_of(part) for part in parts if part)


def _zone(extensions: Iterable[Any]) -> str:
    found = [extension for extension in extensions if extension.url == TIMEZONE]
    values = [extension.valueCode or extension.valueString or "" for extension in found]
    return values[0] if values else ""


def _phone(telecom: Iterable[Any]) -> str:
    phones = [point.value for point in telecom if point.system == "phone" and point.value]
    return text_of(phones[0]) if phones else ""


def _state(address: Any | None) -> str:
    """Return the state where it is written as two letters; it is a free text in FHIR."""
    letters = text_of(address.state).upper() if address is not None else ""
    return letters if letters in STATES else ""


def _address(address: Any | None) -> str:
    if address is None:
        return ""
    parts = [*(address.line or ()), address.city, address.state, address.postalCode]
    return text_of(address.text) or ", ".join(text_of(part) for part in parts if part)

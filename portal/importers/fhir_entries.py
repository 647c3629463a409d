"""The entries of a FHIR file, what they are called, and how they refer to one another."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from portal.importers.cells import Bad
from portal.importers.records import Key, NotReadable

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_NAME = re.compile(r"[A-Za-z]{1,40}")
_REFERENCE = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[^/]+)?$")
_URN = "urn:uuid:"


@dataclass
class Entry:
    """One resource of the file. `refusal` is (field, sentence) when it cannot be read at all."""

    number: int
    kind: str
    id: str
    resource: dict[str, Any]
    full_url: str = ""
    refusal: tuple[str, str] | None = None

    @property
    def key(self) -> Key:
        return (self.kind, self.id)

    @property
    def where(self) -> str:
        name = f" ({self.kind}/{self.id})" if self.kind and self.id else ""
        return f"entry {self.number}{name}"


@dataclass
class Names:
    """What the entries of one file are called, and which of them were refused."""

    places: dict[Key, str] = field(default_factory=dict)
    urls: dict[str, Key] = field(default_factory=dict)
    refused: set[Key] = field(default_factory=set)

    def add(self, entry: Entry) -> None:
        self.places[entry.key] = entry.where
        if entry.full_url:
            self.urls[entry.full_url] = entry.key

    def key_of(self, reference: str | None) -> Key:
        """Return (type, id) of what a reference points at. Raises Bad when it names nothing."""
        if not reference:
            raise Bad("has no reference: an identifier alone does not say who is meant")
        if reference.startswith("#"):
            raise Bad("points at a contained resource, which has no id of its own")
        if reference in self.urls:
            return self.urls[reference]
        found = _REFERENCE.search(reference)
        if found is None:
            raise Bad("is not a reference such as Patient/123")
        key = (found[1], found[2])
        if key in self.refused:
            raise Bad(f"points at {self.places[key]}, which was refused")
        return key


def entries_of(document: dict[str, Any]) -> Iterator[Entry]:
    """Yield each resource of a Bundle, or the one resource. Raises NotReadable."""
    if document.get("resourceType") != "Bundle":
        yield _entry(1, document, full_url="")
        return
    if document.get("type") == "history":
        message = "a history holds several versions of one thing; export the current ones"
        raise NotReadable(where="Bundle", name="type", message=message)
    entries = document.get("entry", [])
    if not isinstance(entries, list):
        raise NotReadable(where="Bundle", name="entry", message="must be a list")
    for number, entry in enumerate(entries, start=1):
        yield _of_bundle(number, entry)


def _of_bundle(number: int, entry: Any) -> Entry:
    if not isinstance(entry, dict) or not isinstance(entry.get("resource"), dict):
        return _refused(number, "resource", "is required")
    request = entry.get("request")
    if isinstance(request, dict) and request.get("method") not in (None, "GET", "POST", "PUT"):
        return _refused(number, "request.method", "must be GET, POST or PUT: nothing is deleted")
    full_url = entry.get("fullUrl", "")
    return _entry(number, entry["resource"], full_url=full_url if isinstance(full_url, str) else "")


def _refused(number: int, name: str, message: str) -> Entry:
    return Entry(number=number, kind="", id="", resource={}, refusal=(name, message))


def _entry(number: int, resource: dict[str, Any], *, full_url: str) -> Entry:
    kind, own_id = resource.get("resourceType"), resource.get("id")
    if not isinstance(kind, str) or not _NAME.fullmatch(kind):
        return _refused(number, "resourceType", "is required")
    if own_id is None and full_url.startswith(_URN):
        own_id = full_url.removeprefix(_URN)
    if not isinstance(own_id, str) or not _ID.fullmatch(own_id):
        refusal = ("id", "is required: 1 to 64 letters, digits, dashes and dots")
        return Entry(number=number, kind=kind, id="", resource={}, refusal=refusal)
    return Entry(number=number, kind=kind, id=own_id, resource=resource, full_url=full_url)


SENTENCES = {
    "missing": "is required",
    "extra_forbidden": "is not an element FHIR R4 knows there",
    "string_type": "must be text",
    "bool_type": "must be true or false",
}


def sentence_for(kind: str) -> str:
    """Return what is wrong, in words that quote nothing of the file."""
    return SENTENCES.get(kind, "does not have the form FHIR R4 gives it")


def field_of(place: tuple[str | int, ...]) -> str:
    """Return `participant[0].actor` for a place in a resource; odd names become a question mark."""
    name = ""
    for part in place:
        if isinstance(part, int):
            name += f"[{part}]"
        else:
            clean = part if re.fullmatch(r"_?[A-Za-z]{1,40}", part) else "?"
            name += f".{clean}" if name else clean
    return name or "resource"

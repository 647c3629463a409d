"""Every page patients see, in one table: what holds on all of them is tested on each of these.

A page joins by its name in portal/urls.py: tests/test_pages_proof.py fails until it is here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, reverse

from portal import urls
from tests.browser.conftest import Person
from tests.browser.desk import Desk

# By the name of the address: how else the page can look, "" being as it is.
PAGES: dict[str, tuple[str, ...]] = {
    "home": ("",),
    "visits": ("",),
    "visit-move": ("",),
    "forms": ("",),
    "form": ("",),
    "statements": ("",),
    "statement": ("",),
    "centre": ("", "?view=unread", "?view=archived", "?category=billing"),
    "message": ("",),
    "settings": ("",),
    "preview": ("", "?type=lab_results"),
    "changes": ("",),
    "contact": ("",),
    "contact-add": ("",),
}
SIGNED_OUT: dict[str, tuple[str, ...]] = {"login": ("",), "unsubscribe": ("",)}
LOST = "/lost/"  # the page of an address that leads nowhere: tests/rig/browser_urls.py
# What answers a GET and is no page: parts of one, a file, a way to one, what a script asks for.
NO_PAGES = {"popover", "sync", "visit-calendar", "short-link", "service-worker", "devices"}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Somebody with one of everything, and its ids by the names addresses have for them."""

    person: Person
    ids: dict[str, str]

    def paths(self, *, ward: str = "") -> list[str]:
        """Return the address of every page of theirs, or of a ward's by the ward's id."""
        return [path + query for name, path in self.named(ward=ward) for query in PAGES[name]]

    def named(self, *, ward: str = "") -> Iterator[tuple[str, str]]:
        """Yield each page's name and bare address."""
        whose = {"patient_id": ward} if ward else {}
        for name in PAGES:
            yield name, reverse(name, kwargs=self._ids_of(name) | whose)

    def signed_out(self) -> list[str]:
        """Return the pages one sees without an account."""
        return [*(reverse(name, kwargs=self._ids_of(name)) for name in SIGNED_OUT), LOST]

    def _ids_of(self, name: str) -> dict[str, str]:
        return {each: self.ids[each] for each in ADDRESSES[name]}


def furnish(desk: Desk, person: Person) -> Scene:
    """Give somebody one of everything their pages can show, and a child who has as much."""
    return Scene(person=person, ids=desk.furnish(patient_id=person.id, address=person.email))


def addresses(entries: list = urls.urlpatterns) -> Iterator[tuple[str, set[str]]]:
    """Yield the name of each address of the portal, and what it asks for beside a patient."""
    for entry in entries:
        if isinstance(entry, URLResolver):
            yield from addresses(entry.url_patterns)
        elif isinstance(entry, URLPattern):
            yield entry.name, set(entry.pattern.converters) - {"patient_id"}


ADDRESSES = dict(addresses())

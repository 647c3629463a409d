"""Every page patients see, in one table: what holds on all of them is tested on each of these.

A page joins by its name in portal/urls.py: tests/test_pages_proof.py fails until it is here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, reverse
from playwright.sync_api import Page

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
    "sent": ("",),
    "message": ("",),
    "settings": ("",),
    "preview": ("", "?type=lab_results"),
    "changes": ("",),
    "private": ("",),
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

    def owns(self, ids: dict[str, str]) -> bool:
        """Return whether an address with these ids names something of theirs."""
        return any(name.endswith("_id") for name in ids)

    def _ids_of(self, name: str) -> dict[str, str]:
        return {each: self.ids[each] for each in ADDRESSES[name]}


def furnish(desk: Desk, person: Person) -> Scene:
    """Give somebody one of everything their pages can show, and a child who has as much."""
    return Scene(person=person, ids=desk.furnish(patient_id=person.id, address=person.email))


def walk(
    visitor: Any, scene: Scene, *, ward: str = "", **window: Any
) -> Iterator[tuple[str, Page]]:
    """Yield each address with its page, open: the person's, a ward's, those without an account."""
    signed_in, signed_out = visitor(**window), visitor(**window)
    page = signed_in.sign_in(scene.person, LOST)
    for path in [
        *scene.paths(),
        *([f"/for/{ward}/", f"/for/{ward}/notifications/"] if ward else []),
    ]:
        page.goto(f"{signed_in.site.url}{path}")
        yield path, page
    page = signed_out.page()
    for path in scene.signed_out():
        page.goto(f"{signed_out.site.url}{path}")
        yield path, page


def addresses(entries: list = urls.urlpatterns) -> Iterator[tuple[str, set[str]]]:
    """Yield the name of each address of the portal, and what it asks for beside a patient."""
    for entry in entries:
        if isinstance(entry, URLResolver):
            yield from addresses(entry.url_patterns)
        elif isinstance(entry, URLPattern):
            yield entry.name, set(entry.pattern.converters) - {"patient_id"}


ADDRESSES = dict(addresses())

"""A site, a browser, and a watch over everything a page complains about."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.desk import PASSWORD, Desk
from tests.rig import mirrored
from tests.rig.install import axe_script, chromium
from tests.rig.live import Site, live_site

QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
# A server that is down, and an answer that refuses, are part of the stories told here.
EXPECTED = re.compile(
    r"Failed to load resource|WebSocket connection to .* failed"
    r"|htmx:(afterRequest|sendError)|Response Status Error"
)
numbers = itertools.count(1)


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A real web server and a real worker on a database of their own."""
    words = mirrored.write(tmp_path_factory.mktemp("words"))
    with live_site(
        DJANGO_SETTINGS_MODULE="tests.rig.browser_settings", DENTAMIND_MIRRORED=str(words)
    ) as running:
        running.start("web", "worker")
        yield running


@pytest.fixture(scope="package")
def desk(site: Site) -> Iterator[Desk]:
    at_work = Desk(site)
    yield at_work
    at_work.close()


# Ends with this package: while it runs, Django takes the main thread for an async one.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*flags, *QUIET])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window on a clean profile."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    yield context.new_page()
    context.close()


@dataclass
class Person:
    """Somebody with an account of their own for this test."""

    id: str
    email: str
    first_name: str


@pytest.fixture
def ana(desk: Desk) -> Person:
    return admit(desk, "Ana")


@pytest.fixture
def ben(desk: Desk) -> Person:
    return admit(desk, "Ben")


def admit(desk: Desk, first_name: str, **options: str) -> Person:
    email = f"{first_name.lower()}{next(numbers)}@example.com"
    person_id = desk.admit(email=email, first_name=first_name, **options)
    return Person(id=person_id, email=email, first_name=first_name)


@dataclass
class Visitor:
    """A browser's window on the site. What the page complains about fails the test."""

    context: BrowserContext
    site: Site
    desk: Desk
    complaints: list[str] = field(default_factory=list)

    def page(self) -> Page:
        page = self.context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def _console(self, message) -> None:
        if message.type in ("error", "warning") and not EXPECTED.search(message.text):
            self.complaints.append(message.text)

    def sign_in(self, person: Person, path: str = "/") -> Page:
        """Go to a page of somebody who has signed in: the session was opened before."""
        key = self.desk.session_of(email=person.email)
        self.context.add_cookies([{"name": "sessionid", "value": key, "url": self.site.url}])
        page = self.page()
        page.goto(f"{self.site.url}{path}")
        return page

    def sign_in_by_hand(self, person: Person, path: str = "/") -> Page:
        """Sign in through the page, as a person does, and go to a page of theirs."""
        page = self.page()
        page.goto(f"{self.site.url}/accounts/login/?next={path}")
        page.get_by_label("Email").fill(person.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{self.site.url}{path}")
        return page


@pytest.fixture
def visitor(browser: Browser, site: Site, desk: Desk) -> Iterator[Callable[..., Visitor]]:
    """Open windows: `visitor(width=390, color_scheme="dark")`."""
    visitors: list[Visitor] = []

    def open_window(*, width: int = 1280, height: int = 900, **options) -> Visitor:
        viewport = {"width": width, "height": height}
        context = browser.new_context(viewport=viewport, **{"locale": "en-US", **options})
        context.set_default_timeout(10_000)
        # Only DEBUG adds this script: it puts an error's page in the place of ours.
        context.route("**/django-htmx.js", lambda route: route.abort())
        visitors.append(Visitor(context=context, site=site, desk=desk))
        return visitors[-1]

    yield open_window
    for each in visitors:
        each.context.close()
    assert [text for each in visitors for text in each.complaints] == []


def axe(page: Page) -> list[str]:
    """Return what the accessibility checker finds on a page, a line a rule."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(axe_script().read_text())
    found = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    assert found["passes"], "the checker did not look at anything"
    return [
        f"{each['id']}: {each['help']}: {each['nodes'][0]['html']}" for each in found["violations"]
    ]


def badge(page: Page) -> str:
    """Return what the bell's badge shows; empty when there is none."""
    shown = page.locator("#bell .badge")
    return shown.inner_text() if shown.count() else ""


def expect_focus(page: Page, *, text: str = "", tag: str = "") -> None:
    """Wait until the focus is where it belongs: on an element with this text or of this tag.

    The page moves it a moment after the rows are drawn. Without either, anywhere but nowhere.
    """
    page.wait_for_function(
        """([text, tag]) => {
            const here = document.activeElement;
            if (text && here.innerText?.trim() !== text) return false;
            return tag ? here.tagName === tag : here.tagName !== "BODY";
        }""",
        arg=[text, tag],
    )

"""`make pictures`: take the README's pictures anew, from a demo clinic of this moment.

The site runs on a database of its own and is gone afterwards; only docs/pictures/ changes.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page, sync_playwright

from tests.rig.install import CHROMIUM, Missing, chromium, ensure
from tests.rig.live import Site, live_site
from tests.rig.processes import ROOT

PICTURES = ROOT / "docs" / "pictures"
PASSWORD = "only-for-pictures"
ANA, DESK = "ana@example.com", "admin@example.com"
WIDE, PHONE = (1200, 900), (390, 844)
SETTLED = 1_500  # ms: the socket is open, the times are written


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture: who looks, at what, on which screen; of one element if a selector says so."""

    name: str
    path: str
    who: str = ANA
    size: tuple[int, int] = WIDE
    dark: bool = False
    only: str = ""
    press: tuple[str, ...] = field(default_factory=tuple)  # links to follow first


ALL = (
    Picture(name="centre", path="/notifications/"),
    Picture(name="centre-phone", path="/notifications/", size=PHONE),
    Picture(name="centre-dark", path="/notifications/", dark=True),
    Picture(name="message", path="/notifications/", press=("#list h3 a >> nth=1",)),
    Picture(name="settings", path="/notifications/settings/"),
    Picture(name="email", path="/dev/outbox/?channel=email", who=DESK, only=".outbox-email"),
    Picture(name="text", path="/dev/outbox/?channel=sms", who=DESK, only=".outbox-phone"),
    Picture(name="push", path="/dev/outbox/?channel=push", who=DESK, only=".outbox-push"),
    Picture(name="timeline", path="/admin/portal/user/?q=ana@example.com", who=DESK,
            press=("#result_list a", "a:has-text('Timeline')")),
)  # fmt: skip


def main() -> int:
    """Take every picture; the exit code says whether all were taken."""
    try:
        ensure(needs=[CHROMIUM], say=print)
    except Missing as error:
        print(error)
        return 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    with live_site(DEMO_PASSWORD=PASSWORD) as site, sync_playwright() as playwright:
        print("opening the demo clinic ...", flush=True)
        site.manage("seed_demo")
        site.start()
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=chromium(), args=flags)
        for picture in ALL:
            _take(picture, browser=browser, site=site)
        browser.close()
    return 0


def _take(picture: Picture, *, browser: Browser, site: Site) -> None:
    width, height = picture.size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if picture.dark else "light",
        locale="en-US",
    )
    page = context.new_page()
    _sign_in(page, picture, site=site)
    for each in picture.press:
        page.locator(each).first.click()
        page.wait_for_load_state()
    page.wait_for_timeout(SETTLED)
    target = page.locator(picture.only).first if picture.only else page
    place = PICTURES / f"{picture.name}.png"
    target.screenshot(path=place)
    context.close()
    print(f"{place.relative_to(ROOT)}", flush=True)


def _sign_in(page: Page, picture: Picture, *, site: Site) -> None:
    page.goto(f"{site.url}/accounts/login/?next={picture.path}")
    page.get_by_label("Email").fill(picture.who)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state()


if __name__ == "__main__":
    sys.exit(main())

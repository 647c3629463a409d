"""`make pictures`: take the README's pictures anew, from a demo clinic of this moment.

The site runs on a database of its own and is gone afterwards; only docs/pictures/ changes.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field

from playwright.sync_api import Browser, FloatRect, Page, sync_playwright

from tests.rig.install import CHROMIUM, Missing, chromium, ensure
from tests.rig.live import Site, live_site
from tests.rig.processes import ROOT

PICTURES = ROOT / "docs" / "pictures"
PASSWORD = "only-for-pictures"
ANA, DESK = "ana@example.com", "admin@example.com"
WIDE, NARROW, PHONE = (1200, 900), (620, 900), (390, 844)
LARGEST = 200_000  # bytes: a reader of the README loads them all
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
    last: int = 0  # of a long element, its last pixels
    top: str = ""  # of a long page, what stands at the window's upper edge
    press: tuple[str, ...] = field(default_factory=tuple)  # links to follow first


HERS = ":has-text('0142')"  # the end of Ana's number
ALL = (
    Picture(name="centre", path="/notifications/"),
    Picture(name="centre-phone", path="/notifications/", size=PHONE),
    Picture(name="centre-dark", path="/notifications/", dark=True),
    Picture(name="popover", path="/visits/", press=("#bell",)),
    Picture(name="message", path="/notifications/", press=("#list h3 a >> nth=1",)),
    Picture(name="settings", path="/notifications/settings/", top="[aria-labelledby=matrix]"),
    Picture(name="settings-phone", path="/notifications/settings/", size=PHONE),
    Picture(name="preview", path="/notifications/settings/preview/"),
    Picture(
        name="text",
        path="/dev/outbox/?channel=sms",
        who=DESK,
        size=NARROW,
        press=(f".outbox-phone{HERS} button[value='1']",),
        only=f".outbox-phone{HERS}",
        last=760,
    ),
    Picture(
        name="email",
        path="/dev/outbox/?channel=email",
        who=DESK,
        size=NARROW,
        only=f".outbox-email:has-text('{ANA}')",
    ),
    Picture(
        name="push",
        path="/dev/outbox/?channel=push",
        who=DESK,
        size=NARROW,
        only=".outbox-push",
    ),
    Picture(
        name="timeline",
        path=f"/admin/portal/user/?q={ANA}",
        who=DESK,
        press=(
            "#result_list tbody th a",
            "a:has-text('Timeline')",
            ".kinds a[href*='kind=message']",
        ),
    ),
)


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
        site.start("web", "worker", "carrier")
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
    if picture.top:
        page.locator(picture.top).first.evaluate("each => scrollTo(0, each.offsetTop - 24)")
    place = PICTURES / f"{picture.name}.png"
    if picture.only and not picture.last:  # brings it into sight, and what it frames with it
        page.locator(picture.only).first.scroll_into_view_if_needed()
        page.wait_for_timeout(SETTLED)
        page.locator(picture.only).first.screenshot(path=place)
    else:
        page.screenshot(path=place, full_page=bool(picture.only), clip=_frame(page, picture))
    context.close()
    if place.stat().st_size > LARGEST:
        raise SystemExit(f"{place.relative_to(ROOT)} is larger than {LARGEST} bytes")
    print(f"{place.relative_to(ROOT)}", flush=True)


def _frame(page: Page, picture: Picture) -> FloatRect | None:
    """Return what of the page is in the picture; None for what the window shows."""
    if not picture.only:
        return None
    box = page.locator(picture.only).first.bounding_box()
    if picture.last < box["height"]:
        box |= {"y": box["y"] + box["height"] - picture.last, "height": picture.last}
    return box


def _sign_in(page: Page, picture: Picture, *, site: Site) -> None:
    page.goto(f"{site.url}/accounts/login/?next={picture.path}")
    page.get_by_label("Email").fill(picture.who)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state()


if __name__ == "__main__":
    sys.exit(main())

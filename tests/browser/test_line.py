"""The line through the house in a real browser: made by a command, seen by Ana without a reload."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.rig.live import Site, live_site

PASSWORD = "a demo of sixteen"
WITHIN = 2_000  # ms: from the command's end to the badge
CATCHES_UP = 15_000  # ms: from a server's return to the badge

pytestmark = [pytest.mark.browser, pytest.mark.browser_short, pytest.mark.servers]


@pytest.fixture(scope="module")
def site():
    with live_site(DEMO_PASSWORD=PASSWORD) as site:
        site.manage("seed_demo")
        site.start()
        yield site


def sign_in(page: Page, site: Site, email: str = "ana@example.com") -> None:
    page.goto(f"{site.url}/accounts/login/")
    page.get_by_label(re.compile("e-?mail", re.IGNORECASE)).fill(email)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("main button").first.click()
    page.goto(f"{site.url}/notifications/")


def unread(page: Page) -> int:
    """Read the bell's spoken name: the true number."""
    found = re.search(r"(\d+) unread", bell(page).inner_text())
    return int(found.group(1)) if found else 0


def bell(page: Page):
    return page.locator("#bell")


def says(count: int) -> re.Pattern:
    return re.compile(rf"\b{count} unread")


def send(site: Site) -> str:
    result = site.manage(
        "send_notification", "--patient", "ana@example.com", "--type", "system_alert"
    )
    return result.stdout.strip().splitlines()[-1]


def test_p03_the_badge_moves_within_two_seconds_without_a_reload(site, page):
    sign_in(page, site)
    before = unread(page)
    page.evaluate("window.sameDocument = true")
    page.wait_for_timeout(1_000)  # the socket opens
    send(site)
    expect(bell(page)).to_have_accessible_name(says(before + 1), timeout=WITHIN)
    assert page.evaluate("window.sameDocument") is True


def test_p03_the_badge_moves_while_the_worker_is_dead_and_the_mail_goes_when_it_is_back(site, page):
    sign_in(page, site)
    before = unread(page)
    page.wait_for_timeout(1_000)
    site.kill("worker")
    sent = send(site)
    expect(bell(page)).to_have_accessible_name(says(before + 1), timeout=WITHIN)
    site.start("worker")
    page.goto(f"{site.url}/notifications/{sent}/")
    happened = page.locator("main").filter(has_text="Email")
    for _ in range(40):
        if "Sent" in happened.inner_text():
            break
        page.wait_for_timeout(1_000)
        page.reload()
    expect(happened).to_contain_text("Sent")


def test_p06_nothing_is_missed_while_the_socket_was_down(site, page):
    sign_in(page, site)
    before = unread(page)
    page.wait_for_timeout(1_000)
    site.kill("web")
    for _ in range(3):
        send(site)
    site.start("web")
    expect(bell(page)).to_have_accessible_name(says(before + 3), timeout=CATCHES_UP)

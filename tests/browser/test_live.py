"""The centre while messages arrive: badge, pill, title; and a line that breaks."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import badge

pytestmark = pytest.mark.browser

CENTRE = "/notifications/"


def live(page: Page) -> None:
    """Wait until the page's line to the server is up: its first look is behind it."""
    expect(page.locator("#news[data-seq]")).to_be_attached()


@pytest.mark.browser_short
@pytest.mark.req("P-03")
def test_badge_moves_within_two_seconds_of_a_command(site, visitor, ana):
    page = visitor().sign_in(ana, "/visits/")
    live(page)
    assert badge(page) == ""

    site.manage("send_notification", "--patient", ana.email, "--type", "lab_results")

    expect(page.locator("#bell .badge")).to_have_text("1", timeout=2000)
    expect(page.get_by_role("link", name="Notifications, 1 unread")).to_be_visible(timeout=2000)
    expect(page).to_have_title("(1) Visits · DentaMind", timeout=2000)


@pytest.mark.browser_short
@pytest.mark.req("P-02")
@pytest.mark.req("P-34")
def test_arrival_is_announced_once_and_without_its_content(visitor, desk, ana):
    page = visitor().sign_in(ana, CENTRE)
    live(page)
    expect(page.locator("#status")).to_have_text("")

    desk.tell(patient_id=ana.id, texts=["Root canal on tooth 14"])

    expect(page.locator("#status")).to_have_text("1 new notification")
    assert "canal" not in page.title()


def test_empty_list_fills_at_once(visitor, desk, ana):
    page = visitor().sign_in(ana, CENTRE)
    live(page)
    expect(page.get_by_text("No messages yet.")).to_be_visible()

    desk.tell(patient_id=ana.id, texts=["Hello"])

    expect(page.locator("#list li[id]")).to_have_count(1)
    expect(page.get_by_text("No messages yet.")).to_have_count(0)
    expect(page.locator("#pill")).to_have_count(0)


@pytest.mark.req("P-06")
def test_nothing_is_missed_while_the_server_was_down(site, visitor, desk, ana):
    desk.tell(patient_id=ana.id, texts=["Before"])
    page = visitor().sign_in(ana, CENTRE)
    live(page)

    site.kill("web")
    desk.tell(patient_id=ana.id, texts=["One", "Two", "Three"])
    page.wait_for_timeout(500)
    assert badge(page) == "1"
    site.start("web")

    expect(page.locator("#bell .badge")).to_have_text("4", timeout=15_000)
    page.locator("#pill").click()
    expect(page.locator("#list li[id]")).to_have_count(4)
    texts = page.locator("#list .row-text").all_inner_texts()
    assert [text.splitlines()[-1] for text in texts] == ["Three", "Two", "One", "Before"]


@pytest.mark.req("P-31")
def test_line_that_is_down_is_said_and_a_press_fails_visibly(site, visitor, desk, ana):
    desk.tell(patient_id=ana.id, texts=["Before"])
    page = visitor().sign_in(ana, CENTRE)
    live(page)

    site.kill("web")
    page.get_by_role("button", name="Archive").click()
    expect(page.locator("#list .complaint")).to_contain_text("Nothing was changed")
    page.locator("#bell").click()
    expect(page.locator("#popover .complaint")).to_contain_text("Try again")
    page.keyboard.press("Escape")
    expect(page.locator("#line")).to_have_text("Reconnecting...", timeout=15_000)
    site.start("web")

    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_text("Archived:")).to_be_visible()
    expect(page.locator("#line")).to_have_text("")


@pytest.mark.req("P-15")
def test_five_tabs_hold_one_socket_and_agree_on_the_badge(visitor, desk, ana):
    desk.tell(patient_id=ana.id, texts=["One", "Two"])
    window = visitor()
    sockets = []
    window.context.on(
        "page", lambda page: page.on("websocket", lambda socket: sockets.append(socket))
    )
    first = window.sign_in(ana, CENTRE)
    live(first)
    others = [window.page() for _ in range(4)]
    for page in others:
        page.goto(first.url)
    first.wait_for_timeout(500)
    assert len([socket for socket in sockets if not socket.is_closed()]) == 1

    first.get_by_role("button", name="Mark as read").first.click()

    for page in [first, *others]:
        expect(page.locator("#bell .badge")).to_have_text("1", timeout=1000)


@pytest.mark.req("P-16")
def test_ended_session_is_said_and_an_action_leads_to_sign_in(visitor, desk, ana):
    desk.tell(patient_id=ana.id, texts=["Hello"])
    window = visitor()
    page = window.sign_in(ana, CENTRE)
    live(page)
    sockets = []
    page.on("websocket", lambda socket: sockets.append(socket))

    desk.end_sessions()

    expect(page.locator("#line")).to_contain_text("You’ve been signed out.", timeout=40_000)
    page.wait_for_timeout(3000)
    assert sockets == []
    page.get_by_role("button", name="Archive").click()
    page.wait_for_url("**/accounts/login/?next=%2Fnotifications%2F")

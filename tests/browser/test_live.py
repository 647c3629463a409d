"""The centre while messages arrive: badge, pill, title; and a line that breaks."""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

import pytest
from playwright.sync_api import Error, Page, expect

from tests.browser.conftest import Visitor, badge
from tests.browser.desk import PASSWORD
from tests.rig.live import Site

pytestmark = pytest.mark.browser

CENTRE = "/notifications/"
# What a page opens and says is written down, and nothing else about it is changed.
WATCHED = """
    window.seen = { sockets: [], codes: [], said: [], frames: [] };
    window.WebSocket = class extends WebSocket {
      constructor(...given) {
        super(...given);
        seen.sockets.push(this);
        this.addEventListener("close", ({ code }) => seen.codes.push(code));
        this.addEventListener("message", ({ data }) => seen.frames.push(data));
      }
    };
    addEventListener("DOMContentLoaded", () => {
      const status = document.querySelector("#status");
      const note = () => status.textContent && seen.said.push(status.textContent);
      if (status) new MutationObserver(note).observe(status, { childList: true });
    });
"""


def live(page: Page) -> None:
    """Wait until the page's line to the server is up: its first look is behind it."""
    expect(page.locator("#news[data-seq]")).to_be_attached()


@pytest.fixture
def watched(visitor) -> Callable[..., Visitor]:
    """A browser whose pages write down their sockets and what they say; their clock can be set."""

    def open_window() -> Visitor:
        made = visitor()
        made.context.add_init_script(WATCHED)
        made.context.clock.install()
        return made

    return open_window


def lines(pages: Iterable[Page]) -> int:
    """Return how many sockets these pages hold open."""
    asked = "seen.sockets.filter((each) => each.readyState === WebSocket.OPEN).length"
    return sum(page.evaluate(asked) for page in pages)


def settles(what: Callable[[], object], wanted: object, *, seconds: float = 10) -> bool:
    """Return whether something comes to be so, and is so still a moment later."""
    deadline = time.monotonic() + seconds
    while what() != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    return what() == wanted


@contextmanager
def down(site: Site) -> Iterator[None]:
    """Stop the web server for a while; whatever happens meanwhile, it comes back."""
    site.kill("web")
    try:
        yield
    finally:
        site.start("web")


def hide(page: Page, *, hidden: bool) -> None:
    """Let a page believe that it is looked at, or no longer."""
    page.evaluate(
        """(hidden) => {
            Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


@pytest.mark.browser_short
@pytest.mark.req("P-03")
def test_p03_a_message_by_command_shows_within_two_seconds_without_a_reload(site, visitor, ana):
    page = visitor().sign_in(ana, "/visits/")
    live(page)
    assert badge(page) == ""
    page.evaluate("window.sameDocument = true")

    site.manage("send_notification", "--patient", ana.email, "--type", "lab_results")

    expect(page.locator("#bell .badge")).to_have_text("1", timeout=2000)
    expect(page.get_by_role("link", name="Notifications, 1 unread")).to_be_visible(timeout=2000)
    expect(page).to_have_title("(1) Visits · DentaMind", timeout=2000)
    assert page.evaluate("window.sameDocument") is True


@pytest.mark.browser_short
@pytest.mark.req("P-02")
@pytest.mark.req("P-34")
def test_p34_arrivals_are_announced_once_without_content_and_ten_as_one(watched, desk, ana):
    page = watched().sign_in(ana, CENTRE)
    live(page)
    assert page.evaluate("seen.said") == []  # a page that opens announces nothing

    desk.tell(patient_id=ana.id, texts=["Root canal on tooth 14"])
    expect(page.locator("#status")).to_have_text("1 new notification")
    desk.tell(patient_id=ana.id, texts=[f"Root canal, visit {number}" for number in range(10)])
    expect(page.locator("#bell .badge")).to_have_text("11")
    assert page.evaluate("seen.said") == ["1 new notification"]
    page.clock.fast_forward(10_000)
    expect(page.locator("#status")).to_have_text("10 new notifications")

    assert page.evaluate("seen.said") == ["1 new notification", "10 new notifications"]
    frames = page.evaluate("seen.frames")
    assert max(len(frame) for frame in frames) <= 200
    assert "canal" not in page.title() + "".join(frames)


def test_empty_list_fills_at_once(visitor, desk, ana):
    page = visitor().sign_in(ana, CENTRE)
    live(page)
    expect(page.get_by_text("No messages yet.")).to_be_visible()

    desk.tell(patient_id=ana.id, texts=["Hello"])

    expect(page.locator("#list li[id]")).to_have_count(1)
    expect(page.get_by_text("No messages yet.")).to_have_count(0)
    expect(page.locator("#pill")).to_have_count(0)


@pytest.mark.req("P-06")
def test_p06_nothing_is_lost_or_doubled_while_the_server_was_down(site, watched, desk, ana):
    desk.tell(patient_id=ana.id, texts=["Before"])
    page = watched().sign_in(ana, CENTRE)
    live(page)

    with down(site):
        desk.tell(patient_id=ana.id, texts=["One", "Two", "Three"])
        assert badge(page) == "1"
    page.wait_for_function(
        "() => seen.sockets.at(-1).readyState === WebSocket.OPEN", timeout=20_000
    )

    expect(page.locator("#bell .badge")).to_have_text("4", timeout=5000)
    expect(page.locator("#pill")).to_contain_text("3 new", timeout=5000)
    page.locator("#pill").click()
    expect(page.locator("#list li[id]")).to_have_count(4)
    texts = page.locator("#list .row-text").all_inner_texts()
    assert [text.splitlines()[-1] for text in texts] == ["Three", "Two", "One", "Before"]


@pytest.mark.req("P-31")
def test_p31_a_server_that_is_down_is_said_with_the_time_and_nothing_looks_saved(
    site, watched, desk, ana
):
    desk.tell(patient_id=ana.id, texts=["Before"])
    page = watched().sign_in(ana, CENTRE)
    live(page)

    with down(site):
        page.locator("#list").get_by_role("button", name="Archive").click()
        expect(page.locator("#list .complaint")).to_contain_text("Nothing was changed")
        expect(page.locator("#list .tomb")).to_have_count(0)
        expect(page.locator("#status")).to_contain_text("Nothing was changed")
        page.locator("#bell").click()
        expect(page.locator("#popover").get_by_role("button", name="Try again")).to_be_visible()
        page.keyboard.press("Escape")
        page.clock.fast_forward(10_000)
        expect(page.locator("#line")).to_have_text("Reconnecting...")
        page.clock.fast_forward(50_000)
        said = re.compile(r"You’re offline. Showing messages as of \d+:\d\d [AP]M")
        expect(page.locator("#line")).to_have_text(said)

    page.locator("#list").get_by_role("button", name="Archive").click()
    expect(page.get_by_text("Archived:")).to_be_visible()
    expect(page.locator("#line")).to_have_text("")


@pytest.mark.req("P-31")
def test_p31_without_a_socket_the_page_asks_once_a_minute_and_says_so(watched, desk, ana):
    window = watched()
    window.context.route_web_socket(re.compile("/ws/"), lambda socket: socket.close(code=1011))
    page = window.sign_in(ana, CENTRE)
    for _retry in range(3):
        page.clock.fast_forward(5000)
    live(page)
    page.clock.fast_forward(60_000)
    expect(page.locator("#line")).to_have_text("Updating every minute")

    desk.tell(patient_id=ana.id, texts=["Hello"])
    assert badge(page) == ""
    page.clock.fast_forward(60_000)
    expect(page.locator("#bell .badge")).to_have_text("1")


@pytest.mark.req("P-31")
def test_p31_a_browser_that_is_offline_says_so_at_once_with_the_time(watched, ana):
    window = watched()
    page = window.sign_in(ana, CENTRE)
    live(page)

    window.context.set_offline(True)
    expect(page.locator("#line")).to_contain_text("You’re offline. Showing messages as of")
    window.context.set_offline(False)

    expect(page.locator("#line")).to_have_text("")
    assert settles(lambda: lines([page]), 1)


# -- many tabs ----------------------------------------------------------------------------------


def tabs_of(window: Visitor, first: Page, *, others: int) -> list[Page]:
    """Open the same page in more tabs; return them all."""
    pages = [first, *(window.page() for _ in range(others))]
    for page in pages[1:]:
        page.goto(first.url)
    live(first)
    return pages


@pytest.mark.req("P-15")
def test_p15_five_tabs_hold_one_socket_and_agree_on_the_badge_within_a_second(watched, desk, ana):
    desk.tell(patient_id=ana.id, texts=["One", "Two", "Three"])
    window = watched()
    pages = tabs_of(window, window.sign_in(ana, CENTRE), others=4)
    assert settles(lambda: lines(pages), 1)

    for shown, page, row in (("2", pages[0], 0), ("1", pages[-1], 2)):  # with the socket, without
        page.locator("#list").get_by_role("button", name="Mark as read").nth(row).click()
        for each in pages:
            expect(each.locator("#bell .badge")).to_have_text(shown, timeout=1000)
    window.context.set_offline(True)
    window.context.set_offline(False)

    assert settles(lambda: lines(pages), 1)


@pytest.mark.req("P-15")
@pytest.mark.parametrize("how", ["closed", "crashed", "frozen", "asleep"])
def test_p15_when_the_tab_with_the_socket_is_gone_another_takes_over(watched, desk, ana, how):
    window = watched()
    first, *others = tabs_of(window, window.sign_in(ana, CENTRE), others=2)
    assert settles(lambda: lines([first]), 1)

    if how == "closed":
        first.close()
    elif how == "frozen":
        first.evaluate("document.dispatchEvent(new Event('freeze'))")
    elif how == "asleep":  # and cannot say so: the tab that comes to the front takes the line
        hide(others[0], hidden=True)
        hide(others[0], hidden=False)
    else:
        with suppress(Error):  # nobody is left to answer
            first.goto("chrome://crash")
    assert settles(lambda: lines(others), 1)
    if how == "asleep":
        assert lines([first]) == 0
    desk.tell(patient_id=ana.id, texts=["Hello"])
    for page in others:
        expect(page.locator("#bell .badge")).to_have_text("1")


@pytest.mark.req("P-15")
def test_p15_a_tab_nobody_looks_at_rests_after_half_a_minute(watched, ana):
    page = watched().sign_in(ana, CENTRE)
    assert settles(lambda: lines([page]), 1)

    hide(page, hidden=True)
    page.clock.fast_forward(29_000)
    assert lines([page]) == 1
    page.clock.fast_forward(2000)
    assert settles(lambda: lines([page]), 0)
    hide(page, hidden=False)
    assert settles(lambda: lines([page]), 1)

    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    assert settles(lambda: lines([page]), 0)
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    assert settles(lambda: lines([page]), 1)


# -- a session that ends ------------------------------------------------------------------------


@pytest.mark.req("P-16")
def test_p16_an_ended_session_is_said_and_an_action_leads_to_sign_in_and_back(watched, desk, ana):
    desk.tell(patient_id=ana.id, texts=["Hello"])
    page = watched().sign_in(ana, CENTRE)
    live(page)

    desk.end_sessions()
    page.evaluate("seen.sockets.at(-1).close()")  # it is opened again, and the server says no
    expect(page.locator("#line")).to_have_text("You’ve been signed out. Sign in", timeout=5000)
    assert page.evaluate("seen.codes").count(4401) == 1
    opened = page.evaluate("seen.sockets.length")
    page.clock.fast_forward(60_000)
    page.locator("#list").get_by_role("button", name="Archive").click()
    page.wait_for_url("**/accounts/login/?next=%2Fnotifications%2F")

    assert opened == 2  # and none in that minute: see the next line's page
    page.get_by_label("Email").fill(ana.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#list").get_by_role("button", name="Archive")).to_be_visible()


@pytest.mark.req("P-16")
def test_p16_signing_out_in_one_tab_ends_the_others_at_once(watched, desk, ana):
    desk.tell(patient_id=ana.id, texts=["Hello"])
    window = watched()
    first, other = tabs_of(window, window.sign_in(ana, CENTRE), others=1)
    other.locator("#bell").click()
    expect(other.locator("#popover li[id]")).to_have_count(1)

    first.locator("header summary").click()
    first.get_by_role("button", name="Sign out").click()

    expect(other.locator("#line")).to_have_text("You’ve been signed out. Sign in", timeout=2000)
    expect(other.locator("#popover")).to_be_hidden()
    expect(other.locator("#popover li")).to_have_count(0)
    assert lines([other]) == 0

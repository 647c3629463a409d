"""Notifications on this device, in a real browser, with our real service worker.

One thing is stubbed: a browser subscribes at its maker's service, which tests do not call. So
`PushManager` keeps a made-up subscription; the permission, the worker, the push that arrives and
the notification are the browser's own.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import axe
from tests.browser.desk import PASSWORD
from tests.pushing import MOZILLA, browser_keys

pytestmark = pytest.mark.browser

SETTINGS = "/notifications/settings/"
SENTENCE = "You have a new message from Main Street Dental. Sign in to read it."
MANY_IN_SPANISH = "Tiene 3 mensajes nuevos de Main Street Dental. Inicie sesión para leerlos."
SUBSCRIBES = """
    const kept = "test-subscription";
    const made = () => {
      const json = JSON.parse(localStorage.getItem(kept));
      const unsubscribe = async () => { localStorage.removeItem(kept); return true; };
      return json && { endpoint: json.endpoint, toJSON: () => json, unsubscribe };
    };
    PushManager.prototype.getSubscription = async () => made();
    PushManager.prototype.subscribe = async (options) => {
      if (options.applicationServerKey.length !== 65 || !options.userVisibleOnly) throw new Error();
      localStorage.setItem(kept, JSON.stringify(GIVEN));
      return made();
    };
    const ask = Notification.requestPermission;
    Notification.requestPermission = () => {
      localStorage.setItem("test-asked", "yes");
      return ask.call(Notification);
    };
"""


@pytest.fixture
def window(visitor, ana):
    """Open Ana's settings in a browser that allows notifications, or not."""

    def open_window(*, allowed: bool = True, script: str = "", **options) -> Page:
        made = visitor(**options)
        if allowed:
            made.context.grant_permissions(["notifications"], origin=made.site.url)
        given = {"endpoint": f"https://{MOZILLA}/wpush/v2/{ana.id}", "keys": browser_keys()}
        made.context.add_init_script(SUBSCRIBES.replace("GIVEN", json.dumps(given)) + script)
        return made.sign_in(ana, SETTINGS)

    return open_window


def rows(page: Page):
    return page.locator("[data-device]")


def turn_on(page: Page) -> None:
    page.get_by_role("button", name="Turn on here").click()
    expect(page.get_by_text("Notifications are on for this device.")).to_be_visible()


def was_asked(page: Page) -> bool:
    return page.evaluate("localStorage.getItem('test-asked')") == "yes"


def workers(page: Page) -> int:
    return page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)")


@pytest.mark.browser_short
@pytest.mark.req("P-32")
def test_p32_nothing_is_asked_before_the_press_and_then_this_device_is_listed(window):
    page = window()
    button = page.get_by_role("button", name="Turn on here")
    expect(button).to_be_visible()
    assert not was_asked(page)
    assert workers(page) == 0

    turn_on(page)

    assert was_asked(page)
    assert workers(page) == 1
    expect(rows(page)).to_have_count(1)
    expect(rows(page).first).to_contain_text("Chrome on Linux")
    expect(rows(page).first.get_by_text("This device", exact=True)).to_be_visible()
    expect(button).to_be_hidden()
    assert axe(page) == []


def test_another_device_is_listed_without_the_mark(window, visitor, ana):
    turn_on(window())
    page = visitor().sign_in(ana, SETTINGS)
    expect(rows(page)).to_have_count(1)
    expect(page.get_by_text("This device", exact=True)).to_be_hidden()


def test_removing_it_turns_it_off_and_offers_it_again(window):
    page = window()
    turn_on(page)
    page.get_by_role("button", name="Remove Chrome on Linux").click()
    expect(page.get_by_text("Notifications are off for that device.")).to_be_visible()
    expect(rows(page)).to_have_count(0)
    expect(page.get_by_role("button", name="Turn on here")).to_be_visible()


@pytest.mark.browser_short
@pytest.mark.req("P-32")
def test_p32_signing_out_ends_it_in_the_browser_and_with_us(window, visitor, ana):
    page = window()
    turn_on(page)
    page.locator("header summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    assert page.evaluate("localStorage.getItem('test-subscription')") is None
    again = visitor().sign_in(ana, SETTINGS)
    expect(again.get_by_text("Not turned on anywhere yet.")).to_be_visible()


@pytest.mark.req("P-32")
def test_p32_where_the_browser_blocks_it_the_page_says_what_to_do(window):
    denied = "Object.defineProperty(Notification, 'permission', { get: () => 'denied' });"
    page = window(allowed=False, script=denied)
    expect(page.get_by_text("Your browser blocks them for this site.")).to_be_visible()
    expect(page.get_by_role("button", name="Turn on here")).to_be_hidden()
    assert axe(page) == []


def test_who_says_no_to_the_browser_can_think_again(window):
    page = window(script="Notification.requestPermission = async () => 'default';")
    button = page.get_by_role("button", name="Turn on here")
    button.click()
    expect(page.locator("[data-state=offer]")).to_be_focused()
    expect(button).to_be_enabled()
    assert workers(page) == 0


def test_a_push_service_that_cannot_be_reached_is_said(window):
    broken = "PushManager.prototype.subscribe = async () => { throw new Error('no way'); };"
    page = window(script=broken)
    page.get_by_role("button", name="Turn on here").click()
    expect(page.get_by_text("Your browser could not reach its")).to_be_focused()
    expect(rows(page)).to_have_count(0)


@pytest.mark.parametrize(
    ("agent", "said"),
    [(None, "This browser cannot show them."), ("iPhone", "Add to Home Screen")],
)
def test_a_browser_without_push_is_told_so(visitor, ana, agent, said):
    made = visitor(user_agent=agent)
    made.context.add_init_script("delete window.PushManager;")
    page = made.sign_in(ana, SETTINGS)
    expect(page.get_by_text(said)).to_be_visible()
    expect(page.get_by_role("button", name="Turn on here")).to_be_hidden()


def test_without_script_the_page_says_what_is_missing_and_signing_out_works(visitor, ana):
    page = visitor(java_script_enabled=False).sign_in(ana, SETTINGS)
    expect(page.get_by_text("your browser must allow scripts")).to_be_visible()
    expect(page.get_by_role("button", name="Turn on here")).to_be_hidden()
    page.locator("header summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()


# -- what arrives -------------------------------------------------------------------------------


def deliver(page: Page, payload: str) -> list[dict]:
    """Let the browser take a push for our worker; return the notifications it then shows."""
    line, known = page.context.new_cdp_session(page), []
    line.on("ServiceWorker.workerRegistrationUpdated", lambda said: known.append(said))
    line.send("ServiceWorker.enable")
    soon(page, lambda: any(said["registrations"] for said in known))
    registration = next(each for said in known for each in said["registrations"])
    line.send(
        "ServiceWorker.deliverPushMessage",
        {
            "origin": page.evaluate("location.origin"),
            "registrationId": registration["registrationId"],
            "data": payload,
        },
    )
    shown = """navigator.serviceWorker.ready.then((worker) => worker.getNotifications())
        .then((all) => all.map(({ title, body, tag }) => ({ title, body, tag })))"""
    return soon(page, lambda: page.evaluate(shown))


def soon(page: Page, happens: Callable[[], Any]) -> Any:
    """Return what comes of it once it is more than nothing; after 5 s, nothing."""
    for _ in range(100):
        if found := happens():
            return found
        page.wait_for_timeout(50)
    return happens()


def push(name: str, language: str = "en") -> str:
    return json.dumps({"v": 1, "id": name, "code": "new", "lang": language})


def note(sentence: str) -> dict[str, str]:
    return {"title": "Main Street Dental", "body": sentence, "tag": "dm"}


@pytest.mark.browser_short
@pytest.mark.req("P-32")
def test_p32_a_push_shows_the_neutral_sentence_and_a_repeat_takes_its_place(window):
    page = window()
    turn_on(page)
    for _ in range(2):
        shown = deliver(page, push("one"))
    assert shown == [note(SENTENCE)]


@pytest.mark.req("P-32")
def test_p32_more_pushes_are_one_note_that_counts_them_in_the_patients_language(window):
    page = window()
    turn_on(page)
    deliver(page, push("one"))
    many = "You have 2 new messages from Main Street Dental. Sign in to read them."
    assert becomes(page, push("two"), note(many))
    assert becomes(page, push("three", "es"), note(MANY_IN_SPANISH))


def becomes(page: Page, payload: str, wanted: dict[str, str]) -> bool:
    """Return whether the one note there is says this, soon after a push."""
    return bool(soon(page, lambda: deliver(page, payload) == [wanted]))


@pytest.mark.parametrize("payload", ["", "no json", "7", "null"])
def test_a_push_that_cannot_be_read_still_says_that_there_is_a_message(window, payload):
    page = window()
    turn_on(page)
    assert deliver(page, payload) == [note(SENTENCE)]


@pytest.mark.req("P-32")
def test_p32_a_press_opens_the_centre(window):
    page = window()
    with page.context.expect_event("serviceworker") as started:
        turn_on(page)
    target = started.value.evaluate(
        """async () => {
            let opened = "";
            clients.openWindow = async (href) => { opened = href; };
            await open();
            return opened;
        }"""
    )
    assert target == page.evaluate("location.origin") + "/m"
    page.goto(target)
    expect(page).to_have_url(f"{target.removesuffix('/m')}/notifications/")


# -- what its owner does with it, and where it is offered ----------------------------------------


def test_a_device_is_renamed_and_tested_where_it_is_listed(window):
    page = window()
    turn_on(page)
    expect(rows(page)).to_contain_text("not used yet")
    page.get_by_role("button", name="Send a test").click()
    expect(rows(page)).to_contain_text("Test sent. In a moment this device shows")
    expect(page.locator("#status")).to_contain_text("Test sent.")
    page.get_by_role("button", name="Send a test").click()
    expect(rows(page).locator(".complaint")).to_contain_text("A test was just sent.")
    assert axe(page) == []

    rows(page).locator("summary").click()
    page.get_by_label("Name of this device").fill("Kitchen tablet")
    page.get_by_label("Name of this device").press("Enter")
    expect(page.get_by_text("This device is now called “Kitchen tablet”.")).to_be_visible()
    expect(rows(page).get_by_text("This device", exact=True)).to_be_visible()


UNDECIDED = """
    const decided = () => localStorage.getItem("test-asked") ? "ANSWER" : "default";
    Object.defineProperty(Notification, "permission", { get: decided });
    Notification.requestPermission = async () => {
      localStorage.setItem("test-asked", "yes");
      return decided();
    };
"""


def confirm_a_visit(window, desk, ana, answer: str) -> Page:
    """Let Ana confirm a visit in a browser that has not been asked; return her page."""
    desk.remind(patient_id=ana.id)
    page = window(script=UNDECIDED.replace("ANSWER", answer))
    page.goto(page.url.replace(SETTINGS, "/notifications/"))
    expect(page.get_by_text("Get a nudge on this device")).to_be_hidden()
    page.locator("#list").get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Get a nudge on this device")).to_be_visible()
    return page


@pytest.mark.req("P-32")
def test_p32_after_a_confirm_it_is_offered_and_asks_only_when_turned_on(window, desk, ana):
    page = confirm_a_visit(window, desk, ana, "granted")
    assert not was_asked(page)
    assert axe(page) == []

    page.get_by_role("button", name="Turn on", exact=True).click()

    expect(page.get_by_text("Notifications are on for this device.")).to_be_visible()
    assert was_asked(page)
    expect(page.get_by_text("Get a nudge on this device")).to_be_hidden()


@pytest.mark.req("P-32")
def test_p32_not_now_hides_the_offer_and_a_no_to_the_browser_shows_help(window, desk, ana):
    page = confirm_a_visit(window, desk, ana, "denied")
    page.get_by_role("button", name="Turn on", exact=True).click()
    expect(page.get_by_text("Your browser blocks them for this site.")).to_be_focused()

    page.evaluate("localStorage.clear()")  # as if nobody had been asked
    page.reload()
    page.locator("#list h3 a").first.click()  # the visit was confirmed: here it is offered as well
    page.get_by_role("button", name="Not now").click()
    expect(page.get_by_text("You can turn it on in your settings")).to_be_focused()
    page.reload()
    expect(page.locator(".letter .done-line")).to_be_visible()
    expect(page.get_by_text("Get a nudge on this device")).to_have_count(0)


@pytest.mark.req("P-32")
def test_p32_who_signs_in_after_an_ended_session_gets_none_of_the_pushes(window, desk, ana, ben):
    page = window()
    turn_on(page)
    desk.end_sessions()
    page.goto(page.url)

    page.get_by_label("Email").fill(ben.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_text("Not turned on anywhere yet.")).to_be_visible()
    assert desk.devices(patient_id=ana.id) == []

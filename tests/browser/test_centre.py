"""What a person does in the centre, with script."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import badge, expect_focus

pytestmark = pytest.mark.browser

CENTRE = "/notifications/"


def row(page, text):
    return page.locator("#list li[id]").filter(has_text=text)


def live(page: Page) -> None:
    """Wait until the page's line to the server is up: its first look is behind it."""
    expect(page.locator("#news[data-seq]")).to_be_attached()


def tops(page: Page) -> list[float]:
    """Return where each row on screen begins, to the fraction of a pixel."""
    return page.locator("#list li[id]").evaluate_all(
        "rows => rows.map(row => row.getBoundingClientRect().top)"
    )


def texts_of(page: Page) -> list[str]:
    """Return the last line of each message in the list, in its order."""
    return [text.splitlines()[-1] for text in page.locator("#list .row-text").all_inner_texts()]


@pytest.mark.browser_short
@pytest.mark.req("P-04")
def test_p04_rows_on_screen_stand_still_when_a_message_arrives(visitor, desk, ana):
    desk.tell(patient_id=ana.id, texts=[f"Message {n}" for n in range(12)])
    page = visitor(height=600).sign_in(ana, CENTRE)
    live(page)
    for place, pill in (("0", "1 new"), ("700", "2 new")):  # at the top, and in mid-list
        page.evaluate(f"scrollTo(0, {place})")
        page.wait_for_function(f"scrollY === {place}")
        before = tops(page)
        desk.tell(patient_id=ana.id, texts=["Later"])
        expect(page.locator("#pill")).to_contain_text(pill)
        assert tops(page) == before


@pytest.mark.browser_short
@pytest.mark.req("P-05")
def test_p05_the_pill_puts_the_new_rows_on_top_once_and_in_order(visitor, desk, ana):
    desk.tell(patient_id=ana.id, texts=["First", "Second"])
    page = visitor().sign_in(ana, CENTRE)
    live(page)
    desk.tell(patient_id=ana.id, texts=["Later one", "Later two"])
    expect(page.locator("#pill")).to_contain_text("2 new")

    page.locator("#pill").press("Enter")

    expect(page.locator("#list li[id]")).to_have_count(4)
    assert texts_of(page) == ["Later two", "Later one", "Second", "First"]
    expect(page.locator("#list h2")).to_have_count(1)
    expect(page.locator("#pill")).to_have_count(0)
    expect(row(page, "Later two").locator("h3")).to_be_focused()


@pytest.mark.browser_short
@pytest.mark.req("P-13")
def test_p13_popover_and_list_read_nothing_and_opening_does(visitor, desk, ana):
    desk.tell(patient_id=ana.id, texts=["One", "Two"])
    page = visitor().sign_in(ana, CENTRE)
    assert badge(page) == "2"

    page.locator("#bell").click()
    expect(page.locator("#popover li[id]")).to_have_count(2)
    expect(page.locator("#bell")).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(page.locator("#popover")).to_be_hidden()
    expect(page.locator("#bell")).to_be_focused()
    page.locator("#bell").click()
    expect(page.locator("#popover")).to_be_visible()
    page.locator("#bell").click()
    expect(page.locator("#popover")).to_be_hidden()
    assert desk.unread(patient_id=ana.id) == 2

    row(page, "Two").get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("A message from your care team")
    assert badge(page) == "1"
    page.get_by_role("button", name="Mark as unread").click()
    expect(page).to_have_url(f"{page.url.split('/notifications')[0]}{CENTRE}")
    assert badge(page) == "2"
    assert desk.unread(patient_id=ana.id) == 2


@pytest.mark.browser_short
@pytest.mark.req("P-12")
def test_p12_archiving_leaves_a_tombstone_and_undo_brings_the_row_back(visitor, desk, ana):
    desk.tell(patient_id=ana.id, texts=["First", "Second", "Third"])
    page = visitor().sign_in(ana, CENTRE)

    row(page, "Second").get_by_role("button", name="Archive").click()
    tombstone = page.locator("#list .tomb")
    expect(tombstone).to_contain_text("Archived: “A message from your care team”")
    expect(tombstone.get_by_role("button")).to_be_focused()
    expect(page.locator("#status")).to_have_text("Archived")
    expect(page.locator("#bell .badge")).to_have_text("2")
    live(page)
    page.clock.install()
    page.clock.fast_forward(31_000)
    desk.tell(patient_id=ana.id, texts=["Arrives meanwhile"])
    expect(page.locator("#pill")).to_contain_text("1 new")
    expect(tombstone).to_be_visible()

    page.keyboard.press("Enter")
    expect(tombstone).to_have_count(0)
    assert texts_of(page) == ["Third", "Second", "First"]
    expect(row(page, "Second").get_by_text("New", exact=True)).to_be_visible()
    expect(row(page, "Second").get_by_role("link")).to_be_focused()
    expect(page.locator("#bell .badge")).to_have_text("4")


@pytest.mark.browser_short
@pytest.mark.req("P-14")
def test_p14_mark_all_covers_what_was_shown_and_can_be_taken_back(visitor, desk, ana):
    desk.tell(patient_id=ana.id, texts=["One", "Two", "Three"])
    page = visitor().sign_in(ana, CENTRE)
    live(page)
    desk.tell(patient_id=ana.id, texts=["Too late to be counted"])
    expect(page.locator("#pill")).to_contain_text("1 new")

    page.get_by_role("button", name="Mark 3 as read").click()

    expect(page.locator("#mark-all")).to_contain_text("3 marked as read")
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    expect(page.locator("#list .row.unread")).to_have_count(0)
    expect(page.locator("#bell .badge")).to_have_text("1")
    page.keyboard.press("Enter")
    expect(page.locator("#list .row.unread")).to_have_count(3)
    expect(page.locator("#bell .badge")).to_have_text("4")
    expect(page.get_by_role("button", name="Mark 3 as read")).to_be_focused()


@pytest.mark.req("P-14")
def test_p14_mark_all_names_and_keeps_to_the_filter(site, visitor, desk, ana):
    desk.tell(patient_id=ana.id, texts=["Clinical one", "Clinical two"])
    site.manage("send_notification", "--patient", ana.email, "--type", "system_alert")
    page = visitor().sign_in(ana, CENTRE)

    page.get_by_label("Category").select_option("Clinical")
    page.wait_for_url("**category=clinical")
    page.get_by_role("button", name="Mark 2 as read").click()

    expect(page.locator("#bell .badge")).to_have_text("1")


@pytest.mark.req("P-11")
def test_p11_every_row_action_works_by_keyboard_and_keeps_the_focus(visitor, desk, ana):
    desk.remind(patient_id=ana.id)
    desk.tell(patient_id=ana.id, texts=["One", "Two", "Three", "Four"])
    page = visitor().sign_in(ana, CENTRE)

    def press(text: str, name: str) -> None:
        row(page, text).get_by_role("button", name=name, exact=True).press("Enter")

    press("One", "Mark as read")
    expect_focus(page, text="Mark as unread")
    press("One", "Mark as unread")
    expect_focus(page, text="Mark as read")
    press("Your visit is on", "Confirm")
    expect_focus(page, text="A reminder of your visit", tag="A")
    press("Two", "Archive")
    expect_focus(page, text="Undo")
    page.keyboard.press("Enter")
    expect_focus(page, text="A message from your care team", tag="A")
    for text, name in (("Three", "Dismiss"), ("Four", "Tomorrow morning")):
        row(page, text).locator("summary").press("Enter")
        press(text, name)
        expect(row(page, text)).to_have_count(0)
        expect_focus(page, text="Undo")
    expect(page.locator("#list .tomb")).to_have_count(2)


@pytest.mark.req("P-11")
def test_p11_choosing_several_works_by_keyboard_and_keeps_the_focus(visitor, desk, ana):
    desk.tell(patient_id=ana.id, texts=["One", "Two", "Three"])
    page = visitor().sign_in(ana, CENTRE)
    bar = page.locator("#bulk")
    before = tops(page)
    expect(bar).to_be_hidden()

    row(page, "Three").get_by_role("checkbox", name="A message from your care team").press("Space")
    row(page, "One").get_by_role("checkbox").press("Space")
    expect(bar).to_contain_text("2 selected")
    assert tops(page) == before
    bar.get_by_role("button", name="Clear").press("Enter")
    expect(bar).to_be_hidden()
    expect(row(page, "Three").get_by_role("checkbox")).to_be_focused()

    page.keyboard.press("Space")
    row(page, "One").get_by_role("checkbox").press("Space")
    bar.get_by_role("button", name="Archive").press("Enter")
    expect(page.locator("#mark-all")).to_contain_text("2 archived")
    expect(page.locator("#mark-all").get_by_role("button", name="Undo")).to_be_focused()
    expect(page.locator("#list .tomb")).to_have_count(2)
    expect(page.locator("#bell .badge")).to_have_text("1")
    expect(bar).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.locator("#list .tomb")).to_have_count(0)
    assert texts_of(page) == ["Three", "Two", "One"]
    expect(row(page, "Three").get_by_role("link")).to_be_focused()
    expect(page.locator("#bell .badge")).to_have_text("3")
    expect(page.get_by_role("button", name="Mark 3 as read")).to_be_visible()


def test_several_are_put_away_and_taken_back_without_script(visitor, desk, ana):
    desk.tell(patient_id=ana.id, texts=["One", "Two", "Three"])
    page = visitor(java_script_enabled=False).sign_in(ana, CENTRE)

    row(page, "One").get_by_role("checkbox").check()
    row(page, "Three").get_by_role("checkbox").check()
    page.locator("#bulk").get_by_role("button", name="Dismiss").click()
    expect(page.get_by_text("2 dismissed")).to_be_visible()
    expect(page.locator("#list li[id]")).to_have_count(1)
    assert texts_of(page) == ["Two"]
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("2 moved to inbox")).to_be_visible()
    expect(page.locator("#list li[id]")).to_have_count(3)
    assert texts_of(page) == ["Three", "Two", "One"]
    assert desk.unread(patient_id=ana.id) == 3


@pytest.mark.req("P-29")
def test_p29_load_more_appends_and_moves_the_focus_to_the_first_new_one(visitor, desk, ana):
    desk.tell(patient_id=ana.id, texts=[f"Message {n:02}" for n in range(45)])
    page = visitor().sign_in(ana, CENTRE)
    live(page)

    page.get_by_role("link", name="Load 20 more").click()
    expect(page.locator("#list li[id]")).to_have_count(40)
    expect(page.locator("#status")).to_have_text("20 more loaded")
    expect(row(page, "Message 24").locator("h3")).to_be_focused()
    desk.tell(patient_id=ana.id, texts=[f"Arrives {n}" for n in range(5)])
    page.get_by_role("link", name="Load 20 more").click()

    expect(page.locator("#list li[id]")).to_have_count(45)
    texts = [text.split()[-1] for text in page.locator("#list .row-text").all_inner_texts()]
    assert texts == [f"{n:02}" for n in reversed(range(45))]
    expect(page.locator("#list h2")).to_have_count(1)
    expect(page.get_by_role("link", name="Load 20 more")).to_have_count(0)
    row(page, "Message 03").get_by_role("link").click()
    expect(page.get_by_role("heading", name="What happened with this message")).to_be_visible()
    page.go_back()
    expect(row(page, "Message 03")).to_be_in_viewport()


@pytest.mark.req("P-27")
def test_p27_badge_says_99_plus_and_its_name_the_true_number(visitor, desk, ana):
    page = visitor().sign_in(ana, "/visits/")
    live(page)
    expect(page.get_by_role("link", name="Notifications, no unread")).to_be_visible()
    assert badge(page) == ""
    for more, shown in ((1, "1"), (98, "99")):
        desk.tell(patient_id=ana.id, texts=["More"] * more)
        expect(page.locator("#bell .badge")).to_have_text(shown)

    desk.tell(patient_id=ana.id, texts=["The hundredth"])

    expect(page.get_by_role("link", name="Notifications, 100 unread")).to_be_visible()
    expect(page.locator("#bell .badge")).to_have_text("99+")
    # In one look: the badge is drawn anew with each piece of news, also while it is measured.
    shape = page.evaluate("document.querySelector('#bell .badge').getBoundingClientRect().toJSON()")
    assert shape["height"] < shape["width"]  # on one line


@pytest.mark.req("P-30")
def test_p30_times_are_relative_and_move_on_by_themselves(visitor, desk, ana):
    desk.tell(patient_id=ana.id, texts=["Hello"])
    page = visitor().sign_in(ana, CENTRE)
    time = page.locator("#list time")
    iso = time.get_attribute("datetime")
    assert iso[-6:] in ("-05:00", "-04:00")
    absolute = time.get_attribute("data-ago")
    assert absolute.endswith(("EST", "EDT"))

    page.clock.install()
    page.reload()
    page.clock.fast_forward("59:10")
    expect(time).to_have_text(f"59 min ago ({absolute})")
    page.clock.fast_forward("02:00")
    expect(time).to_have_text(f"1 hour ago ({absolute})")


def test_a_press_in_the_popover_also_changes_the_list_behind_it(visitor, desk, ana):
    desk.tell(patient_id=ana.id, texts=["One", "Two"])
    page = visitor().sign_in(ana, CENTRE)

    page.locator("#bell").click()
    page.locator("#popover li").filter(has_text="Two").get_by_role("button", name="Dismiss").click()

    expect(page.locator("#popover .tomb")).to_be_visible()
    expect(page.locator("#list .tomb")).to_be_attached()
    expect(page.get_by_role("button", name="Mark 1 as read").last).to_be_attached()
    page.locator("#popover .tomb button").click()
    expect(page.locator("#list .tomb")).to_have_count(0)
    expect(page.locator("#list li[id]")).to_have_count(2)


def test_mark_all_in_the_popover_covers_what_it_counts_and_redraws_what_lies_behind(
    visitor, desk, ana
):
    desk.tell(patient_id=ana.id, texts=["One", "Two"])
    window = visitor()
    page = window.sign_in(ana, f"{CENTRE}?category=billing")
    page.locator("#bell").click()
    page.locator("#popover").get_by_role("button", name="Mark 2 as read").click()
    expect(page.locator("#bell")).to_have_accessible_name("Notifications, no unread")

    desk.tell(patient_id=ana.id, texts=["Three"])
    for path, rows in (("/", "main .rows > li"), (CENTRE, "#list li")):
        page.goto(f"{window.site.url}{path}")
        expect(page.locator(f"{rows} .unread")).to_have_count(1)
        page.locator("#bell").click()
        page.locator("#popover").get_by_role("button", name="Mark 1 as read").click()
        expect(page.locator(f"{rows} .unread")).to_have_count(0)
        if path == "/":
            desk.tell(patient_id=ana.id, texts=["Four"])
    undo = page.locator("#mark-all").get_by_role("button", name="Undo")
    expect(undo).to_be_focused()
    undo.press("Enter")
    expect(page.locator("#list li .unread")).to_have_count(1)


def test_guardian_sees_a_childs_centre_and_a_stranger_does_not(visitor, desk, ana, ben):
    child = desk.adopt(guardian=ana.email, child="Sam")
    desk.tell(patient_id=child, texts=["For Sam"])
    desk.tell(patient_id=ana.id, texts=["For Ana", "For Ana too"])
    page = visitor().sign_in(ana)

    page.get_by_role("link", name="Sam").click()

    expect(page.get_by_text("Viewing Sam")).to_be_visible()
    expect(page.locator("#list")).to_contain_text("For Sam")
    expect(page.locator("#list")).not_to_contain_text("For Ana")
    assert badge(page) == "1"
    page.locator("#list").get_by_role("button", name="Mark as read").click()
    expect(page.locator("#bell .badge")).to_have_count(0)
    assert desk.unread(patient_id=ana.id) == 2
    stranger = visitor().sign_in(ben)
    answer = stranger.goto(page.url)
    assert answer.status == 404
    assert "Sam" not in stranger.content()


@pytest.mark.req("P-36")
def test_p36_nothing_there_is_said_in_its_own_words_with_one_way_on(visitor, desk, ana):
    page = visitor().sign_in(ana, CENTRE)
    for query, text, link in (
        ("", "No messages yet.", "Choose what you get"),
        ("?view=unread", "You're all caught up.", "See the inbox"),
        ("?view=archived", "Nothing archived.", "See the inbox"),
        ("?view=dismissed", "Nothing dismissed.", "See the inbox"),
        ("?view=snoozed", "Nothing snoozed.", "See the inbox"),
        ("?category=billing", "No billing messages.", "Clear filter"),
    ):
        page.goto(f"{page.url.split('/notifications')[0]}{CENTRE}{query}")
        expect(page.locator("#empty p")).to_contain_text(text)
        expect(page.locator("#empty a")).to_have_text(link)
        expect(page.locator("#empty a")).to_have_count(1)


@pytest.mark.req("P-36")
def test_p36_popover_says_that_it_loads_that_it_failed_and_that_it_is_empty(visitor, ana):
    window = visitor()
    page = window.sign_in(ana, CENTRE)
    held = []
    window.context.route("**/notifications/popover/", lambda route: held.append(route))
    popover = page.locator("#popover")

    page.locator("#bell").click()
    expect(popover.get_by_text("Loading your messages...")).to_be_visible()
    expect(popover.get_by_role("link")).to_have_text("See all notifications")
    page.wait_for_function("() => document.querySelector('#popover[aria-busy]')")
    held.pop().abort()
    expect(popover.get_by_text("That did not work.")).to_be_visible()
    expect(popover.get_by_role("link")).to_have_text("See all notifications")
    window.context.unroute("**/notifications/popover/")
    popover.get_by_role("button", name="Try again").press("Enter")
    expect(popover.get_by_text("You're all caught up.")).to_be_visible()
    expect_focus(page)


@pytest.mark.req("P-39")
def test_p39_a_printed_message_has_the_practice_full_dates_and_no_buttons(visitor, desk, ana):
    (message,) = desk.tell(patient_id=ana.id, texts=["Bring your list of medicines."])
    page = visitor(color_scheme="dark").sign_in(ana, f"{CENTRE}{message}/")
    expect(page.get_by_text("Main Street Dental")).to_be_hidden()

    page.emulate_media(media="print")

    expect(page.get_by_text("Main Street Dental")).to_be_visible()
    expect(page.get_by_text("Bring your list of medicines.")).to_be_visible()
    for chrome in page.locator("button, nav, summary, header, footer, main a").all():
        expect(chrome).to_be_hidden()
    year = page.locator("article time").get_attribute("datetime")[:4]
    times = page.locator("main time").all_inner_texts()
    assert len(times) > 1
    assert all(f", {year} at " in each for each in times)
    entries = page.locator(".history > li")
    breaks = entries.evaluate_all("rows => rows.map(row => getComputedStyle(row).breakInside)")
    assert set(breaks) == {"avoid"}
    ground = page.evaluate("getComputedStyle(document.querySelector('.letter')).backgroundColor")
    assert ground == "rgb(255, 255, 255)"

"""What a person does in the centre, with script."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import badge, expect_focus

pytestmark = pytest.mark.browser

CENTRE = "/notifications/"


def row(page, text):
    return page.locator("#list li[id]").filter(has_text=text)


@pytest.mark.browser_short
@pytest.mark.req("P-13")
def test_popover_and_list_read_nothing_and_opening_does(visitor, desk, ana):
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
def test_archiving_leaves_a_tombstone_and_undo_brings_the_row_back(visitor, desk, ana):
    desk.tell(patient_id=ana.id, texts=["First", "Second", "Third"])
    page = visitor().sign_in(ana, CENTRE)

    row(page, "Second").get_by_role("button", name="Archive").click()
    tombstone = page.locator("#list .tomb")
    expect(tombstone).to_contain_text("Archived: “A message from your care team”")
    expect(tombstone.get_by_role("button")).to_be_focused()
    expect(page.locator("#status")).to_have_text("Archived")
    expect(page.locator("#bell .badge")).to_have_text("2")
    page.clock.install()
    page.clock.fast_forward(31_000)
    expect(tombstone).to_be_visible()

    page.keyboard.press("Enter")
    expect(tombstone).to_have_count(0)
    texts = page.locator("#list .row-text").all_inner_texts()
    assert [text.splitlines()[-1] for text in texts] == ["Third", "Second", "First"]
    expect(row(page, "Second").get_by_text("New", exact=True)).to_be_visible()
    expect(row(page, "Second").get_by_role("link")).to_be_focused()
    expect(page.locator("#bell .badge")).to_have_text("3")


@pytest.mark.browser_short
@pytest.mark.req("P-14")
def test_mark_all_covers_what_was_shown_and_can_be_taken_back(visitor, desk, ana):
    desk.tell(patient_id=ana.id, texts=["One", "Two", "Three"])
    page = visitor().sign_in(ana, CENTRE)
    expect(page.locator("#news[data-seq]")).to_be_attached()
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
def test_mark_all_keeps_to_the_filter(site, visitor, desk, ana):
    desk.tell(patient_id=ana.id, texts=["Clinical one", "Clinical two"])
    site.manage("send_notification", "--patient", ana.email, "--type", "system_alert")
    page = visitor().sign_in(ana, CENTRE)

    page.get_by_label("Category").select_option("Clinical")
    page.wait_for_url("**category=clinical")
    page.get_by_role("button", name="Mark 2 as read").click()

    expect(page.locator("#bell .badge")).to_have_text("1")


@pytest.mark.req("P-11")
def test_every_row_action_keeps_the_focus_on_the_page(visitor, desk, ana):
    desk.tell(patient_id=ana.id, texts=["One", "Two", "Three", "Four"])
    page = visitor().sign_in(ana, CENTRE)

    def press(text: str, name: str) -> None:
        button = row(page, text).get_by_role("button", name=name)
        button.focus()
        with page.expect_response(lambda answer: answer.request.method == "POST"):
            page.keyboard.press("Enter")
        page.wait_for_timeout(250)
        expect_focus(page)

    press("One", "Mark as read")
    press("One", "Mark as unread")
    press("Two", "Archive")
    row(page, "Three").locator("summary").press("Enter")
    press("Three", "Dismiss")
    row(page, "Four").locator("summary").press("Enter")
    press("Four", "Tomorrow morning")
    expect_focus(page, text="Undo")
    expect(page.locator("#list .tomb")).to_have_count(3)


@pytest.mark.req("P-29")
def test_load_more_appends_and_moves_the_focus_to_the_first_new_one(visitor, desk, ana):
    desk.tell(patient_id=ana.id, texts=[f"Message {n:02}" for n in range(45)])
    page = visitor().sign_in(ana, CENTRE)
    expect(page.locator("#news[data-seq]")).to_be_attached()

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
def test_badge_says_99_plus_and_its_name_the_true_number(visitor, desk, ana):
    desk.tell(patient_id=ana.id, texts=["One"])
    page = visitor().sign_in(ana, "/visits/")
    assert badge(page) == "1"

    desk.tell(patient_id=ana.id, texts=["More"] * 99)

    expect(page.get_by_role("link", name="Notifications, 100 unread")).to_be_visible()
    expect(page.locator("#bell .badge")).to_have_text("99+")
    # In one look: the badge is drawn anew with each piece of news, also while it is measured.
    shape = page.evaluate("document.querySelector('#bell .badge').getBoundingClientRect().toJSON()")
    assert shape["height"] < shape["width"]  # on one line


@pytest.mark.req("P-30")
def test_times_are_relative_and_move_on_by_themselves(visitor, desk, ana):
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

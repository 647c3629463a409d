"""Everything a person can do, with JavaScript switched off (P-08)."""

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.req("P-08")]

CENTRE = "/notifications/"


@pytest.fixture
def page(visitor, desk, ana):
    desk.give_email(patient_id=ana.id, address=ana.email)
    desk.tell(patient_id=ana.id, texts=[f"Message {n:02}" for n in range(25)])
    return visitor(java_script_enabled=False).sign_in(ana, CENTRE)


def rows(page):
    return page.locator("#list li[id]")


@pytest.mark.browser_short
def test_p08_reading_archiving_and_undo(page):
    newest = rows(page).first
    newest.get_by_role("button", name="Mark as read").click()
    expect(page.get_by_text("Marked as read")).to_be_visible()
    expect(newest.get_by_role("button", name="Mark as unread")).to_be_visible()

    newest.get_by_role("button", name="Archive").click()
    expect(page.get_by_text("Archived", exact=True).first).to_be_visible()
    expect(rows(page).first).to_contain_text("Message 23")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Moved to inbox")).to_be_visible()
    expect(rows(page).first).to_contain_text("Message 24")
    expect(rows(page).first.get_by_role("button", name="Mark as unread")).to_be_visible()


def test_p08_opening_and_going_back(page):
    rows(page).first.get_by_role("link").click()
    expect(page.get_by_text("Message 24")).to_be_visible()
    page.get_by_role("link", name="All messages").click()
    expect(page.get_by_role("button", name="Mark 24 as read")).to_be_visible()


def test_p08_marking_all_and_taking_it_back(page):
    page.get_by_role("button", name="Mark 25 as read").click()
    expect(page.get_by_text("25 marked as read")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Mark 25 as read")).to_be_visible()


def test_p08_load_more_and_filters(page):
    page.get_by_role("link", name="Load 20 more").click()
    expect(rows(page)).to_have_count(5)
    page.get_by_role("link", name="Newest messages").click()
    page.get_by_label("Category").select_option("Billing")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("No billing messages.")).to_be_visible()
    page.get_by_role("link", name="Clear filter").click()
    page.get_by_role("link", name="Archived").click()
    expect(page.get_by_text("Nothing archived.")).to_be_visible()


def test_p08_snoozing_and_dismissing(page):
    newest = rows(page).first
    newest.locator("summary").click()
    newest.get_by_role("button", name="Tomorrow morning").click()
    expect(page.get_by_text("We'll remind you")).to_be_visible()
    expect(rows(page).first).to_contain_text("Message 23")
    rows(page).first.locator("summary").click()
    rows(page).first.get_by_role("button", name="Dismiss").click()
    expect(rows(page).first).to_contain_text("Message 22")
    page.get_by_role("link", name="Snoozed").click()
    expect(rows(page)).to_have_count(1)
    rows(page).get_by_role("button", name="Move to inbox").click()
    expect(page.get_by_text("Nothing snoozed.")).to_be_visible()


def test_p08_confirming(page, desk, ana):
    visit = desk.remind(patient_id=ana.id)
    page.reload()
    rows(page).first.get_by_role("button", name="Confirm").click()
    expect(rows(page).first.locator(".done-line")).to_contain_text("Confirmed")
    assert desk.visit_status(visit_id=visit) == "confirmed"


@pytest.mark.browser_short
def test_p08_settings(page, desk, ana):
    page.get_by_role("link", name="Settings").first.click()
    box = page.get_by_role("group", name="Visit reminders").get_by_role("checkbox", name="Email")
    box.uncheck()
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("Your settings are saved.")).to_be_visible()
    expect(box).not_to_be_checked()
    assert not desk.is_on(patient_id=ana.id, type_key="appointment_reminder", channel="email")
    assert desk.is_on(patient_id=ana.id, type_key="lab_results", channel="email")

    page.get_by_role("button", name="Reset to recommended").click()
    expect(box).to_be_checked()
    page.get_by_role("button", name="Undo").click()
    expect(box).not_to_be_checked()
    page.get_by_text("Pause all...").click()
    page.get_by_role("button", name="1 week").click()
    expect(page.get_by_text("Messages are paused until")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    page.get_by_label("Keep quiet hours").uncheck()
    page.locator("#quiet").get_by_role("button", name="Save").click()
    expect(page.get_by_text("Quiet hours saved.")).to_be_visible()
    expect(page.get_by_text("No quiet hours:")).to_be_visible()


def test_p08_signing_out(page, visitor):
    page.locator(".top summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("Message 24")).to_have_count(0)

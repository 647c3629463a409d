"""What a patient is shown to get is what then comes; what they turn off does not, and is told."""

import re
from datetime import datetime

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Person

pytestmark = pytest.mark.browser

SETTINGS = "/notifications/settings/"
PREVIEW = f"{SETTINGS}preview/"
LINKS = re.compile(r"https?://\S+")


@pytest.fixture
def reached(desk, ana):
    """Ana, who can be written to and texted at this hour."""
    desk.reach(patient_id=ana.id)
    return ana


def words(text: str) -> str:
    """Return a text's words, links aside."""
    return " ".join(LINKS.sub("", text).split())


def shown(page, channel: str) -> str:
    """Return the words of a channel's sample."""
    return words(page.locator(f"#sample-{channel} + .sample .words").text_content())


@pytest.mark.req("P-40")
def test_p40_a_sample_is_word_for_word_what_the_worker_then_sends(visitor, desk, reached):
    window = visitor()
    page = window.sign_in(reached, PREVIEW)
    expect(page.locator("#type")).to_have_value("appointment_reminder")
    samples = {channel: shown(page, channel) for channel in ("email", "sms", "in_app")}
    subject = page.locator("#sample-email + .sample .subject").inner_text()
    page.get_by_text("The same as plain text").click()
    expect(page.locator("#sample-email + .sample .words")).to_be_visible()

    message = desk.send_example(patient_id=reached.id, type_key="appointment_reminder")
    left = desk.left(notification_id=message)

    assert words(left["email"]["text"]) == samples["email"]
    assert left["email"]["subject"] == subject
    assert words(left["sms"]["text"]) == samples["sms"]
    page.goto(f"{window.site.url}/notifications/{message}/")
    assert words(page.locator(".letter-text").inner_text()) == samples["in_app"]


@pytest.mark.req("P-40")
def test_p40_next_shows_the_moment_of_the_plan_and_the_select_another_sample(
    visitor, desk, reached
):
    (due_at,) = desk.book_with_reminder(patient_id=reached.id)
    page = visitor(width=390).sign_in(reached, PREVIEW)

    expect(page.locator("#next")).to_contain_text("Visit reminders")
    moment = page.locator("#coming ~ .group time").first.get_attribute("datetime")
    assert datetime.fromisoformat(moment) == datetime.fromisoformat(due_at)
    expect(page.locator("#coming ~ .group").first).to_contain_text("About your visit on")

    page.get_by_label("Kind of message").select_option("lab_results")
    expect(page).to_have_url(re.compile(r"\?type=lab_results$"))
    expect(page.locator("#sample-sms")).to_contain_text("You have not turned this on")


def test_p18_texts_turned_off_send_none_and_all_who_may_ask_read_why_and_since_when(
    visitor, desk, reached
):
    window = visitor()
    page = window.sign_in(reached, SETTINGS)
    reminders = page.get_by_role("group", name="Visit reminders")
    reminders.get_by_role("switch", name="Text").press("Space")
    expect(page.locator("#saved-appointment_reminder")).to_contain_text("Saved")

    message = desk.send_example(patient_id=reached.id, type_key="appointment_reminder")
    left = desk.left(notification_id=message)
    assert "email" in left
    assert "sms" not in left

    page.goto(f"{window.site.url}/notifications/{message}/")
    expect(page.get_by_text(re.compile(r"You turned this off on [A-Z]\w\w \d"))).to_be_visible()
    page.goto(f"{window.site.url}{SETTINGS}changes/")
    newest = page.locator("main ol li").first
    expect(newest).to_contain_text("Texts for visit reminders turned off.")
    expect(newest).to_contain_text(re.compile(r"By you, \w{3}, \w{3} \d+ at \d+:\d\d [AP]M"))
    page.goto(f"{window.site.url}{PREVIEW}")
    expect(page.locator("#sample-sms")).to_contain_text("You turned this off on")

    desk.hire(email="manager@example.com")
    staff = visitor()
    timeline = staff.sign_in(Person(id="", email="manager@example.com", first_name="M"), "/admin/")
    timeline.goto(f"{staff.site.url}/admin/portal/user/{reached.id}/timeline/")
    why = timeline.get_by_text(re.compile(r"Patient turned this off for this type on [A-Z]\w\w \d"))
    expect(why.first).to_be_visible()

"""What a person says about their visits: that they come, or that another time suits better."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import expect_focus

pytestmark = pytest.mark.browser

CENTRE = "/notifications/"


def confirm_in(page):
    return page.locator("#list").get_by_role("button", name="Confirm")


def answer_in(page):
    return page.locator("#list .done-line")


@pytest.mark.browser_short
@pytest.mark.req("P-07")
def test_p07_confirm_ends_the_question_and_a_second_press_or_replay_changes_nothing(
    visitor, desk, ana
):
    visit = desk.remind(patient_id=ana.id)
    window = visitor()
    other_tab = window.sign_in(ana, CENTRE)
    page = window.page()
    page.goto(other_tab.url)

    with page.expect_request("**/confirm/") as press:
        confirm_in(page).click()

    expect(answer_in(page)).to_have_text(re.compile(r"Confirmed \d+:\d\d [AP]M E[SD]T"))
    expect(confirm_in(page)).to_have_count(0)
    expect_focus(page)
    assert desk.visit_status(visit_id=visit) == "confirmed"
    said, since = answer_in(page).inner_text(), desk.confirmed_at(visit_id=visit)

    confirm_in(other_tab).click()
    expect(answer_in(other_tab)).to_have_text(said)
    assert page.request.fetch(press.value).ok
    page.reload()
    expect(answer_in(page)).to_have_text(said)
    assert desk.confirmed_at(visit_id=visit) == since
    page.get_by_role("link", name="Visits").click()
    expect(page.get_by_text("You confirmed this visit")).to_be_visible()
    expect(page.get_by_role("button", name="Confirm")).to_have_count(0)


@pytest.mark.req("P-11")
def test_a_message_leads_to_asking_for_another_time_and_never_mind_takes_it_back(
    visitor, desk, ana
):
    desk.remind(patient_id=ana.id)
    page = visitor(width=390).sign_in(ana, CENTRE)
    page.locator("#list").get_by_role("link", name="Reschedule").click()
    page.get_by_label("Which days and times suit you?").fill("Any morning")
    page.get_by_role("button", name="Ask us to call you").click()

    expect(page.locator("#move")).to_contain_text("Your visit stays booked until then.")
    expect(page.locator("#status")).to_have_text("We will call you.")
    expect(page.get_by_role("button", name="Never mind")).to_be_focused()
    assert desk.calls_to_make(patient_id=ana.id) == [["move", "Any morning"]]

    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Ask us to call you")).to_be_focused()
    assert desk.calls_to_make(patient_id=ana.id) == []


@pytest.mark.req("P-08")
def test_p08_another_time_is_asked_for_and_taken_back_without_script(visitor, desk, ana):
    desk.remind(patient_id=ana.id)
    page = visitor(java_script_enabled=False).sign_in(ana, CENTRE)
    page.locator("#list").get_by_role("link", name="Reschedule").click()
    page.get_by_role("button", name="Ask us to call you").click()
    expect(page.get_by_text("You asked to move this visit on")).to_be_visible()
    assert desk.calls_to_make(patient_id=ana.id) == [["move", ""]]
    page.get_by_role("link", name="Messages").click()
    expect(answer_in(page)).to_contain_text("You asked to move it")
    page.get_by_role("link", name="Visits").click()
    page.get_by_role("button", name="Never mind").click()
    expect(page.get_by_text("Your visit stays as it is.")).to_be_visible()
    expect(page.get_by_role("button", name="Confirm")).to_be_visible()
    assert desk.calls_to_make(patient_id=ana.id) == []

"""An address of one's own: added, shown to be one's by a code, agreed to, and stopped."""

import re

import pytest
from playwright.sync_api import Page, expect

from notifications.consent import CURRENT_TEXT_WORDING
from tests.browser.conftest import axe

pytestmark = pytest.mark.browser

SETTINGS = "/notifications/settings/"
OLD, NEW = "+12125550142", "+12125550167"
AGREED = (
    "I agree to automated texts about my care at this number, 3 a week at most. Message and data "
    "rates may apply. Reply HELP for help, STOP to opt out."
)


@pytest.fixture
def reachable(desk, ana):
    """Ana with a verified number, which is hers alone in this test."""
    desk.give_phone(patient_id=ana.id, number=OLD)
    return ana


def add_number(page: Page, number: str = NEW) -> None:
    page.get_by_role("link", name="Add a mobile number").click()
    page.get_by_label("Mobile number").fill(number)
    page.get_by_role("button", name="Send the code").click()
    expect(page.get_by_text("We sent a code. It works for 15 minutes.")).to_be_visible()


def code_sent(desk, address: str) -> str:
    (code,) = re.findall(r"\b\d{6}\b", desk.sent_to(address=address)[-1])
    return code


def enter(page: Page, code: str) -> None:
    page.get_by_label("6-digit code").fill(code)
    page.get_by_role("button", name="Verify").click()


def paste(page: Page, text: str) -> None:
    """Paste into the field that has the focus."""
    page.evaluate("text => document.execCommand('insertText', false, text)", text)


@pytest.mark.req("P-33")
def test_p33_the_old_number_is_used_until_the_new_ones_code_is_pasted(visitor, desk, reachable):
    page = visitor().sign_in(reachable, SETTINGS)
    number = "+12125550171"
    add_number(page, number)
    expect(page.get_by_text("Your old number ***-0142 is used until then.")).to_be_visible()
    field = page.get_by_label("6-digit code")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("autocomplete", "one-time-code")
    expect(field).to_have_attribute("inputmode", "numeric")

    code = code_sent(desk, number)
    paste(page, f"{code[:3]}-{code[3:]}")
    page.get_by_role("button", name="Verify").click()

    expect(page.get_by_text("This number is yours. We text it once you agree")).to_be_visible()
    box = page.get_by_label(AGREED)
    expect(box).not_to_be_checked()
    box.check()
    page.get_by_role("region", name="Texts about your care").get_by_role("button").click()
    expect(page.get_by_text("You agreed to this:")).to_be_visible()
    assert desk.consents(patient_id=reachable.id) == [[True, CURRENT_TEXT_WORDING, "portal"]]
    page.get_by_role("link", name="Notification settings").click()
    expect(page.get_by_role("link", name="Change ***-0171")).to_be_visible()
    expect(page.get_by_text("***-0142")).to_have_count(0)


@pytest.mark.req("P-33")
def test_p33_five_wrong_codes_lock_and_say_until_when(visitor, desk, reachable):
    page = visitor().sign_in(reachable, SETTINGS)
    number = "+12125550173"
    add_number(page, number)
    wrong = "".join(str(9 - int(digit)) for digit in code_sent(desk, number))
    enter(page, "12")  # a slip is no try
    expect(page.get_by_text("A code has 6 digits.")).to_be_visible()
    for left in ("4 more times", "3 more times", "2 more times", "1 more time"):
        enter(page, wrong)
        expect(page.get_by_text(f"You can try {left}.")).to_be_visible()
    assert axe(page) == []
    enter(page, wrong)

    said = page.get_by_text(re.compile(r"Too many wrong codes. Ask for a new one after \d+:\d\d"))
    expect(said).to_be_visible()
    expect(page.get_by_label("6-digit code")).to_have_count(0)
    page.reload()
    expect(said).to_be_visible()
    assert axe(page) == []


@pytest.mark.req("P-33")
def test_p33_another_code_waits_half_a_minute_and_the_page_says_until_when(visitor, desk, ana):
    page = visitor(java_script_enabled=False).sign_in(ana, SETTINGS)
    number = "+12125550172"
    add_number(page, number)
    expect(page.get_by_text(re.compile(r"another at \d+:\d\d:\d\d [AP]M E"))).to_be_visible()

    page.get_by_role("button", name="Send another code").click()

    said = re.compile(r"A code is on its way. Ask for another in \d+ seconds.")
    expect(page.get_by_text(said)).to_be_visible()
    assert len(desk.sent_to(address=number)) == 1


@pytest.mark.req("P-33")
def test_p33_a_new_email_is_verified_as_well_and_the_old_one_hears_of_it(visitor, desk, ana):
    desk.give_email(patient_id=ana.id, address=ana.email)
    new = f"new.{ana.email}"
    page = visitor().sign_in(ana, SETTINGS)
    page.get_by_role("link", name="Add an email address").click()
    page.get_by_label("Email address").fill(new)
    page.get_by_role("button", name="Send the code").click()
    expect(page.get_by_text("Your old email a***@example.com is used until then.")).to_be_visible()
    assert desk.sent_to(address=ana.email) == []

    code = code_sent(desk, new)
    enter(page, f"{code[:3]} {code[3:]}")

    expect(page.get_by_text("Thank you. This address is yours and in use.")).to_be_visible()
    (notice,) = desk.sent_to(address=ana.email)
    assert "Our emails now go to another address." in notice
    assert new not in notice


@pytest.mark.req("M-06")
def test_a_stop_is_shown_with_its_day_and_start_is_explained(visitor, desk, ana):
    number = "+12125550173"
    desk.give_phone(patient_id=ana.id, number=number)
    desk.stop(number=number)
    page = visitor().sign_in(ana, SETTINGS)
    expect(page.get_by_text(re.compile(r"Replied STOP on \w+ \d+"))).to_be_visible()
    page.get_by_role("link", name="Change ***-0173").click()

    expect(page.get_by_text(re.compile(r"This number replied STOP on \w+ \d+"))).to_be_visible()
    expect(page.get_by_text("send a text with the word START from this phone")).to_be_visible()
    expect(page.get_by_text("Nothing else undoes a STOP")).to_be_visible()
    expect(page.get_by_role("checkbox")).to_have_count(0)
    assert axe(page) == []

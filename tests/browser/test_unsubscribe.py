"""Leaving by the link in an e-mail: signed out, with and without script (P-21)."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import axe

pytestmark = [pytest.mark.browser, pytest.mark.req("P-21")]
LINK = re.compile(r"Stop these emails: (\S+)")


@pytest.fixture
def link(desk, ana):
    """The way out in a mail that really came."""
    desk.reach(patient_id=ana.id)
    message = desk.send_example(patient_id=ana.id, type_key="appointment_reminder")
    left = desk.left(notification_id=message)
    return LINK.search(left["email"]["text"]).group(1)


def is_on(desk, ana, type_key: str = "appointment_reminder") -> bool:
    return desk.is_on(patient_id=ana.id, type_key=type_key, channel="email")


@pytest.mark.parametrize("script", [True, False])
def test_p21_looking_twice_changes_nothing_the_button_does_and_undo_takes_it_back(
    visitor, desk, ana, link, script
):
    page = visitor(width=390, java_script_enabled=script).page()
    for _look in range(2):
        page.goto(link)
        expect(page.get_by_role("heading", name="Stop these emails?")).to_be_visible()
    expect(page.get_by_text("a***@example.com")).to_be_visible()
    expect(page.get_by_text("Ana")).to_have_count(0)
    assert is_on(desk, ana)

    page.get_by_role("button", name="Stop these emails").click()
    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    assert not is_on(desk, ana)
    assert is_on(desk, ana, "lab_results")

    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="These emails are on again")).to_be_visible()
    assert is_on(desk, ana)


def test_p21_a_mail_programs_one_click_stops_them_and_a_changed_link_does_nothing(
    visitor, desk, ana, link
):
    window = visitor()
    page = window.page()
    answer = page.request.post(
        link, form={"List-Unsubscribe": "One-Click"}, max_redirects=0, headers={"Cookie": ""}
    )
    assert answer.status == 200
    assert not is_on(desk, ana)

    tampered = page.request.post(f"{link.rstrip('/')}x/", form={"all": "yes"}, max_redirects=0)
    assert tampered.status == 400
    assert is_on(desk, ana, "lab_results")

    page.goto(link)
    expect(page.get_by_role("heading", name="These emails are off")).to_be_visible()
    assert axe(page) == []
    page.get_by_role("button", name="Stop all optional email").click()
    expect(page.get_by_text("You get no more optional emails from us.")).to_be_visible()
    assert not is_on(desk, ana, "lab_results")
    assert is_on(desk, ana, "system_alert")
    assert axe(page) == []

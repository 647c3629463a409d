"""The settings page, with script."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETTINGS = "/notifications/settings/"


def switch(page, group, name):
    return page.get_by_role("group", name=group).get_by_role("switch", name=name)


@pytest.fixture
def reachable(desk, ana):
    desk.give_email(patient_id=ana.id, address=ana.email)
    return ana


@pytest.mark.browser_short
@pytest.mark.req("P-17")
def test_a_switch_saves_itself_and_says_so(visitor, desk, reachable):
    page = visitor().sign_in(reachable, SETTINGS)
    email = switch(page, "Visit reminders", "Email")
    expect(email).to_be_checked()

    email.press("Space")

    expect(page.locator("#saved-appointment_reminder")).to_contain_text("Saved")
    expect(page.locator("#status")).to_have_text("Email for Visit reminders off. Saved")
    expect(email).to_be_focused()
    assert not desk.is_on(patient_id=reachable.id, type_key="appointment_reminder", channel="email")
    page.reload()
    expect(email).not_to_be_checked()


@pytest.mark.req("P-17")
def test_a_failure_flips_the_switch_back(visitor, desk, reachable):
    page = visitor().sign_in(reachable, SETTINGS)
    page.route("**/cells/**", lambda route: route.fulfill(status=500, body="broken"))
    email = switch(page, "Visit reminders", "Email")

    email.press("Space")

    expect(page.locator("#saved-appointment_reminder")).to_have_text("Not saved. Try again")
    expect(email).to_be_checked()
    page.unroute("**/cells/**")
    email.press("Space")
    expect(page.locator("#saved-appointment_reminder")).to_contain_text("Saved")
    expect(email).not_to_be_checked()


@pytest.mark.browser_short
@pytest.mark.req("P-19")
def test_a_locked_cell_does_nothing_and_says_why(visitor, desk, reachable):
    page = visitor().sign_in(reachable, SETTINGS)
    locked = page.get_by_role("group", name="Moved visits").get_by_role("checkbox", name="Email")

    expect(locked).to_have_attribute("aria-disabled", "true")
    expect(locked).to_have_accessible_description("We always email this kind of message.")
    locked.press("Space")
    locked.click(force=True)

    expect(locked).to_have_attribute("aria-checked", "true")
    assert desk.is_on(patient_id=reachable.id, type_key="appointment_rescheduled", channel="email")


def test_this_devices_zone_is_offered(visitor, reachable):
    page = visitor(timezone_id="Europe/Lisbon").sign_in(reachable, SETTINGS)

    page.get_by_role("button", name="Use this device’s zone").click()
    form = page.locator("form", has=page.get_by_label("Time zone", exact=True))
    form.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("Language and time zone are saved.")).to_be_visible()
    expect(page.get_by_label("Time zone", exact=True)).to_have_value("Europe/Lisbon")

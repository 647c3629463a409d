"""The settings page, with script."""

import re
from datetime import UTC, datetime, timedelta

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
def test_p17_a_switch_says_saving_then_saved_and_survives_a_reload(visitor, desk, reachable):
    page = visitor().sign_in(reachable, SETTINGS)
    held = []
    page.route("**/cells/**", lambda route: held.append(route))
    email, other = (switch(page, name, "Email") for name in ("Visit reminders", "Receipts"))
    said = page.locator("#saved-appointment_reminder")
    expect(email).to_be_checked()

    email.press("Space")
    expect(said).to_have_text("Saving...")
    other.press("Space")  # a second one at once is not lost behind the first
    expect(page.locator("#saved-payment_confirmation")).to_have_text("Saving...")
    assert desk.is_on(patient_id=reachable.id, type_key="appointment_reminder", channel="email")
    for route in held:
        route.continue_()

    expect(said).to_have_text(re.compile(r"^Saved \d+:\d\d [AP]M E[SD]T$"))
    expect(page.locator("#saved-payment_confirmation")).to_contain_text("Saved")
    expect(page.locator("#status")).to_have_text(re.compile("^Email for .* off. Saved$"))
    expect(other).to_be_focused()
    for key in ("appointment_reminder", "payment_confirmation"):
        assert not desk.is_on(patient_id=reachable.id, type_key=key, channel="email")
    page.reload()
    expect(email).not_to_be_checked()


@pytest.mark.req("P-17")
def test_p17_a_failure_flips_the_switch_back(visitor, desk, reachable):
    page = visitor().sign_in(reachable, SETTINGS)
    page.route("**/cells/**", lambda route: route.fulfill(status=500, body="broken"))
    email = switch(page, "Visit reminders", "Email")

    email.press("Space")

    expect(page.locator("#saved-appointment_reminder")).to_have_text("Not saved. Try again")
    expect(page.locator("#status")).to_have_text("Not saved. Try again")
    expect(email).to_be_checked()
    expect(email).to_be_focused()
    page.unroute("**/cells/**")
    email.press("Space")
    expect(page.locator("#saved-appointment_reminder")).to_contain_text("Saved")
    expect(email).not_to_be_checked()


@pytest.mark.browser_short
@pytest.mark.req("P-19")
def test_p19_a_locked_cell_does_nothing_by_page_or_forgery_and_says_why(visitor, desk, reachable):
    window = visitor()
    page = window.sign_in(reachable, SETTINGS)
    locked = page.get_by_role("group", name="Moved visits").get_by_role("checkbox", name="Email")

    expect(locked).to_have_attribute("aria-disabled", "true")
    expect(locked).to_have_accessible_description("We always email this kind of message.")
    expect(page.get_by_text("We always email this kind of message.").first).to_be_visible()
    in_app = page.get_by_role("group", name="Receipts").get_by_role("checkbox", name="In-app")
    expect(in_app).to_have_accessible_description(re.compile("In-app is always on"))
    locked.press("Space")
    locked.click(force=True)
    expect(locked).to_have_attribute("aria-checked", "true")

    [token] = [each["value"] for each in window.context.cookies() if each["name"] == "csrftoken"]
    cell, headers = "appointment_rescheduled.email", {"X-CSRFToken": token}
    site = window.site.url
    one = page.request.post(f"{site}{SETTINGS}cells/{cell}/", headers=headers)
    sheet = page.request.post(f"{site}{SETTINGS}", headers=headers, form={"drawn": cell})
    for answer in (one, sheet):
        assert answer.status == 400
        assert "Email for Moved visits: This one is always on." in answer.text()
    put = page.request.put(
        f"{site}/api/patient-notifications/preferences/appointment_rescheduled",
        headers=headers,
        data={"email_enabled": False},
    )
    assert put.status == 400
    assert "email_enabled" in put.text()
    assert desk.is_on(patient_id=reachable.id, type_key="appointment_rescheduled", channel="email")


# -- the sheet as a whole -----------------------------------------------------------------------


def test_all_texts_go_off_and_undo_puts_back_exactly_what_was(visitor, desk, ana):
    desk.give_number(patient_id=ana.id, number="212 555 0177")
    page = visitor().sign_in(ana, SETTINGS)
    booked, receipts = (switch(page, name, "Text") for name in ("Booked visits", "Receipts"))
    receipts.press("Space")
    expect(page.locator("#saved-payment_confirmation")).to_contain_text("Saved")

    page.get_by_role("button", name="Turn off all texts").click()
    expect(page.get_by_text("All texts are off.")).to_be_visible()
    expect(receipts).not_to_be_checked()
    expect(booked).not_to_be_checked()
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_focused()
    undo.click()

    expect(page.get_by_text("Your settings are as they were.")).to_be_visible()
    expect(booked).to_be_checked()
    expect(receipts).to_be_checked()
    page.get_by_role("button", name="Reset to recommended").click()
    expect(page.get_by_text("Everything is as we recommend.")).to_be_visible()
    expect(receipts).not_to_be_checked()
    expect(booked).to_be_checked()


# -- pause --------------------------------------------------------------------------------------


def story_of(page, message):
    page.goto(f"{re.match('https?://[^/]+', page.url).group()}/notifications/{message}/")
    return page.get_by_role("region", name="What happened with this message")


@pytest.mark.req("P-38")
def test_p38_in_a_pause_nothing_optional_comes_and_every_page_offers_to_resume(
    visitor, desk, reachable
):
    window = visitor()
    page = window.sign_in(reachable, SETTINGS)
    until = datetime.now(UTC).date() + timedelta(days=4)
    page.get_by_text("Pause all...").click()
    expect(page.get_by_text("What is urgent, changes to your visits")).to_be_visible()
    page.get_by_label("Pause until this day").fill(until.isoformat())
    page.get_by_role("button", name="Pause to this date").click()
    banner = page.get_by_text(re.compile(f"Messages are paused until {until:%a, %b} {until.day}"))
    expect(banner).to_contain_text("What is urgent or changes a visit still comes.")

    [optional] = desk.tell(patient_id=reachable.id, texts=["Optional"])
    locked = desk.warn(patient_id=reachable.id)
    assert desk.became(notification_id=optional, channel="email") == "skipped"
    assert desk.became(notification_id=locked, channel="email") in ("accepted", "delivered")
    for path in ("/", "/visits/", "/notifications/", f"{SETTINGS}private/"):
        page.goto(f"{window.site.url}{path}")
        expect(banner).to_be_visible()
    expect(story_of(page, optional)).to_contain_text("You paused messages until")
    expect(banner).to_be_visible()

    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Messages come again.")).to_be_visible()
    expect(banner).to_have_count(0)
    [next_one] = desk.tell(patient_id=reachable.id, texts=["After"])
    assert desk.became(notification_id=next_one, channel="email") in ("accepted", "delivered")


# -- quiet hours --------------------------------------------------------------------------------


@pytest.mark.req("P-20")
def test_p20_in_quiet_hours_a_text_is_held_until_they_end_and_an_urgent_one_goes(
    visitor, desk, ana
):
    desk.give_number(patient_id=ana.id, number="212 555 0178")
    hour = int(desk.live_where_it_is_day(patient_id=ana.id))
    page = visitor().sign_in(ana, SETTINGS)
    switch(page, "Messages from your care team", "Text").press("Space")
    expect(page.locator("#saved-message_from_provider")).to_contain_text("Saved")
    page.get_by_label("From", exact=True).fill(f"{hour:02}:00")
    page.get_by_label("To", exact=True).fill("")
    save = page.locator("#quiet-form").get_by_role("button", name="Save")
    save.click()
    to = page.get_by_label("To", exact=True)
    expect(to).to_have_attribute("aria-invalid", "true")
    expect(to).to_have_accessible_description(re.compile("Write a time"))
    expect(to).to_be_focused()
    expect(page.get_by_label("From", exact=True)).to_have_value(f"{hour:02}:00")
    to.fill(f"{hour + 2:02}:00")
    save.click()
    expect(page.locator("#saved-quiet")).to_contain_text("Saved")
    expect(save).to_be_focused()
    ends = f"{(hour + 1) % 12 + 1}:00 {'AM' if hour + 2 < 12 else 'PM'}"
    expect(page.get_by_text(f"Held texts and pushes arrive at {ends}")).to_be_visible()

    [message] = desk.tell(patient_id=ana.id, texts=["Later"])
    [urgent] = desk.tell(patient_id=ana.id, texts=["Now"], priority="urgent")
    assert desk.became(notification_id=message, channel="sms") == "held"
    assert desk.became(notification_id=urgent, channel="sms") in ("accepted", "delivered")
    held = story_of(page, message)
    expect(held).to_contain_text(re.compile(f"Held until {ends}.*when your quiet hours end"))
    expect(story_of(page, urgent)).not_to_contain_text("Held")


# -- the look -----------------------------------------------------------------------------------


@pytest.mark.req("P-37")
def test_p37_switches_honour_forced_colours_and_less_motion(visitor, reachable):
    page = visitor(forced_colors="active", reduced_motion="reduce").sign_in(reachable, SETTINGS)
    look = page.evaluate(
        """() => {
            const box = document.querySelector("input.switch");
            const knob = getComputedStyle(box, "::after");
            return [getComputedStyle(box).appearance, knob.content, knob.transitionDuration,
                    getComputedStyle(document.querySelector(".card")).borderTopStyle];
        }"""
    )
    assert look == ["auto", "none", "0s", "solid"]


# -- language and clock -------------------------------------------------------------------------


def test_this_devices_zone_is_offered(visitor, reachable):
    page = visitor(timezone_id="Europe/Lisbon").sign_in(reachable, SETTINGS)

    page.get_by_role("button", name="Use this device’s zone").click()
    form = page.locator("form", has=page.get_by_label("Time zone", exact=True))
    form.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("Language and time zone are saved.")).to_be_visible()
    expect(page.get_by_label("Time zone", exact=True)).to_have_value("Europe/Lisbon")


def test_a_language_changes_the_page_at_once(visitor, ana):
    page = visitor().sign_in(ana, SETTINGS)
    page.get_by_label("Language", exact=True).select_option("Español")
    page.locator("#speech").get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("html")).to_have_attribute("lang", "es")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ajustes de notificaciones")

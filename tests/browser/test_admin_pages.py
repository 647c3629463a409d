"""The admin in a real browser: no complaint, targets large enough, choosing and confirming."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Person

pytestmark = pytest.mark.browser

SMALL = """() => [...document.querySelectorAll('a, button, input, select, summary')]
  .map(element => [element.outerHTML.slice(0, 80), element.getBoundingClientRect()])
  .filter(([_text, box]) => box.width > 1 && (box.width < 24 || box.height < 24))
  .map(([text]) => text)"""


@pytest.fixture
def chief(site):
    """Somebody with every right there is."""
    site.manage("shell", "-c", MAKE_CHIEF)
    return Person(id="", email="chief@example.com", first_name="Chief")


MAKE_CHIEF = """
from portal.models import User
from tests.browser.desk import PASSWORD
if not User.objects.filter(username="chief@example.com").exists():
    User.objects.create_superuser(username="chief@example.com", password=PASSWORD)
"""


@pytest.mark.req("P-09")
@pytest.mark.req("P-28")
@pytest.mark.req("S-16")
def test_p09_no_admin_page_complains_asks_another_site_or_is_too_small_to_press(
    visitor, desk, ana, chief
):
    desk.give_email(patient_id=ana.id, address=ana.email)
    desk.tell(patient_id=ana.id, texts=["Hello"])
    window = visitor()
    page = window.sign_in(chief, "/admin/")
    tables = page.locator("#content-main th a")
    paths = [tables.nth(index).get_attribute("href") for index in range(tables.count())]
    assert "/admin/notifications/patientnotification/" in paths
    for path in [*paths, "/admin/portal/appointment/add/", "/admin/portal/user/add/"]:
        page.goto(f"{window.site.url}{path}")
        assert page.evaluate(SMALL) == [], path


def test_a_patient_is_chosen_by_name_and_an_action_says_how_many(visitor, desk, ana, chief):
    desk.give_email(patient_id=ana.id, address=ana.email)
    window = visitor()
    page = window.sign_in(chief, "/admin/notifications/contactpoint/add/")
    page.locator(".field-patient .select2-selection").click()
    page.keyboard.type(ana.first_name)
    expect(page.locator(".select2-results__option").first).to_contain_text("Ana")
    page.goto(f"{window.site.url}/admin/notifications/contactpoint/?q={ana.email}")
    page.locator("#result_list tbody input[type=checkbox]").first.check()
    page.locator("[name=action]").select_option("stop_using")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_text("1 row is selected.")).to_be_visible()
    page.get_by_role("button", name="Stop using (1)").click()
    expect(page.get_by_text("1 address changed.")).to_be_visible()


@pytest.mark.req("P-28")
@pytest.mark.parametrize("width", [1280, 320])
def test_p28_a_timeline_and_the_consent_page_fit_any_width(visitor, desk, ana, chief, width):
    desk.give_email(patient_id=ana.id, address=ana.email)
    desk.tell(patient_id=ana.id, texts=["Hello"])
    window = visitor(width=width)
    page = window.sign_in(chief, "/admin/")
    page.goto(f"{window.site.url}/admin/portal/user/{ana.id}/timeline/")
    for summary in page.locator("#content-main summary").all():
        summary.click()
    expect(page.get_by_text("There is an address").first).to_be_visible()
    assert fits(page)
    to_her_address(page, window, ana)
    page.get_by_role("link", name="Record consent").click()
    expect(page.get_by_label("Messages about care")).not_to_be_checked()
    assert fits(page)


def to_her_address(page, window, patient):
    page.goto(f"{window.site.url}/admin/notifications/contactpoint/?q={patient.email}")
    page.locator("#result_list tbody th a").first.click()


def fits(page):
    """Whether nothing is cut off or too small to press."""
    page.wait_for_load_state("load")
    assert page.evaluate(SMALL) == []
    return page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.req("P-08")
def test_p08_a_yes_and_a_no_are_recorded_without_a_script(visitor, desk, ana, chief):
    desk.give_email(patient_id=ana.id, address=ana.email)
    window = visitor(java_script_enabled=False)
    page = window.sign_in(chief, "/admin/")
    to_her_address(page, window, ana)
    for button, said in (
        ("Record consent", "What the patient agreed to is recorded."),
        ("Withdraw consent", "The consent is withdrawn, from now on."),
    ):
        page.get_by_role("link", name=button).click()
        page.get_by_label("Messages about care").check()
        page.get_by_role("button", name=button).click()
        expect(page.get_by_text(said)).to_be_visible()
    page.goto(f"{window.site.url}/admin/portal/user/{ana.id}/timeline/")
    expect(page.get_by_text("No longer agrees to messages about care")).to_be_visible()


PAUSE = "from notifications import switches as s; s.{}(channel='sms', actor='system:test'{})"


@pytest.mark.req("P-08")
@pytest.mark.req("P-09")
@pytest.mark.req("P-28")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_p28_a_pause_is_said_on_a_narrow_screen_and_ended_without_a_script(
    visitor, site, chief, theme
):
    site.manage("shell", "-c", PAUSE.format("pause", ", code='20003'"))
    try:
        window = visitor(java_script_enabled=False, width=320, color_scheme=theme)
        page = window.sign_in(chief, "/admin/")
        expect(page.get_by_role("region", name="Messages that do not leave")).to_contain_text(
            "Text: nothing is sent."
        )
        assert fits(page)
        page.get_by_role("link", name="Resume: Text").click()
        expect(page.get_by_text("Resume once that is mended.")).to_be_visible()
        assert fits(page)
        page.get_by_role("button", name="Resume: Text").click()
        expect(page.get_by_text("It is resumed: what waited goes now.")).to_be_visible()
        expect(page.get_by_text("Text: nothing is sent.")).to_have_count(0)
    finally:
        site.manage("shell", "-c", PAUSE.format("resume", ""))

"""The admin in a real browser: no complaint, targets large enough, choosing and confirming."""

import re

import pytest
from django.contrib import admin
from django.urls import URLResolver, reverse
from playwright.sync_api import expect

from tests.browser.conftest import Person
from tests.browser.pages import furnish

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


# Our own pages beside Django's, by what they are about. Both others have a story elsewhere: the
# end of a pause below, a capped text sent all the same in tests/test_allowance.py.
OWN = {
    "portal_user_timeline": "patient",
    "portal_user_coming": "patient",
    "portal_user_departure": "patient",
    "notifications_confidentialrequest_of": "patient",
    "notifications_contactpoint_agree": "contact_id",
    "notifications_contactpoint_withdraw": "contact_id",
    "notifications_contactpoint_verify": "contact_id",
    "portal_appointment_move": "visit_id",
    "portal_appointment_treated": "visit_id",
    "portal_opening_give": "opening_id",
}
ELSEWHERE = {"notifications_switch_resume", "notifications_delivery_lift"}
DJANGOS = re.compile(
    r".*_(changelist|add|history|delete|change)|index|log(in|out)|app_list|jsi18n|autocomplete"
    r"|view_on_site|password_change(_done)?"
)


@pytest.mark.req("P-09")
@pytest.mark.req("P-28")
@pytest.mark.req("S-16")
def test_p09_no_admin_page_complains_asks_another_site_or_is_too_small(visitor, desk, ana, chief):
    ids = furnish(desk, ana).ids | {"patient": ana.id, "opening_id": desk.offer()}
    own = [reverse(f"admin:{name}", args=[ids[about]]) for name, about in OWN.items()]
    window = visitor()
    page = window.sign_in(chief, "/admin/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    tables = page.locator("#content-main th a")
    paths = [tables.nth(index).get_attribute("href") for index in range(tables.count())]
    assert "/admin/notifications/patientnotification/" in paths
    for path in [*paths, *own, "/admin/portal/appointment/add/", "/admin/portal/user/add/"]:
        answer = page.goto(f"{window.site.url}{path}")
        assert (answer.status, page.evaluate(SMALL)) == (200, []), path
        assert "no-store" in answer.headers["cache-control"], path
    assert [url for url in asked if not url.startswith(f"{window.site.url}/")] == []


def test_every_page_of_ours_in_the_admin_is_looked_at():
    names = {each.name for each in _flat(admin.site.get_urls()) if each.name}
    assert {name for name in names if not DJANGOS.fullmatch(name)} == set(OWN) | ELSEWHERE


def _flat(entries):
    for entry in entries:
        yield from _flat(entry.url_patterns) if isinstance(entry, URLResolver) else [entry]


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

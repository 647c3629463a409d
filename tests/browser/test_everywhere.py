"""What holds on every page: no complaint, no barrier, nothing cut off; and all of it in Spanish."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import admit, axe

pytestmark = pytest.mark.browser

PAGES = [
    "/",
    "/visits/",
    "/notifications/",
    "/notifications/?view=unread",
    "/notifications/?view=archived",
    "/notifications/?category=billing",
    "/notifications/settings/",
    "/notifications/settings/contacts/add/email/",
]


@pytest.fixture
def told(desk, ana):
    """Ana with one of everything."""
    desk.give_email(patient_id=ana.id, address=ana.email)
    desk.adopt(guardian=ana.email, child="Bartholomew-Maximilian")
    desk.remind(patient_id=ana.id)
    desk.tell(patient_id=ana.id, texts=["Short", "A-very-long-word-" * 12], priority="high")
    desk.tell(patient_id=ana.id, texts=["Quick"], priority="urgent")
    return ana


@pytest.mark.req("P-09")
@pytest.mark.req("P-10")
@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_no_page_has_a_barrier_or_a_complaint(visitor, told, width, color_scheme):
    window = visitor(width=width, color_scheme=color_scheme)
    page = window.sign_in(told)
    found = {}
    for path in PAGES:
        page.goto(f"{window.site.url}{path}")
        found[path] = axe(page)
    assert found == {path: [] for path in PAGES}


@pytest.mark.browser_short
@pytest.mark.req("P-09")
@pytest.mark.req("P-10")
def test_what_opens_has_no_barrier_either(visitor, told):
    page = visitor().sign_in(told, "/notifications/")
    page.locator("#list summary").first.click()
    assert axe(page) == []
    page.locator("#bell").click()
    expect(page.locator("#popover li[id]").first).to_be_visible()
    assert axe(page) == []
    page.keyboard.press("Escape")
    page.locator("#list").get_by_role("button", name="Archive").first.click()
    expect(page.locator("#list .tomb")).to_be_visible()
    assert axe(page) == []
    page.locator("#list h3 a").first.click()
    expect(page.get_by_role("heading", name="What happened with this message")).to_be_visible()
    assert axe(page) == []


@pytest.mark.req("P-09")
@pytest.mark.req("P-10")
def test_refusals_have_no_barrier(visitor, ana):
    window = visitor()
    page = window.page()
    page.goto(f"{window.site.url}/accounts/login/")
    page.get_by_label("Email").fill("nobody@example.com")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("do not match")).to_be_visible()
    assert axe(page) == []
    page.goto(f"{window.site.url}/unsubscribe/forged/")
    expect(page.get_by_text("This link is damaged.")).to_be_visible()
    assert axe(page) == []


@pytest.mark.req("P-28")
@pytest.mark.parametrize(("width", "zoom"), [(320, 1), (390, 2)])
def test_nothing_is_cut_off_on_a_narrow_screen(visitor, told, width, zoom):
    window = visitor(width=width, height=700)
    page = window.sign_in(told)
    for path in PAGES:
        page.goto(f"{window.site.url}{path}")
        page.evaluate(
            "zoom => { document.documentElement.style.fontSize = `${zoom * 100}%` }", zoom
        )
        for menu in page.locator("summary:visible").all():
            menu.click()
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, path
            page.keyboard.press("Escape")


@pytest.mark.req("P-28")
def test_every_control_is_large_enough_for_a_thumb(visitor, told):
    window = visitor(width=390)
    page = window.sign_in(told)
    for path in PAGES:
        page.goto(f"{window.site.url}{path}")
        small = page.locator("button:visible, summary:visible, select:visible, .btn:visible")
        heights = small.evaluate_all(
            "all => all.map(each => [each.innerText, each.getBoundingClientRect().height])"
        )
        assert [each for each in heights if each[1] < 44] == [], path


@pytest.mark.req("P-37")
def test_a_chosen_look_stays(visitor, ana):
    page = visitor(color_scheme="light").sign_in(ana, "/visits/")
    page.get_by_role("button", name="Dark").click()
    page.wait_for_url("**/visits/")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.reload()
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(14, 22, 24)"
    page.get_by_role("button", name="Automatic").click()
    page.wait_for_url("**/visits/")
    assert page.locator("html").get_attribute("data-theme") is None


@pytest.mark.req("P-35")
def test_spanish_reads_spanish(visitor, desk):
    eva = admit(desk, "Eva", language="es")
    desk.tell(patient_id=eva.id, texts=["Hola"])
    page = visitor(width=320).sign_in(eva, "/notifications/")
    expect(page.locator("html")).to_have_attribute("lang", "es")
    expect(page.get_by_role("heading", level=1)).to_have_text("Notificaciones")
    expect(page.get_by_role("button", name="Marcar 1 como leído")).to_be_visible()
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320

"""What holds on every page: no complaint, no barrier, nothing cut off, nothing from elsewhere."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import axe
from tests.browser.pages import furnish, walk

pytestmark = pytest.mark.browser

HELD = """() => [...document.querySelectorAll("main *, header *, footer *")].filter((each) => {
    const style = getComputedStyle(each);
    const hides = style.overflowX !== "visible" && style.overflowX !== "auto";
    return hides && each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 1
      && !each.matches(".name");
  }).map((each) => each.outerHTML.slice(0, 80))"""
PRESSED = (
    "button:visible, summary:visible, select:visible, .btn:visible, nav a:visible, .back:visible"
)


@pytest.fixture
def scene(desk, ana):
    """Ana with one of everything, and a child with a long name."""
    desk.adopt(guardian=ana.email, child="Bartholomew-Maximilian")
    return furnish(desk, ana)


@pytest.mark.req("P-09")
def test_p09_no_page_complains_or_asks_another_site_and_none_is_kept(visitor, desk, scene):
    """The fixture `visitor` fails on a violation of the policy and on anything in the console."""
    child = desk.adopt(guardian=scene.person.email, child="Sam")
    window = visitor()
    page = window.sign_in(scene.person)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda line: asked.append(line.url.replace("ws:", "http:")))
    for path in [*scene.paths(), f"/for/{child}/", f"/for/{child}/notifications/settings/"]:
        answer = page.goto(f"{window.site.url}{path}", wait_until="networkidle")
        assert answer.status == 200, path
        assert "no-store" in answer.headers["cache-control"], path
        assert "script-src 'self';" in answer.headers["content-security-policy"] + ";", path
    assert len(asked) > len(scene.paths())
    assert [url for url in asked if not url.startswith(f"{window.site.url}/")] == []
    for path in scene.signed_out():
        page.goto(f"{window.site.url}{path}")


@pytest.mark.req("P-10")
def test_p10_no_page_has_a_barrier_by_day_or_night_wide_or_narrow(visitor, scene):
    window = visitor()
    page = window.sign_in(scene.person)
    found = {}
    for path in scene.paths():
        page.goto(f"{window.site.url}{path}")
        found[path] = barriers(page)
    assert found == {path: [] for path in found}


@pytest.mark.req("P-10")
def test_p10_no_page_before_the_sign_in_has_a_barrier(visitor, scene):
    window = visitor()
    page = window.page()
    found = {}
    for path in [*scene.signed_out(), "/unsubscribe/forged/"]:
        page.goto(f"{window.site.url}{path}")
        found[path] = barriers(page)
    page.goto(f"{window.site.url}{scene.signed_out()[1]}")
    page.get_by_role("button", name="Stop these emails").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    found["done"] = barriers(page)
    page.goto(f"{window.site.url}/accounts/login/")
    page.get_by_label("Email").fill("nobody@example.com")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("do not match")).to_be_visible()
    found["refused"] = barriers(page)
    assert found == {path: [] for path in found}


def barriers(page):
    """Return what the checker finds on a wide page by day and on a narrow one by night.

    Colours go by tokens that know no width: the other two pairs would find the same again.
    """
    found = []
    for width, scheme in ((320, "dark"), (1280, "light")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        found += [f"{width} {scheme}: {each}" for each in axe(page)]
    return found


@pytest.mark.browser_short
@pytest.mark.req("P-09")
@pytest.mark.req("P-10")
def test_p10_what_opens_has_no_barrier_either(visitor, scene):
    page = visitor().sign_in(scene.person, "/notifications/")
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


@pytest.mark.req("P-10")
def test_p10_news_errors_and_an_ended_session_have_no_barrier(visitor, desk, scene):
    window = visitor()
    page = window.sign_in(scene.person, "/notifications/settings/contacts/add/email/")
    page.get_by_label("Email").fill("no address")
    page.get_by_role("button", name="Send the code").click()
    expect(page.locator(".error")).to_be_visible()
    assert axe(page) == []
    page.goto(f"{window.site.url}/notifications/")
    expect(page.locator("#news[data-seq]")).to_be_attached()
    desk.tell(patient_id=scene.person.id, texts=["Waits behind the pill"])
    expect(page.locator("#pill")).to_be_visible()
    assert axe(page) == []
    page.context.clear_cookies()
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.get_by_text("You’ve been signed out.")).to_be_visible()
    assert axe(page) == []


@pytest.mark.req("P-28")
@pytest.mark.parametrize(("width", "zoom"), [(320, 1), (390, 1), (390, 2)])
def test_p28_nothing_is_cut_off_and_all_is_large_enough_for_a_thumb(visitor, scene, width, zoom):
    for path, page in walk(visitor, scene, width=width, height=700):
        page.evaluate("size => { document.documentElement.style.fontSize = size }", f"{zoom}00%")
        assert page.evaluate(HELD) == [], path
        assert too_small(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        for menu in page.locator("summary:visible").all():
            menu.click()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            page.keyboard.press("Escape")


def too_small(page):
    """Return what is pressed and lower or narrower than 44 px. Links in a line of text may be."""
    return page.locator(PRESSED).evaluate_all(
        """all => all.map((each) => [each.innerText || each.name, each.getBoundingClientRect()])
          .filter(([_text, box]) => box.height < 44 || box.width < 44)
          .map(([text, box]) => `${text} ${box.width} x ${box.height}`)"""
    )

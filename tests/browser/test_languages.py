"""The pages in Spanish, and in a language of tests/rig/mirrored.py, from right to left."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import admit, axe
from tests.browser.pages import furnish, walk
from tests.rig.mirrored import CODE

pytestmark = [pytest.mark.browser, pytest.mark.req("P-35")]

# The words on a page that stand outside brackets, a sentence each: text and what is read aloud.
# Brackets are counted anew in each block, since long messages are cut off in lists.
LOOSE = r"""() => {
  const BLOCKS = "p, h1, h2, h3, li, dt, dd, button, summary, label, legend, option, div, a, title";
  const loose = [];
  let depth = 0, block = null;
  const outside = (text) => {
    let out = "";
    for (const sign of text) {
      if (sign === "⟦") depth += 1;
      else if (sign === "⟧") depth = Math.max(0, depth - 1);
      else if (!depth) out += sign;
    }
    return out.trim();
  };
  const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { data, parentElement: parent } = walker.currentNode;
    if (parent.closest("script, style, option[value*='/']")) continue;
    if (parent.closest(BLOCKS) !== block) { block = parent.closest(BLOCKS); depth = 0; }
    loose.push(outside(data));
  }
  for (const name of ["aria-label", "title", "placeholder", "alt"])
    for (const each of document.querySelectorAll(`[${name}]`)) {
      depth = 0;
      loose.push(outside(each.getAttribute(name)));
    }
  return loose.filter((text) => /\p{L}{2}/u.test(text));
}"""
# What is nobody's to translate: names, addresses, zones, languages, what a person wrote, and the
# line at the end of e-mails that says in each language how to change it.
NAMES = re.compile(
    r"Ruth|Eva|Noa|Example|Dr Lee|Main (?:Street Dental|St\b)|DentaMind|E[SD]T|UTC"
    r"|America/New_York|English|Español|(?:A-very-long-word-)+|Quick|\S*@\S*|https?://\S+"
    r"|12 Main Street, Springfield|Nothing has changed since last year\."
    r"|: change the language in your settings|: cambie el idioma en sus ajustes"
)
LATIN = re.compile(r"[A-Za-zÀ-ɏ]{2}")
ENGLISH = re.compile(r"\b(?:the|your|you|and|of|we|is|are|this|with|for|not|at)\b", re.I)

DAY_IN_SPANISH = (
    r"(lun|mar|mié|jue|vie|sáb|dom) \d{1,2} de "
    r"(ene|feb|mar|abr|may|jun|jul|ago|sep|oct|nov|dic)"
)


def told(desk, name, language):
    """Somebody of that language with one of everything, and a child."""
    person = admit(desk, name, language=language)
    child = desk.adopt(guardian=person.email, child="Noa")
    return furnish(desk, person), child


def untranslated(page):
    """Return the words on a page that are neither in brackets nor names."""
    found = [NAMES.sub("", text) for text in page.evaluate(LOOSE)]
    return [text for text in found if LATIN.search(text)]


def test_p35_pages_from_right_to_left_are_mirrored_and_whole(visitor, desk):
    scene, child = told(desk, "Ruth", CODE)
    loose, wide = {}, {}
    for path, page in walk(visitor, scene, ward=child, width=320, locale="he-IL"):
        assert page.evaluate("getComputedStyle(document.body).direction") == "rtl", path
        wide[path] = page.evaluate("document.documentElement.scrollWidth")
        loose[path] = untranslated(page)
    page = visitor(width=320).sign_in(scene.person, "/notifications/")
    bell, brand = (page.locator(each).bounding_box()["x"] for each in ("#bell", ".brand"))
    assert bell < 160 and bell < brand
    assert axe(page) == []
    assert {path: width for path, width in wide.items() if width > 320} == {}
    assert {path: words for path, words in loose.items() if words} == {}


def test_p35_popover_and_menus_open_towards_the_page_from_right_to_left(visitor, desk):
    scene, _child = told(desk, "Ruth", CODE)
    page = visitor(width=800).sign_in(scene.person, "/notifications/")
    page.locator("#bell").click()
    expect(page.locator("#popover li[id]").first).to_be_visible()
    assert is_inside(page, "#popover")
    assert untranslated(page) == []
    page.keyboard.press("Escape")
    for menu in page.locator("details.menu > summary:visible").all()[:3]:
        menu.click()
        assert is_inside(page, "details.menu[open] .menu-box")
        page.keyboard.press("Escape")


def is_inside(page, part):
    box = page.locator(part).bounding_box()
    return box["x"] >= 0 and box["x"] + box["width"] <= page.viewport_size["width"]


def test_p35_spanish_is_spanish_on_every_page(visitor, desk):
    scene, child = told(desk, "Eva", "es")
    wide, english = {}, {}
    for path, page in walk(visitor, scene, ward=child, width=320, locale="es-US"):
        expect(page.locator("html")).to_have_attribute("lang", "es")
        wide[path] = page.evaluate("document.documentElement.scrollWidth")
        english[path] = ENGLISH.findall(NAMES.sub("", page.locator("body").inner_text()))
    assert {path: width for path, width in wide.items() if width > 320} == {}
    assert {path: words for path, words in english.items() if words} == {}


@pytest.mark.browser_short
def test_p35_spanish_dates_and_plurals_are_right(visitor, desk):
    scene, _child = told(desk, "Eva", "es")
    window = visitor(width=320, locale="es-US")
    page = window.sign_in(scene.person, "/notifications/?view=unread")
    expect(page.get_by_role("heading", level=1)).to_have_text("Notificaciones")
    many = page.get_by_role("button", name=re.compile(r"^Marcar \d+ como leídos$"))
    expect(many).to_be_visible()
    assert axe(page) == []
    unread = page.locator("#list").get_by_role("button", name="Marcar como leído")
    while (left := unread.count()) > 1:
        unread.first.click()
        expect(unread).to_have_count(left - 1)
    page.reload()
    expect(page.get_by_role("button", name="Marcar 1 como leído")).to_be_visible()
    page.goto(f"{window.site.url}/visits/")
    expect(page.locator(".visit h3").first).to_contain_text(re.compile(DAY_IN_SPANISH))

"""Whose pages are whose, asked by a browser: a stranger's do not exist, a child's say so."""

import re
from uuid import uuid4

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tests.browser.pages import ADDRESSES, Scene, furnish

pytestmark = pytest.mark.browser

SECRET = "Impacted molar, lower left"
# Everybody's, or nobody's in particular.
FOR_ALL = {"login", "logout", "look", "service-worker", "short-link", "unsubscribe"}
MADE_UP = {"action": "archive", "cell": "appointment_reminder.email"}
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CLOSE_CODE = """address => new Promise((done) => {
  const line = new WebSocket(address.replace("http", "ws"));
  const heard = [];
  line.onmessage = ({ data }) => heard.push(data);
  line.onclose = ({ code }) => done([code, heard]);
})"""


def addresses_of(scene):
    """Return every address that names something of theirs, and all below their own id."""
    named = {name: _kwargs(name, scene) for name in ADDRESSES if name not in FOR_ALL}
    below = [
        reverse(name, kwargs=ids | {"patient_id": scene.person.id}) for name, ids in named.items()
    ]
    return below + [reverse(name, kwargs=ids) for name, ids in named.items() if scene.owns(ids)]


def _kwargs(name, scene):
    known = MADE_UP | scene.ids
    return {each: known.get(each, str(uuid4())) for each in ADDRESSES[name]}


@pytest.mark.req("P-01")
@pytest.mark.req("S-01")
@pytest.mark.parametrize("fragment", [False, True])
def test_p01_anothers_pages_answer_like_ones_that_do_not_exist(visitor, desk, ana, ben, fragment):
    bens = furnish(desk, ben)
    before = desk.unread(patient_id=ben.id)
    page = visitor().sign_in(ana)
    token = page.locator("[name=csrfmiddlewaretoken]").first.input_value()
    headers = {"X-CSRFToken": token, **({"HX-Request": "true"} if fragment else {})}
    for theirs in addresses_of(bens):
        nobodys = UUID.sub(str(uuid4()), theirs)
        for method in ("GET", "POST"):
            answers = [
                page.request.fetch(f"{page.url[:-1]}{path}", method=method, headers=headers)
                for path in (theirs, nobodys)
            ]
            statuses = {answer.status for answer in answers}
            assert statuses in ({404}, {405}), f"{method} {theirs}: {statuses}"
            assert len({without_ids(answer.text()) for answer in answers}) == 1, theirs
            assert not any(mark in answers[0].text() for mark in (ben.email, "Dr Lee", "1,240"))
    assert desk.unread(patient_id=ben.id) == before


def without_ids(text):
    return UUID.sub("", text)


@pytest.mark.req("P-01")
def test_p01_anothers_line_is_closed_and_says_nothing(visitor, desk, ana, ben):
    desk.tell(patient_id=ben.id, texts=[SECRET])
    page = visitor().sign_in(ana)
    for whose in (ben.id, str(uuid4())):
        address = f"{page.url}patient-notifications/ws/{whose}?since=0"
        assert page.evaluate(CLOSE_CODE, address) == [4403, []]
    assert SECRET not in page.content()


@pytest.mark.req("P-01")
def test_a_guardian_sees_on_every_page_for_whom_it_is_and_a_stranger_sees_none(
    visitor, desk, ana, ben
):
    child = desk.adopt(guardian=ana.email, child="Sam")
    ids = desk.furnish(patient_id=child, address=f"{child}@example.com")
    paths = Scene(person=ana, ids=ids).paths(ward=child)
    window, stranger = visitor(), visitor()
    page = window.sign_in(ana)
    family = page.get_by_role("navigation", name="Whose pages")
    expect(family.get_by_role("link", name="You")).to_contain_text("0 unread")
    expect(family.get_by_role("link", name="Sam")).to_contain_text(
        f"{desk.unread(patient_id=child)} unread"
    )
    request = stranger.sign_in(ben).request
    for path in paths:
        page.goto(f"{window.site.url}{path}")
        expect(page.get_by_text("Viewing Sam")).to_be_visible()
        expect(family.locator("[aria-current]")).to_contain_text("Sam")
        links = page.locator("main a[href^='/'], .nav a, #bell").evaluate_all(
            "all => all.filter((each) => !each.closest('.people, .notice.plain'))"
            ".map((each) => each.getAttribute('href'))"
        )
        assert [link for link in links if not link.startswith(f"/for/{child}/")] == [], path
        assert request.get(f"{window.site.url}{path}").status == 404

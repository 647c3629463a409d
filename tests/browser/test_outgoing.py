"""What leaves the portal, and what is written on the outside of it: nothing a stranger may not
read. And the mails themselves, in a browser, as a mail program would show them.
"""

import json
import time

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Person, axe
from tests.browser.markers import MARK, SUM

pytestmark = pytest.mark.browser

MARKS = (MARK, MARK.split()[0].lower(), MARK.split()[1], str(SUM), f"{SUM:,}")
CHIEF = Person(id="", email="chief@example.com", first_name="Chief")
SETTLED_WITHIN = 15.0
# A mail is shown within a page that has these of its own.
OF_THE_MAIL_PROGRAM = ("landmark-one-main:", "region:")


def has_mark(text: str) -> bool:
    return any(mark in text or mark in text.lower() for mark in MARKS)


# The lists to choose from are fetched as somebody types: here it is chosen already.
CHOOSE = """seat => Object.entries(seat).forEach(([name, id]) =>
  document.querySelector(`[name=${name}]`).append(new Option("chosen", id, true, true)))"""


class Outside:
    """All that can be read on a page without being let in: its title, addresses and frames."""

    def __init__(self, page: Page) -> None:
        self.page, self.said, self.frames = page, [], []
        page.on("request", lambda request: self.said.append(request.url))
        page.on("websocket", self._listen)

    def _listen(self, socket) -> None:
        for event in ("framesent", "framereceived"):
            socket.on(event, lambda frame: self.frames.append(str(frame)))

    def go(self, path: str) -> None:
        self.page.goto(path)
        self.said += [self.page.title(), self.page.url]


def wait_until_settled(desk, patient: Person) -> None:
    """Wait until the worker has dealt with all that is due for a patient."""
    until = time.monotonic() + SETTLED_WITHIN
    while desk.under_way(patient_id=patient.id):
        assert time.monotonic() < until, "the worker did not get on with it"
        time.sleep(0.05)


@pytest.mark.req("P-02")
@pytest.mark.req("H-10")
def test_p02_what_is_private_is_read_signed_in_and_stands_nowhere_else(site, visitor, desk, ana):
    desk.reach(patient_id=ana.id)
    desk.equip(patient_id=ana.id)
    page = visitor().sign_in(ana)
    seen = Outside(page)
    seen.go(f"{site.url}/notifications/")
    expect(page.locator("#news[data-seq]")).to_be_attached()

    made = desk.tell_all(patient_id=ana.id)
    expect(page.locator("#bell .badge")).to_have_text(str(len(made)))
    expect(page.locator("#status")).not_to_have_text("")
    seen.said.append(page.title())

    for type_key, needs in (("lab_results", MARK), ("payment_due", "98,765.43")):
        seen.go(f"{site.url}/notifications/{made[type_key]}/")
        expect(page.locator("main")).to_contain_text(needs)  # it is there to be found
    for path in ("/notifications/?view=unread", "/notifications/settings/", "/"):
        seen.go(f"{site.url}{path}")
    assert seen.frames and len(seen.said) > 12
    assert not [each for each in [*seen.said, *seen.frames] if has_mark(each)]

    wait_until_settled(desk, ana)
    sent = desk.sent_to(patient_id=ana.id)
    assert len(sent["email"]) > 15 and len(sent["push"]) >= 3 and sent["sms"]
    assert not [each for rows in sent.values() for each in rows if has_mark(json.dumps(each))]
    assert not has_mark(site.log("web") + site.log("worker"))


@pytest.mark.req("P-02")
def test_p02_what_the_desk_writes_leaves_no_private_word_in_its_log(site, visitor, desk, ana):
    desk.hire(email=CHIEF.email)
    seat = desk.seat(visit_id=desk.remind(patient_id=ana.id))
    page = visitor().sign_in(CHIEF, "/admin/")
    seen = Outside(page)
    seen.go(f"{site.url}/admin/portal/appointment/add/")
    page.evaluate(CHOOSE, seat)
    for name, hour in (("starts_at", "09:00"), ("ends_at", "09:30")):
        page.locator(f"[name={name}_0]").fill("2031-03-17")
        page.locator(f"[name={name}_1]").fill(hour)
    page.locator("[name=reason]").fill(MARK)
    page.locator("[name=notes]").fill(MARK)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist")).to_be_visible()
    seen.said += [page.title(), page.url, page.locator(".messagelist").inner_text()]
    traces = desk.traces()
    assert [each for each in traces if "added" in each]
    assert not [each for each in [*seen.said, *traces] if has_mark(each)]


@pytest.mark.req("A-11")
def test_a_mail_can_be_read_by_everybody_in_any_width_by_day_and_by_night(visitor, desk, ana):
    desk.reach(patient_id=ana.id)
    desk.send_example(patient_id=ana.id, type_key="appointment_reminder")
    wait_until_settled(desk, ana)
    [mail] = desk.sent_to(patient_id=ana.id)["email"]
    for width, scheme in ((600, "light"), (320, "dark")):
        page = visitor(width=width, color_scheme=scheme).page()
        page.set_content(mail["html"])
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = axe(page)
        assert [each for each in found if not each.startswith(OF_THE_MAIL_PROGRAM)] == []
        [card] = page.locator(".card").all()
        color = card.evaluate("each => getComputedStyle(each).backgroundColor")
        assert color == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 33, 36)"}[scheme]

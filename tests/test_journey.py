"""Ana's visit, from the practice's file to the last word about it.

The web and the worker are real processes on a database of their own. The outbox stands in for the
carriers; what they, Ana's phone and her browser then do comes over HTTP, signed as they sign.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from notifications import clock, consent
from tests.browser.desk import PASSWORD, Desk
from tests.rig.live import Site, live_site

MOBILE, EMAIL, STAFF = "+12125550142", "ana@example.com", "dana@example.com"
SETTINGS = "/notifications/settings/"
EMAIL_WORDING = "I agree to emails about my visits at this address."
PATIENCE = 20  # seconds for a page
DUE_WITHIN = 150  # seconds: what the clock may need to find what is due
# One of these has midday now, so that no text is held for the night while the test runs. None
# changes its clocks: a reminder keeps to the wall, and would be due an hour after the file came.
ZONES = ("Pacific/Honolulu", "America/Bogota", "Africa/Lagos", "Asia/Dhaka", "Asia/Tokyo")
FILE = """\
appointment_id,patient_id,patient_first_name,patient_last_name,patient_email,email_verified,\
patient_phone,phone_verified,sms_consent_at,sms_consent_source,sms_consent_wording,\
provider_id,provider_name,location_id,location_name,location_zone,starts_at,duration_minutes,status
A1,P1,Ana,Example,{email},yes,{mobile},yes,2026-01-05T10:00-05:00,front-desk,paper-2026,\
D1,Dr. Lee,L1,Main Street,{zone},{starts_at},30,booked
"""


@dataclass
class Clinic:
    """The practice as it runs: its site, its desk, and what the story has come to."""

    site: Site
    desk: Desk
    zone: str
    starts_at: datetime
    ana: str = ""
    visit: str = ""
    window: requests.Session | None = None  # Ana's browser


@pytest.fixture(scope="module")
def clinic() -> Iterator[Clinic]:
    now = clock.now()
    zone = next(each for each in ZONES if 9 <= now.astimezone(ZoneInfo(each)).hour < 17)
    # The reminder of two days before is due as soon as the file is in.
    starts_at = (now + timedelta(days=2)).replace(second=0, microsecond=0)
    with live_site() as site:
        site.start("web")  # the worker comes when Ana has said how she wants to be reached
        desk = Desk(site, work="tests.journeywork")
        yield Clinic(site=site, desk=desk, zone=zone, starts_at=starts_at)
        desk.close()


def test_a_visit_from_the_practices_file_to_the_last_word(clinic, tmp_path):
    the_file_brings_ana_and_her_visit(clinic, tmp_path / "visits.csv")
    ana_agrees_to_emails_and_registers_her_phone(clinic)
    reminder = the_reminder_leaves_on_four_channels(clinic)
    the_desk_books_another_visit(clinic)
    receipts_come_in_the_wrong_order(clinic, reminder)
    ana_reads_it_in_the_portal(clinic, reminder)
    ana_confirms_by_text(clinic)
    ana_wants_no_more_texts(clinic)
    the_visit_moves_and_no_text_goes(clinic)
    her_page_and_the_desks_timeline_say_all_of_it(clinic, reminder)


# -- the story ----------------------------------------------------------------------------------


def the_file_brings_ana_and_her_visit(clinic: Clinic, file: Path) -> None:
    """Brought in on a day without reminders, the visit is planned for; twice changes nothing."""
    when = clinic.starts_at.isoformat()
    file.write_text(FILE.format(email=EMAIL, mobile=MOBILE, zone=clinic.zone, starts_at=when))
    command = ["import_appointments", str(file), "--source", "front-desk"]
    clinic.site.manage(*command)
    again = clinic.site.manage(*command)
    assert "Nothing has changed" in again.stdout
    known = clinic.desk.look_up(first_name="Ana")
    clinic.ana, clinic.visit = known["patient"], known["visit"]


def ana_agrees_to_emails_and_registers_her_phone(clinic: Clinic) -> None:
    clinic.desk.invite(patient_id=clinic.ana)
    clinic.window = signed_in(clinic.site, EMAIL)
    page = read(clinic, SETTINGS)
    addresses = set(re.findall(rf"{SETTINGS}contacts/[0-9a-f-]{{36}}/", page))
    (email,) = (each for each in addresses if EMAIL_WORDING in read(clinic, each))
    shown = {"purpose": "treatment", "wording": consent.CURRENT_EMAIL_WORDING}
    press(clinic, f"{email}consent/", agree="yes", **shown)
    clinic.desk.register_device(patient_id=clinic.ana, label="Ana’s phone")


def the_reminder_leaves_on_four_channels(clinic: Clinic) -> dict[str, Any]:
    """Nobody presses anything: the clock makes it of the plan, the worker hands it over."""
    clinic.site.start("worker")
    reminder = wait_for(lambda: left(clinic, "appointment_reminder"))
    assert set(reminder["ways"]) == {"in_app", "email", "sms", "push"}
    email, text, push = (
        next(each for each in sent(clinic, way) if each["about"] == reminder["ways"][way]["id"])
        for way in ("email", "sms", "push")
    )
    day = clinic.starts_at.astimezone(ZoneInfo(clinic.zone)).strftime("%b %-d")
    assert (email["to"], text["to"]) == (EMAIL, MOBILE)
    for words in (email["text"], text["text"]):
        assert day in words and "Dr. Lee" in words
    assert "1 to confirm" in text["text"] and "STOP" in text["text"]
    assert day not in push["text"] and "Dr. Lee" not in push["text"]
    return reminder


def the_desk_books_another_visit(clinic: Clinic) -> None:
    """Her number has had its reminder of the day; what she asks for herself goes all the same."""
    clinic.desk.book_another(visit_id=clinic.visit, days=20)
    booked = wait_for(lambda: left(clinic, "appointment_confirmed"))
    assert set(booked["ways"]) == {"in_app", "email", "sms", "push"}


def receipts_come_in_the_wrong_order(clinic: Clinic, reminder: dict[str, Any]) -> None:
    text, email = (reminder["ways"][way]["id"] for way in ("sms", "email"))
    for said in ("delivered", "sent", "queued", "delivered"):
        assert clinic.desk.carrier_says(about=text, said=said) == 200
    for said in ("delivered", "accepted", "delivered"):
        assert clinic.desk.carrier_says(about=email, said=said) == 200
    assert clinic.desk.carrier_says(about=text, said="undelivered", forged=True) == 403
    now = clinic.desk.told(patient_id=clinic.ana, type_key="appointment_reminder")
    assert [now["ways"][way]["status"] for way in ("sms", "email")] == ["delivered"] * 2


def ana_reads_it_in_the_portal(clinic: Clinic, reminder: dict[str, Any]) -> None:
    (listed,) = api(clinic, "?type=appointment_reminder")
    assert (listed["id"], listed["is_read"]) == (reminder["id"], False)
    assert "Dr. Lee" in read(clinic, f"/notifications/{reminder['id']}/")
    (listed,) = api(clinic, "?type=appointment_reminder")
    assert listed["is_read"]


def ana_confirms_by_text(clinic: Clinic) -> None:
    answer = clinic.desk.text_from(number=MOBILE, text=" 1 ")
    assert "confirmed" in answer
    assert clinic.desk.visit_status(visit_id=clinic.visit) == "confirmed"


def ana_wants_no_more_texts(clinic: Clinic) -> None:
    assert "START" in clinic.desk.text_from(number=MOBILE, text="Please stop texting me")
    assert clinic.desk.text_from(number=MOBILE, text="Please stop texting me!") == ""


def the_visit_moves_and_no_text_goes(clinic: Clinic) -> None:
    before = clinic.desk.outbox(channel="sms")
    clinic.desk.move(visit_id=clinic.visit, days=1)

    def settled() -> dict[str, Any] | None:
        found = clinic.desk.told(patient_id=clinic.ana, type_key="appointment_rescheduled")
        return found if found and not ways_of(found) & {"planned", "sending"} else None

    moved = wait_for(settled)
    assert moved["ways"]["sms"] | {"id": ""} == {
        "id": "",
        "status": "skipped",
        "reason": "opted_out_stop",
    }
    assert {moved["ways"][way]["status"] for way in ("email", "push")} == {"accepted"}
    assert clinic.desk.outbox(channel="sms") == before


def her_page_and_the_desks_timeline_say_all_of_it(clinic: Clinic, reminder: dict[str, Any]) -> None:
    mine = read(clinic, f"/notifications/{reminder['id']}/")
    for said in ("Delivered", "Read", "Answered"):
        assert said in mine, said
    clinic.desk.hire(email=STAFF)
    clinic.window = signed_in(clinic.site, STAFF)
    theirs = read(clinic, f"/admin/portal/user/{clinic.ana}/timeline/")
    for said in ("Delivered", "Replied STOP", "Confirms a visit", "Wants no more texts", "Moved"):
        assert said in theirs, said
    about = [each["about"] for way in ("email", "sms", "push") for each in sent(clinic, way)]
    assert len(about) == len(set(about)) == 8  # booked and reminded three ways, moved on two


# -- looking on -----------------------------------------------------------------------------------


def wait_for(found: Callable[[], Any], *, seconds: float = DUE_WITHIN) -> Any:
    """Return what somebody looks for as soon as it is there."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if what := found():
            return what
        time.sleep(0.3)
    raise AssertionError(f"not within {seconds:.0f} s")


def left(clinic: Clinic, type_key: str) -> dict[str, Any] | None:
    """Return a message of Ana's once it has left on every channel."""
    found = clinic.desk.told(patient_id=clinic.ana, type_key=type_key)
    return found if found and ways_of(found) <= {"accepted", "delivered"} else None


def ways_of(told: dict[str, Any]) -> set[str]:
    return {each["status"] for each in told["ways"].values()}


def sent(clinic: Clinic, channel: str) -> list[dict[str, str]]:
    """Return the messages that left on a channel; answers to a text are none."""
    return [each for each in clinic.desk.outbox(channel=channel) if each["about"]]


def signed_in(site: Site, email: str) -> requests.Session:
    """Sign in through the page, as a browser does."""
    window = requests.Session()
    window.trust_env = False
    address = f"{site.url}/accounts/login/"
    window.get(address, timeout=PATIENCE)
    form = {"username": email, "password": PASSWORD, **token(window)}
    answer = window.post(address, data=form, timeout=PATIENCE)
    assert answer.ok and answer.url != address
    return window


def token(window: requests.Session) -> dict[str, str]:
    return {"csrfmiddlewaretoken": window.cookies["csrftoken"]}


def read(clinic: Clinic, path: str) -> str:
    """Return a page's source with its characters as they are read."""
    answer = clinic.window.get(f"{clinic.site.url}{path}", timeout=PATIENCE)
    assert answer.ok, (path, answer.status_code)
    return unescape(answer.text)


def press(clinic: Clinic, path: str, **form: str) -> None:
    data = {**form, **token(clinic.window)}
    answer = clinic.window.post(f"{clinic.site.url}{path}", data=data, timeout=PATIENCE)
    assert answer.ok, (path, answer.status_code)


def api(clinic: Clinic, query: str) -> list[dict[str, Any]]:
    url = f"{clinic.site.url}/api/patient-notifications{query}"
    answer = clinic.window.get(url, timeout=PATIENCE)
    assert answer.ok
    return answer.json()

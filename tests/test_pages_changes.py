"""Changes to your settings: what, by whom, when and from where, a plain sentence each."""

import html
import re
from datetime import time, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from notifications import clock, consent, contacts, preferences
from notifications.enums import ContactStatus, Digest, Purpose
from notifications.models import AuditEvent
from portal.models import Guardianship, User
from portal.views.change_words import OF_AN_ADDRESS
from tests.clinic import DESK
from tests.conftest import signed_in
from tests.engine import ANAS_NUMBER, device_of, email_of, phone_of
from tests.pages import HTMX, child_of, text_of

SETTINGS = "/notifications/settings/"
CHANGES = f"{SETTINGS}changes/"
CONTACTS = Path(contacts.__file__).parent
pytestmark = pytest.mark.django_db


def told(client: Client, path: str = CHANGES) -> list[str]:
    """Return the lines of the page as they read, newest first."""
    listed = text_of(client.get(path)).split('<ol class="card pad history">')[-1].split("</ol>")[0]
    items = re.findall(r"<li>(.*?)</li>", listed, re.DOTALL)
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", each)).split()) for each in items]


def switch(patient: User, channel: str, *, on: bool, actor: str) -> None:
    preferences.change(
        patient_id=patient.pk,
        type_key="appointment_reminder",
        changes={channel: on},
        actor=actor,
    )


# -- what ----------------------------------------------------------------------------------------


def test_a_switch_reads_as_a_sentence_with_its_time(ana_client, ana, ana_email):
    ana_client.post(f"{SETTINGS}cells/appointment_reminder.sms/", {}, headers=HTMX)
    newest = told(ana_client)[0]
    assert re.fullmatch(
        r"Texts for visit reminders turned off\. By you, \w{3}, \w{3} \d+ at \d+:\d\d [AP]M E[SD]T",
        newest,
    )


def test_a_pause_quiet_hours_and_a_summary_say_what_is_new_and_nothing_else(ana_client, ana):
    me = f"user:{ana.pk}"

    def choose(**changes) -> str:
        preferences.change_settings(patient_id=ana.pk, changes=changes, actor=me)
        return told(ana_client)[0].partition(". By you")[0]

    until = clock.now() + timedelta(days=3)
    assert choose(paused_until=until).startswith("Messages paused until ")
    assert choose(quiet_from=time(22), quiet_until=time(7, 30)) == (
        "Quiet hours from 10:00 PM to 7:30 AM"
    )
    assert choose(digest=Digest.DAILY, paused_until=None) == (
        "Pause ended. Summary by email: Once a day"
    )
    assert choose(quiet_from=None, quiet_until=None) == "Quiet hours turned off"


def test_language_and_zone_say_what_they_are_now(ana_client):
    ana_client.post(f"{SETTINGS}language/", {"language": "en", "zone": "America/Denver"})
    assert told(ana_client)[0].startswith("Language: English. Time zone: Denver. By you")
    ana_client.post(f"{SETTINGS}language/", {"language": "en", "zone": "America/New_York"})
    assert told(ana_client)[0].startswith("Time zone: New York. By you")


def test_addresses_are_masked_and_each_change_of_them_is_told(ana_client, ana):
    me = f"user:{ana.pk}"
    email = email_of(ana)
    device_of(ana)
    contacts.record_request(patient_id=ana.pk, kind="email", contact_id=email.pk, actor=me)
    contacts.record_request(patient_id=ana.pk, kind="phone", is_only=True, actor=DESK)
    contacts.remove(patient_id=ana.pk, contact_id=email.pk, actor=me)
    said = [line.partition(". By")[0] for line in told(ana_client)]
    assert said == [
        "a***@example.com removed",
        "Asked us to use only this: Mobile",
        "Asked us not to use this: a***@example.com",
        "Device added",
        "Agreed to messages about care: a***@example.com",
        "a***@example.com verified",
        "a***@example.com added",
    ]
    assert ana.email not in text_of(ana_client.get(CHANGES)).split("<main")[1]


def test_a_stop_and_a_start_name_the_text_they_came_by(ana_client, ana):
    phone_of(ana)
    contacts.opt_out(number=ANAS_NUMBER, actor="system:reply:1f0c")
    stopped, withdrawn = told(ana_client)[:2]
    assert stopped.startswith("All texts to ***-0142 stopped by the word STOP.")
    assert withdrawn.startswith("No longer agrees to messages about care: ***-0142.")
    contacts.opt_in(number=ANAS_NUMBER, actor="system:reply:1f0d")
    assert any(line.startswith("***-0142 in use again.") for line in told(ana_client)[:2])
    assert all("By a text from this number" in line for line in told(ana_client)[:4])


def test_every_change_the_addresses_write_down_has_words_of_its_own():
    source = "".join(path.read_text() for path in CONTACTS.glob("*.py"))
    written = set(re.findall(r'change="(\w+)"', source)) | set(ContactStatus.values)
    assert written - set(OF_AN_ADDRESS) == set()


def test_what_nobody_has_words_for_yet_is_still_told(ana_client, ana, ana_email):
    contacts.addresses.audit_change(ana_email, actor=DESK, change="polished")
    assert told(ana_client)[0].startswith("Address changed.")


# -- by whom -------------------------------------------------------------------------------------


def test_each_is_named_as_the_patient_knows_them(ana_client, ana, ben):
    sam = child_of(ana)
    Guardianship.objects.create(guardian=ben, patient=sam)
    clerk = User.objects.create_user(username="clerk", first_name="Pat", is_staff=True)
    email_of(sam, "sam@example.com")
    for number, actor in enumerate(
        [f"user:{ana.pk}", f"user:{ben.pk}", f"user:{clerk.pk}", f"user:{sam.pk}"]
    ):
        switch(sam, "email", on=bool(number % 2), actor=actor)
    by = [
        line.split("reminders turned o")[1]
        for line in told(ana_client, f"/for/{sam.pk}{CHANGES}")[:4]
    ]
    assert [re.search(r"(By .*?), \w{3}, \w{3} \d", each).group(1) for each in by] == [
        "By Sam",
        "By the practice",
        "By Ben Example, who acts for this patient",
        "By you",
    ]
    assert "Pat" not in text_of(ana_client.get(f"/for/{sam.pk}{CHANGES}"))


def test_the_link_in_an_email_and_a_file_are_named(ana_client, ana, client):
    email_of(ana)
    token = preferences.unsubscribe_token(patient_id=ana.pk, type_key="appointment_reminder")
    client.post(f"/unsubscribe/{token}/")
    assert told(ana_client)[0].startswith(
        "Emails for visit reminders turned off. By the link in an email, "
    )
    contacts.add(patient_id=ana.pk, kind="phone", value=ANAS_NUMBER, actor="system:import")
    assert told(ana_client)[0].startswith("***-0142 added. From the practice’s records, ")


# -- whose, and how many -------------------------------------------------------------------------


def test_nothing_of_another_patient_is_on_the_page(ana_client, ana, ben, ben_client):
    sam = child_of(ana)
    switch(ben, "sms", on=False, actor=f"user:{ben.pk}")
    consent.record(
        contact=email_of(ben, verified=False, agreed=False),
        purpose=Purpose.MARKETING,
        granted=True,
        wording=consent.CURRENT_EMAIL_NEWS_WORDING,
        source="test",
        actor=DESK,
    )
    for path in (CHANGES, f"/for/{sam.pk}{CHANGES}"):
        assert "Nothing has been changed yet." in text_of(ana_client.get(path))
    assert ana_client.get(f"/for/{ben.pk}{CHANGES}").status_code == 404
    assert ben_client.get(f"/for/{sam.pk}{CHANGES}").status_code == 404
    assert len(told(ben_client)) == 3


def test_pages_follow_each_other_without_gap_or_repeat(ana_client, ana):
    for number in range(25):
        switch(ana, "sms", on=bool(number % 2), actor=f"user:{ana.pk}")
    seen, path, pages = [], CHANGES, 0
    while path:
        page = text_of(ana_client.get(path))
        seen += told(ana_client, path)
        older = re.search(r'href="([^"]+\?before=[^"]+)"', page)
        path, pages = older and older.group(1), pages + 1
        if pages == 1:  # what happens meanwhile moves nothing
            switch(ana, "email", on=False, actor=DESK)
    assert pages == 2
    assert len(seen) == 25
    assert AuditEvent.objects.filter(patient_id=ana.pk, action="preference").count() == 26


def test_a_cursor_that_is_none_is_refused(ana_client):
    assert ana_client.get(f"{CHANGES}?before=yesterday").status_code == 400


def test_a_full_page_costs_what_a_short_one_does(ana, ben):
    client = signed_in(ana)
    email_of(ana)

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            client.get(CHANGES)
        return len(asked)

    queries()
    before = queries()
    for number in range(30):
        switch(ana, "sms", on=bool(number % 2), actor=f"user:{(ana, ben)[number % 2].pk}")
    assert queries() <= before


def test_the_whole_sheet_at_once_is_one_line(ana_client, ana):
    me = f"user:{ana.pk}"
    before = preferences.turn_off(patient_id=ana.pk, channel="sms", actor=me)
    assert told(ana_client)[0].startswith("All texts turned off. By you, ")
    preferences.put_back(patient_id=ana.pk, before=before, actor=me)
    assert told(ana_client)[0].startswith("Choices put back as they were before. By you, ")
    switch(ana, "sms", on=False, actor=me)
    preferences.reset(patient_id=ana.pk, actor=me)
    assert told(ana_client)[0].startswith("All choices set back to what we recommend. By you, ")

"""What will I get: a sample as the sender would write it, and what is really coming."""

import html
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notifications import clock, contacts, preferences
from notifications.enums import PatientNotificationType
from notifications.models import Delivery, PatientNotification, ScheduledNotification
from portal.models import Guardianship, ReminderRule
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.views.preview.letters import blocks_of, without_links
from tests.clinic import DESK, a_visit, wall
from tests.engine import NOON, email_of, phone_of, run, send
from tests.pages import child_of, text_of

PREVIEW = "/notifications/settings/preview/"
pytestmark = pytest.mark.usefixtures("noon")
DAY = timedelta(days=1)


@pytest.fixture
def visit(ana, location, provider):
    """Ana comes on Tuesday in a week and is reminded the day before."""
    ReminderRule.objects.create(location=location, name="1-day", minutes_before=24 * 60)
    with clock.at(NOON - 20 * DAY):
        return a_visit(
            ana, wall("2026-12-01 09:30"), location=location, provider=provider, announce=False
        )


@pytest.fixture
def sam(ana):
    """Ana's child, for whom she has acted for years."""
    child = child_of(ana)
    Guardianship.objects.filter(patient=child).update(started_at=NOON - 900 * DAY)
    return child


def words(part: str) -> str:
    """Return what a piece of a page says, without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", part)).split())


def sample(page: str, channel: str) -> str:
    """Return the part of a page that shows one channel's sample."""
    return page.split(f'id="sample-{channel}')[1].split('id="sample-')[0].split("</section>")[0]


# -- a sample ------------------------------------------------------------------------------------


@pytest.mark.req("P-40")
def test_a_sample_is_word_for_word_what_then_leaves(ana_client, ana, outbox):
    email_of(ana)
    phone_of(ana)
    page = text_of(ana_client.get(PREVIEW))
    assert not PatientNotification.objects.exists()

    made = send(ana, AppointmentReminderPayload.example())
    run()

    (mail,), (text,) = outbox("email"), outbox("sms")
    email = words(sample(page, "email"))
    assert words(without_links(mail.content["text"])) in email
    assert mail.content["subject"] in email
    for block in blocks_of(mail.content["html"]):
        assert block.words in email
    assert words(text.content["text"]) in words(sample(page, "sms"))
    assert "Counts as 1 text" in sample(page, "sms")
    assert words(made.message) in words(sample(page, "in_app"))


@pytest.mark.req("P-40")
def test_a_sample_says_no_more_than_the_address_may_have(ana_client, ana):
    email = email_of(ana, verified=False, agreed=False)
    page = text_of(ana_client.get(PREVIEW))
    assert "Dr. Lee" not in sample(page, "email")
    assert "No more than this, until you verify" in sample(page, "email")
    assert f'href="/notifications/settings/contacts/{email.pk}/"' in sample(page, "email")


def test_a_sample_shows_no_link_that_works(ana_client, ana):
    email_of(ana)
    page = text_of(ana_client.get(PREVIEW))
    assert "/unsubscribe/" not in page
    assert "Stop these emails: http://localhost" in words(sample(page, "email"))


def test_what_would_not_come_says_why_and_where_to_change_it(ana_client, ana):
    email_of(ana)
    phone = phone_of(ana, verified=True, agreed=False)
    preferences.change(
        patient_id=ana.pk,
        type_key="appointment_reminder",
        changes={"email": False},
        actor=f"user:{ana.pk}",
    )
    page = text_of(ana_client.get(PREVIEW))
    assert "You turned this off on Nov 24" in sample(page, "email")
    assert 'href="/notifications/settings/#type-appointment_reminder"' in sample(page, "email")
    assert "You have not agreed to texts" in sample(page, "sms")
    assert f'href="/notifications/settings/contacts/{phone.pk}/"' in sample(page, "sms")
    assert 'href="/notifications/settings/#devices"' in sample(page, "push")


def test_what_waits_for_the_morning_shows_the_words_it_will_go_with(ana_client, ana):
    phone_of(ana)
    with clock.at(wall("2026-11-24 23:00")):
        page = text_of(ana_client.get(PREVIEW))
    assert "Held until 8:00 AM EST, when your quiet hours end" in sample(page, "sms")
    assert "Reply 1 to confirm" in sample(page, "sms")


@pytest.mark.parametrize("cls", PatientNotificationType.classes(), ids=lambda cls: cls.type_key)
def test_every_kind_of_message_has_a_sample(ana_client, ana, ana_email, cls):
    answer = ana_client.get(f"{PREVIEW}?type={cls.type_key}")
    page = text_of(answer)
    assert f'<option value="{cls.type_key}" selected>' in page
    assert str(cls.title) in words(sample(page, "in_app"))


def test_a_kind_that_does_not_exist_is_refused(ana_client):
    answer = ana_client.get(f"{PREVIEW}?type=nothing")
    assert answer.status_code == 400
    assert "There is no such kind of message." in text_of(answer)


def test_a_sample_is_in_the_patients_language_under_the_readers_words(ana_client, sam):
    sam.language = "es"
    sam.save()
    page = text_of(ana_client.get(f"/for/{sam.pk}{PREVIEW}"))
    assert "What will Sam get?" in page
    assert "Un recordatorio de su cita" in sample(page, "in_app")
    assert 'lang="es"' in sample(page, "in_app")


# -- what comes next -----------------------------------------------------------------------------


@pytest.mark.req("P-40")
def test_next_is_the_planners_own_row(ana_client, ana, visit):
    email_of(ana)
    phone_of(ana)
    page = text_of(ana_client.get(PREVIEW))
    plan = ScheduledNotification.objects.get(patient_id=ana.pk)
    assert plan.due_at == wall("2026-11-30 09:30")
    assert "Next: Email and Text on Mon, Nov 30 at 9:30 AM EST: Visit reminders" in words(page)
    coming = page.split('id="coming"')[1]
    assert '<time datetime="2026-11-30T09:30:00-05:00">9:30 AM EST</time>' in coming
    assert "About your visit on Tue, Dec 1 at 9:30 AM EST with Dr Lee" in words(coming)
    assert "Push: not sent. You have not turned push on for any device" in words(coming)
    assert not Delivery.objects.filter(notification__patient_id=ana.pk).exists()


def test_what_nobody_gets_is_told_with_its_reason(ana_client, ana, visit):
    email_of(ana)
    for channel in ("email", "sms", "push"):
        preferences.change(
            patient_id=ana.pk,
            type_key="appointment_reminder",
            changes={channel: False},
            actor=DESK,
        )
    page = words(text_of(ana_client.get(PREVIEW)))
    assert "Next:" not in page
    assert "Email: not sent. You turned this off on Nov 24" in page


def test_with_nothing_planned_the_page_says_so(ana_client, ana):
    assert "Nothing is planned for the next two weeks." in text_of(ana_client.get(PREVIEW))


def test_times_are_told_where_the_clock_is_never_changed(ana_client, ana, visit):
    email_of(ana)
    ana.zone = "Etc/GMT+7"  # a zone whose name is not what Python calls its hours
    ana.save()
    assert "Email on Mon, Nov 30 at 7:30 AM -07" in words(text_of(ana_client.get(PREVIEW)))


def test_nothing_of_another_patient_is_on_the_page(ana_client, ana, sam, ben_client, visit):
    phone_of(ana)
    assert "Nothing is planned" in text_of(ben_client.get(PREVIEW))
    assert "Nothing is planned" in text_of(ana_client.get(f"/for/{sam.pk}{PREVIEW}"))
    assert ben_client.get(f"/for/{ana.pk}{PREVIEW}").status_code == 404
    assert ben_client.get(f"/for/{sam.pk}{PREVIEW}").status_code == 404


# -- the look of a letter ------------------------------------------------------------------------


def test_a_letter_is_words_alone():
    letter = """<html><head><style>p{color:red}</style><title>T</title></head><body>
    <div class="preheader">Seen <b>before</b></div><table><tr><td><p class="from">Main &amp; Co</p>
    <p>One<br>two <script>alert(1)</script></p><p><a class="button" href="x">View</a></p>
    <p class="small">https://a.example/unsubscribe/abc</p></td></tr></table></body></html>"""
    assert [(block.look, block.words) for block in blocks_of(letter)] == [
        ("strong", "Main & Co"),
        ("", "One"),
        ("", "two"),
        ("button", "View"),
        ("small", "https://a.example/..."),
    ]


def test_an_address_that_a_patient_forbade_is_not_offered(ana_client, ana):
    email = email_of(ana)
    contacts.record_request(
        patient_id=ana.pk, kind="email", contact_id=email.pk, actor=f"user:{ana.pk}"
    )
    page = text_of(ana_client.get(PREVIEW))
    assert "You asked us not to use this address" in sample(page, "email")
    assert 'href="/notifications/settings/#private"' in sample(page, "email")


def test_a_visit_more_costs_a_few_queries_and_a_message_none(
    ana_client, ana, visit, location, provider
):
    email_of(ana)

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert ana_client.get(PREVIEW).status_code == 200
        return len(asked)

    queries()
    before = queries()
    for days in range(1, 6):
        with clock.at(NOON - 20 * DAY):
            moment = wall("2026-12-01 09:30") + days * DAY
            a_visit(ana, moment, location=location, provider=provider, announce=False)
    assert queries() <= before + 5 * 7  # each moment is decided on by itself, as when it comes

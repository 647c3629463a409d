"""A summary instead of each e-mail: when it is due, that it is one, and what it says."""

import re
import smtplib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from notifications import clock, delivery, preferences
from notifications.delivery.claim import claim
from notifications.delivery.merging import Verdict, first_of, merge
from notifications.enums import (
    Action,
    ContactKind,
    DeliveryStatus,
    Digest,
    PatientNotificationPriority,
    Reason,
)
from notifications.history import words_to_patient
from notifications.hours import next_summary
from notifications.models import Delivery, DeliveryAttempt, PatientNotification
from notifications.policy import Decision, Facts, decide
from portal.models import User
from tests.clinic import DESK, NEW_YORK, wall
from tests.conftest import signed_in
from tests.crowd import side_by_side
from tests.engine import (
    NOON,
    ToldMail,
    delivery_of,
    email_of,
    phone_of,
    run,
    said_to_patient,
    send_at,
    status_of,
)
from tests.pages import text_of

LOW = PatientNotificationPriority.LOW
FIVE = wall("2026-11-24 17:00")  # the Tuesday's
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
A_MAIL = Facts(
    now=NOON,
    made_at=NOON,
    zone=NEW_YORK,
    contact_kind=ContactKind.EMAIL,
    priority=LOW,
    digest=Digest.DAILY,
)


# -- when it is due -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("digest", "made", "due"),
    [
        (Digest.DAILY, "2026-11-24 12:00", "2026-11-24 17:00"),
        (Digest.DAILY, "2026-11-24 17:00", "2026-11-25 17:00"),
        (Digest.DAILY, "2026-03-07 18:00", "2026-03-08 17:00"),  # the clocks go forward
        (Digest.DAILY, "2026-10-31 18:00", "2026-11-01 17:00"),  # and back
        (Digest.WEEKLY, "2026-11-24 12:00", "2026-11-27 17:00"),
        (Digest.WEEKLY, "2026-11-27 16:59", "2026-11-27 17:00"),
        (Digest.WEEKLY, "2026-11-27 17:00", "2026-12-04 17:00"),
    ],
)
def test_a_summary_is_due_at_five_each_day_or_each_friday(digest, made, due):
    assert next_summary(after=wall(made), zone=NEW_YORK, digest=digest) == wall(due)


def test_what_is_not_pressing_waits_for_the_summary_and_then_goes():
    decision = decide(A_MAIL)
    assert (decision.action, decision.reason, decision.at) == (Action.HOLD, Reason.DIGEST, FIVE)
    assert decide(replace(A_MAIL, now=FIVE)).action == Action.SEND


@pytest.mark.parametrize(
    "otherwise",
    [
        {"priority": PatientNotificationPriority.MEDIUM},
        {"contact_kind": ContactKind.PHONE},
        {"digest": Digest.NONE},
        {"expires_at": FIVE},  # the summary would be too late
    ],
)
def test_what_is_pressing_or_comes_otherwise_waits_for_no_summary(otherwise):
    assert decide(replace(A_MAIL, **otherwise)).action == Action.SEND


# -- which are one: pure ------------------------------------------------------------------------


def sent(number: int, *, level: int = 1, action: Action = Action.SEND) -> Verdict:
    made_at = datetime(2026, 11, 24, number, tzinfo=UTC)
    row = Delivery(notification=PatientNotification(created_at=made_at))
    return Verdict(row=row, decision=Decision(action=action, level=level))


def test_of_those_with_one_key_the_newest_leads_and_says_no_more_than_any_may():
    older, newest, skipped = sent(1, level=0), sent(2), sent(3, action=Action.SKIP)
    one, two, three = merge([older, newest, skipped], key=lambda _each: "same")
    assert (one.decision.reason, one.into) == (Reason.MERGED, newest.row)
    assert (two.merged, two.decision.level) == ((older.row,), 0)
    assert three == skipped


def test_what_has_no_key_or_is_alone_goes_by_itself():
    alone = [sent(1), sent(2)]
    assert merge(alone, key=lambda _each: None) == alone
    assert merge(alone, key=lambda each: each.row.pk) == alone


def test_a_group_counts_as_one_and_is_taken_whole_or_left_whole():
    first, *group = [sent(1), sent(2), sent(3), sent(4)]
    verdicts = merge([first, *group], key=lambda each: each is not first or None)
    assert first_of(verdicts, limit=2) == verdicts
    assert [each.row for each in first_of(verdicts, limit=1)] == [first.row]


# -- through the engine -------------------------------------------------------------------------


def asks_for(patient: User, digest: Digest) -> None:
    preferences.change_settings(patient_id=patient.pk, changes={"digest": digest}, actor=DESK)


@pytest.fixture
def reader(ana, note, carrier) -> User:
    """Ana, who reads one e-mail a day, at an address that is verified and agreed to."""
    with clock.at(NOON):
        email_of(ana)
        asks_for(ana, Digest.DAILY)
    return ana


def low(patient: User, *, at: datetime = NOON) -> PatientNotification:
    return send_at(at, patient, priority="low")


def mails() -> list:
    return ToldMail.handed


@pytest.mark.django_db
def test_three_messages_of_a_day_are_one_email_at_five(reader):
    made = [low(reader, at=NOON + HOUR * hour) for hour in range(3)]
    assert mails() == []
    assert {status_of(each, "email") for each in made} == {("held", Reason.DIGEST)}
    run(at=FIVE)
    (mail,) = mails()
    assert mail.subject == "You have 3 new messages from Main Street Dental"
    lead = delivery_of(made[2], "email")
    assert lead.status == DeliveryStatus.ACCEPTED
    for each in made[:2]:
        assert status_of(each, "email") == ("skipped", Reason.MERGED)
        assert delivery_of(each, "email").merged_into == lead
        assert said_to_patient(each, "email")[-1] == "Not sent. Part of another message"
        told = words_to_patient(delivery_of(each, "email"))
        assert told == "Not sent. It was part of another message"
    assert DeliveryAttempt.objects.get().snapshot["email.txt"] == mail.body.rstrip("\n")


@pytest.mark.django_db
def test_it_tells_constant_titles_and_where_to_read_in_text_as_in_html(reader):
    for _number in range(2):
        low(reader)
    run(at=FIVE)
    (mail,) = mails()
    html = " ".join(text_of_html(mail.alternatives[0].content).split())
    for said in ("You have 2 new messages", "A note", "Sign in to read them", "/notifications/"):
        assert said in mail.body and said in html
    assert "Nothing in particular" not in mail.body + html
    assert mail.body.count("- A note") == html.count("A note") == 2


def text_of_html(html: str) -> str:
    return re.sub(r"<[^>]+>", " ", re.sub(r"<style.*?</style>", "", html, flags=re.S))


@pytest.mark.django_db
def test_an_address_nobody_verified_is_told_how_many_and_not_which(ana, note, carrier):
    email_of(ana, verified=False, agreed=False)
    with clock.at(NOON):
        asks_for(ana, Digest.DAILY)
    for _number in range(2):
        low(ana)
    run(at=FIVE)
    (mail,) = mails()
    assert "You have 2 new messages" in mail.body
    assert "A note" not in mail.body


@pytest.mark.django_db
def test_one_message_alone_goes_as_itself(reader):
    low(reader)
    run(at=FIVE)
    assert [mail.subject for mail in mails()] == ["You have a new message from Main Street Dental"]


@pytest.mark.django_db
def test_two_patients_summaries_are_two_though_their_address_is_one(reader, ben):
    """What is said to one of them says nothing of the other."""
    email_of(ben, reader.email)
    with clock.at(NOON):
        asks_for(ben, Digest.DAILY)
    for patient in (reader, ben, reader, ben):
        low(patient)
    run(at=FIVE)
    assert len(mails()) == 2
    assert all("2 new messages" in mail.subject for mail in mails())


@pytest.mark.django_db
def test_a_claim_that_looks_at_one_row_takes_the_whole_summary(reader):
    for _number in range(5):
        low(reader)
    with clock.at(FIVE):
        parcels = claim(limit=1, report=delivery.Report())
        assert len(parcels) == 1
        assert claim(limit=10, report=delivery.Report()) == []
    assert Delivery.objects.filter(reason=Reason.MERGED).count() == 4


@pytest.mark.django_db
def test_what_the_carrier_does_not_take_now_comes_again_whole(reader, carrier):
    made = [low(reader) for _number in range(3)]
    carrier.answers = [smtplib.SMTPConnectError(421, b"busy")]
    run(at=FIVE)
    assert {delivery_of(each, "email").status for each in made} == {"planned"}
    run(at=FIVE + HOUR)
    assert [mail.subject[:23] for mail in mails()] == ["You have 3 new messages"] * 2
    assert {status_of(each, "email")[0] for each in made} == {"accepted", "skipped"}


@pytest.mark.django_db
def test_where_the_summary_bounces_each_message_says_so_itself(reader, carrier):
    made = [low(reader) for _number in range(2)]
    refusal = {reader.email: (550, b"5.1.1 no such mailbox")}
    carrier.answers = [smtplib.SMTPRecipientsRefused(refusal)]
    run(at=FIVE)
    found = {status_of(each, "email") for each in made}
    assert found == {("failed", Reason.BOUNCED_HARD), ("skipped", Reason.BOUNCED_HARD)}


@pytest.mark.django_db
def test_who_wants_each_message_again_gets_what_waited_at_once(reader):
    low(reader)
    with clock.at(NOON + HOUR):
        asks_for(reader, Digest.NONE)
        run()
    assert len(mails()) == 1


@pytest.mark.django_db
def test_a_part_is_no_failure_that_opens_other_channels(reader):
    """A text failed, the e-mail is part of a summary: the patient has been told."""
    phone_of(reader)
    made = [low(reader) for _number in range(2)]
    run(at=FIVE)
    part = next(each for each in made if status_of(each, "email")[1] == Reason.MERGED)
    row = delivery_of(part, "sms")
    Delivery.objects.filter(pk=row.pk).update(status="failed", reason=Reason.PROVIDER_ERROR)
    Delivery.objects.filter(notification=part, channel="push").update(reason=Reason.DEFAULT_OFF)
    row.refresh_from_db()
    assert delivery.escalate.escalate(row) == 0


@pytest.mark.django_db
def test_its_way_out_turns_off_each_kind_in_it_and_nothing_else(reader, client):
    for _number in range(2):
        low(reader)
    run(at=FIVE)
    (mail,) = mails()
    link = mail.extra_headers["List-Unsubscribe"].strip("<>")
    path = link.removeprefix("http://localhost:8000")
    assert "<strong>Notes</strong>" in text_of(client.get(path))
    assert client.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    now = preferences.effective(patient_id=reader.pk)
    assert not now["note"].enabled["email"]
    assert now["lab_results"].enabled["email"]


# -- side by side -------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_make_one_summary(reader):
    made = [low(reader) for _number in range(6)]
    with clock.at(FIVE):
        side_by_side(delivery.run_due, delivery.run_due)
        run()
    assert len(mails()) == 1
    assert Delivery.objects.filter(merged_into=delivery_of(made[-1], "email")).count() == 5


@pytest.mark.django_db
def test_the_settings_page_shows_what_was_chosen(reader, ana):
    shown = text_of(signed_in(ana).get(reverse("settings")))
    assert '<option value="daily" selected>' in shown

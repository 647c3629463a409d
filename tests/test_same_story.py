"""Two dozen patients, one for each thing that can become of a message: every page tells it alike.

What the patient reads, what the desk reads, what lies in the outbox and what `explain` prints are
compared for every delivery of every one of them, not only for the one the case is about.
"""

import html
import io
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from notifications import clock, incoming
from notifications.enums import ContactEffect, DeliveryStatus, Reason
from notifications.history import words_for, words_to_patient
from notifications.models import Delivery, PatientNotification
from notifications.providers.outbox import OutboxMessage
from notifications.rendering import next_step, sentence, sentence_to_patient
from notifications.types import Receipt
from portal.models import User
from tests.cases import DELIVERED, NOON, Case, Scene, choosy_carriers, tell_all
from tests.clinic import NEW_YORK
from tests.conftest import signed_in
from tests.pages import text_of

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parent.parent
WENT = (DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED)
# What keeps a message waiting without touching its row: said where somebody asks why.
ONLY_EXPLAINED = {Reason.ALL_HELD, Reason.CHANNEL_RESTING}


@pytest.fixture
def cases(location, provider) -> list[Case]:
    return tell_all(location=location, provider=provider)


@pytest.fixture
def desk(settings):
    """Somebody who may see every page, and lives by the same clock as the patients."""
    settings.DEBUG = True  # the outbox is a page of development
    names = {"username": "desk@example.com", "zone": NEW_YORK}
    return signed_in(User.objects.create_superuser(**names))


def deliveries_of(case: Case) -> list[Delivery]:
    rows = Delivery.objects.filter(notification__patient=case.patient)
    return list(rows.select_related("notification", "contact").order_by("id"))


def told(row: Delivery, *, case: Case, to_patient: bool = False) -> str:
    """Return what a page has to say of a delivery, by the clock where the case plays."""
    with timezone.override(NEW_YORK), clock.at(case.at):
        return words_to_patient(row) if to_patient else words_for(row)


def label_of(row: Delivery) -> str:
    return {"in_app": "In-app", "email": "Email", "sms": "Text", "push": "Push"}[row.channel]


def plain(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


# -- all of them --------------------------------------------------------------------------------


def test_each_reason_there_is_has_its_case_and_one_case_has_none(cases):
    reasons = {reason for reason in Reason if reason} - ONLY_EXPLAINED
    assert {case.name for case in cases} == {str(reason) for reason in reasons} | {DELIVERED}
    for case in cases:
        ended = case.plan or case.delivery
        assert (ended.status, ended.reason) == (case.status, case.reason), case.name


# -- the patient's own page -----------------------------------------------------------------------


def patients_lines(case: Case, message: PatientNotification) -> list[tuple[str, str]]:
    """Return (channel, sentence) of a message's page as its patient reads it."""
    client = signed_in(case.patient)
    with clock.at(case.at):
        response = client.get(f"/notifications/{message.pk}/")
    assert response.status_code == 200, case.name
    story = text_of(response).split('class="card pad history">')[1].split("</ol>")[0]
    found = re.findall(r"<li>.*?<strong>(.*?)</strong>.*?</p><p>(.*?)</p></li>", story, re.DOTALL)
    return [(plain(label), plain(said)) for label, said in found]


def test_the_patients_page_says_of_every_channel_what_became_of_it_in_words_to_her(cases):
    for case in cases:
        rows = deliveries_of(case)
        for message in {row.notification for row in rows}:
            lines = patients_lines(case, message)
            for row in (each for each in rows if each.notification == message):
                said = told(row, case=case, to_patient=True)
                assert (label_of(row), said) in lines, case.name
                if row.reason:
                    assert why(row, case, sentence_to_patient) in said, case.name
                    assert "Patient" not in said, f"{case.name} speaks of her, not to her"


def why(row: Delivery, case: Case, write) -> str:
    with timezone.override(NEW_YORK), clock.at(case.at):
        return write(reason=row.reason, params=row.reason_params)


@pytest.mark.req("P-01")
def test_no_case_is_another_patients_to_read(cases):
    for case, other in zip(cases, cases[1:] + cases[:1], strict=True):
        answered = signed_in(other.patient).get(f"/notifications/{case.message.pk}/")
        assert answered.status_code == 404, case.name


# -- the desk's timeline --------------------------------------------------------------------------


def timeline_of(desk, case: Case) -> dict[str, list[tuple[str, str, str]]]:
    """Return (channel, words, next step) of each message on a patient's timeline, by its id."""
    with clock.at(case.at):
        page = text_of(desk.get(f"/admin/portal/user/{case.patient.pk}/timeline/"))
    articles = re.findall(r'<article aria-labelledby="m-([^"]+)">(.*?)</article>', page, re.DOTALL)
    return {message_id: channel_lines(article) for message_id, article in articles}


def channel_lines(article: str) -> list[tuple[str, str, str]]:
    lines = re.findall(
        r'<strong>([^<]+)</strong>[^<]*<span class="said[^"]*">(.*?)</span>(.*?)(?=<strong>|$)',
        article,
        re.DOTALL,
    )
    return [(plain(label), plain(said), plain(rest)) for label, said, rest in lines]


@pytest.mark.req("P-22")
def test_the_desks_timeline_says_the_same_with_the_reason_and_the_next_step(cases, desk):
    for case in cases:
        shown = timeline_of(desk, case)
        for row in deliveries_of(case):
            lines = shown[str(row.notification_id)]
            [rest] = [
                rest
                for label, said, rest in lines
                if (label, said) == (label_of(row), told(row, case=case))
            ]
            if row.reason:
                assert why(row, case, sentence) in told(row, case=case), case.name
                assert f"Next step: {next_step(row.reason)}" in rest, case.name


# -- the outbox -----------------------------------------------------------------------------------


def times_left() -> Counter[str]:
    """Return how often each delivery lies in the outbox."""
    return Counter(OutboxMessage.objects.values_list("delivery_id", flat=True))


def test_the_outbox_holds_what_was_sent_once_and_nothing_that_was_not(cases):
    left = times_left()
    rows = [row for case in cases for row in deliveries_of(case) if row.channel != "in_app"]
    expected = Counter({str(row.pk): 1 for row in rows if row.status in WENT})
    assert left == expected
    assert len(rows) > len(left) > 20


def test_the_outbox_page_shows_the_same_and_says_where_each_stands(cases, desk):
    page = text_of(desk.get("/dev/outbox/"))
    link = r'<span class="state small"><span class="chip \w+">(.*?)</span> <a href="(.*?)">'
    shown = Counter((plain(said), url) for said, url in re.findall(link, page, re.DOTALL))
    assert shown == Counter(
        (told(row, case=case), f"/admin/notifications/delivery/{row.pk}/change/")
        for case in cases
        for row in deliveries_of(case)
        if row.channel != "in_app" and row.status in WENT
    )


# -- explain --------------------------------------------------------------------------------------


def explained(case: Case, message: PatientNotification) -> dict[str, dict]:
    said = io.StringIO()
    with clock.at(case.at):
        call_command("explain", str(message.pk), "--json", stdout=said)
    return {each["id"]: each for each in json.loads(said.getvalue())["deliveries"]}


def test_explain_agrees_with_the_pages_and_with_the_outbox(cases):
    left = times_left()
    for case in cases:
        rows = deliveries_of(case)
        for message in {row.notification for row in rows}:
            printed = explained(case, message)
            for row in (each for each in rows if each.notification == message):
                line = printed[str(row.pk)]
                assert line["says"] == told(row, case=case), case.name
                assert (line["status"], line["reason"]) == (row.status, row.reason)
                taken = [each for each in line["tries"] if each["result"] == "accepted"]
                assert len(taken) == left[str(row.pk)], case.name


def test_explain_names_the_gate_that_still_objects(cases):
    """What was put right since, and what only a carrier said, no gate objects to."""
    said_by_a_carrier = {"soft_fail", "provider_error"}
    said_by_a_carrier |= {"answer_unknown", "answer_unsettled", "no_receipt"}
    put_right = {"channel_off", "merged"}  # merged: nothing objected to it
    went = {DELIVERED, "phi_blocked"}  # with the neutral sentence
    for case in cases:
        if case.plan or case.name in said_by_a_carrier | put_right | went:
            continue
        gates = explained(case, case.message)[str(case.delivery.pk)]["gates"]
        objections = [each["objection"] for each in gates if each["objection"]]
        assert objections[0] == case.reason, case.name


# -- what does not end in a delivery, or changes its mind -----------------------------------------


def test_a_reminder_that_would_ask_again_is_never_made_once_she_has_confirmed(cases, desk):
    [case] = [each for each in cases if each.plan]
    assert case.message.action_taken == "confirm"
    assert case.plan.notification is None
    assert ("In-app", "Answered") in patients_lines(case, case.message)
    page = text_of(desk.get(f"/admin/notifications/schedulednotification/{case.plan.pk}/change/"))
    assert "Patient had already read or confirmed" in page
    assert str(case.plan.pk) not in text_of(desk.get("/dev/outbox/"))


def test_a_mail_that_bounced_later_has_left_once_and_every_page_says_it_failed(
    location, provider, desk
):
    with choosy_carriers(), clock.at(NOON):
        scene = Scene(location=location, provider=provider)
        message = scene.booked(scene.patient("late"))
        row = Delivery.objects.get(notification=message, channel="email")
        bounced = Receipt(
            delivery_id=row.pk,
            provider_id=row.provider_id,
            event_key="bounced",
            status=DeliveryStatus.FAILED,
            code="5.1.1",
            contact=ContactEffect.NEEDS_UPDATE,
        )
        incoming.take_receipts(channel="email", receipts=[bounced])
    row.refresh_from_db()
    case = Case(
        name=Reason.BOUNCED_HARD,
        patient=message.patient,
        message=message,
        channel="email",
        status=row.status,
        at=NOON,
    )
    assert (row.status, row.reason) == (DeliveryStatus.FAILED, Reason.BOUNCED_HARD)
    assert times_left()[str(row.pk)] == 1
    assert ("Email", told(row, case=case, to_patient=True)) in patients_lines(case, message)
    assert [
        said for label, said, _rest in timeline_of(desk, case)[str(message.pk)] if label == "Email"
    ] == [told(row, case=case)]
    assert told(row, case=case) in plain(text_of(desk.get("/dev/outbox/")))
    assert [each["outcome"] for each in explained(case, message)[str(row.pk)]["receipts"]] == [
        "applied"
    ]

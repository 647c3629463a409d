"""The desk looks at a patient's story: what was sent and why, what she did, what comes next."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from notifications import calls, clock, contacts, delivery, preferences
from notifications.crypto import blind_index
from notifications.enums import (
    AuditAction,
    CallReason,
    CarrierEventKind,
    ContactKind,
    ErrorKind,
    EventOutcome,
    PatientNotificationType,
    ReplyMeaning,
    TimelineKind,
)
from notifications.incoming import keeping
from notifications.models import AuditEvent, InboundText
from notifications.services import patient_notification_service
from notifications.types import ChannelError
from portal.models import User
from portal.services import confirm, default_reminder_rules, reschedule
from tests.clinic import DESK, HALF_AN_HOUR, a_visit
from tests.conftest import PASSWORD, make_patient, signed_in
from tests.engine import (
    ANAS_NUMBER,
    BENS_NUMBER,
    NOON,
    NotePayload,
    delivery_of,
    email_of,
    phone_of,
    run,
    say,
    send,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
CANARY = "canary-root-canal-on-tooth-14"
BUSY = ChannelError(code="30003", kind=ErrorKind.TRANSIENT)
NO_WAY = ChannelError(code="21612", kind=ErrorKind.PERMANENT)
MINUTE = timedelta(minutes=1)
ALWAYS = (
    "portal.view_user",
    "notifications.view_patientnotification",
    "notifications.view_delivery",
)


def staff_with(*names):
    """A clerk who holds these permissions and no other."""
    clerk = User.objects.create_user(
        username="clerk@example.com", first_name="Cleo", last_name="Clerk", is_staff=True
    )
    for name in names:
        app, codename = name.split(".")
        permission = Permission.objects.get(content_type__app_label=app, codename=codename)
        clerk.user_permissions.add(permission)
    return clerk


@pytest.fixture
def chief(db):
    """Somebody with every right there is."""
    return User.objects.create_superuser(username="chief@example.com", password=PASSWORD)


@pytest.fixture
def desk(chief):
    return signed_in(chief)


def address(patient, **query):
    return reverse("admin:portal_user_timeline", args=[patient.pk], query=query)


def page_of(client, patient, **query):
    answer = client.get(address(patient, **query))
    assert answer.status_code == 200
    return words(answer.content.decode())


def words(html):
    """What a reader sees of a page, without its tags."""
    main = html.split('id="content-main"')[1].split("</main>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))


def a_text_from(number, *, meaning, key="SM1", text="See you"):
    """A text that came in from a number."""
    event = keeping.keep(
        channel="sms", kind=CarrierEventKind.REPLY, key=key, content={"text": text}
    )
    return InboundText.objects.create(
        event=event,
        number=number,
        number_index=blind_index(kind=ContactKind.PHONE, value=number),
        text=text,
        meaning=meaning,
        received_at=clock.now(),
    )


def story(patient, **options):
    return patient_notification_service.timeline(
        patient_id=patient.pk, kinds=TimelineKind.values, **options
    )


# -- what it says -------------------------------------------------------------------------------


@pytest.mark.req("P-22")
def test_each_channel_says_where_it_went_how_it_stands_and_what_to_do(desk, ana):
    email_of(ana)
    phone_of(ana, agreed=False)
    send(ana, NotePayload(text=CANARY))
    run()
    page = page_of(desk, ana)
    assert "Notes" in page and "A note" in page
    assert re.search(r"Email a\*\*\*@example\.com Sent", page)
    assert "***-0142 Not sent. No consent to texts recorded" in page
    assert "Next step: Record consent" in page
    assert "Push Not sent. Push is not turned on anywhere" in page
    assert "In-app Delivered" in page


@pytest.mark.req("H-02")
@pytest.mark.req("CANARY")
def test_no_body_and_no_whole_address_is_on_the_page(desk, ana, location, provider):
    email_of(ana)
    phone_of(ana)
    send(ana, NotePayload(text=CANARY))
    a_visit(ana, NOON + timedelta(days=4), location=location, provider=provider, notes=CANARY)
    a_text_from(ANAS_NUMBER, meaning=ReplyMeaning.UNCLEAR, text=CANARY)
    run()
    html = desk.get(address(ana)).content.decode()
    for secret in (CANARY, ANAS_NUMBER, "555-0142", "ana@example.com"):
        assert secret not in html


@pytest.mark.req("R-08")
def test_what_failed_says_what_to_do_until_somebody_has_done_it(desk, ana, ben, carrier):
    phone_of(ana)
    carrier.answers = [NO_WAY]
    row = delivery_of(send(ana), "sms")
    run()
    page = page_of(desk, ana)
    assert "Failed. Our provider had a problem" in page
    assert "Next step: Retry, or use another channel" in page
    delivery.mark_handled(delivery_id=row.pk, actor="system:test")
    page = page_of(desk, ana)
    assert "Dealt with November 24, 12:00 PM EST" in page
    assert "Retry, or use another channel" not in page
    assert "Dealt with" not in page_of(desk, ben)


def test_every_try_is_there_with_the_carriers_own_code(desk, ana, carrier):
    phone_of(ana)
    carrier.answers = [BUSY]
    send(ana)
    run()
    run(at=NOON + MINUTE)
    page = page_of(desk, ana)
    assert "2 tries" in page
    assert re.search(r"Try 1: The carrier was not available 30003 \(the phone is", page)
    assert re.search(r"Try 2: Accepted by the carrier told", page)


def test_a_receipt_is_there_with_what_it_led_to(desk, ana):
    phone_of(ana)
    text = delivery_of(send(ana), "sms")
    run()
    receipt = keeping.keep(
        channel="sms",
        kind=CarrierEventKind.RECEIPT,
        key="SM1:delivered",
        content={"status": "delivered", "code": "", "raw": {"To": ANAS_NUMBER}},
        delivery_id=text.pk,
    )
    keeping.settle(receipt, EventOutcome.APPLIED)
    page = page_of(desk, ana)
    assert "1 receipt" in page
    assert "Receipt: Delivered, Applied" in page
    assert ANAS_NUMBER not in page


def test_what_the_patient_did_stands_under_the_message(desk, ana):
    made = send(ana)
    run()
    who = {"patient_id": ana.pk, "notification_id": made.pk}
    with clock.at(NOON + MINUTE):
        patient_notification_service.act(**who, action="confirm")
    with clock.at(NOON + 2 * MINUTE):
        patient_notification_service.dismiss(**who)
    [message] = [each for each in story(ana).entries if each.kind == TimelineKind.MESSAGE]
    assert [act.kind for act in message.acts] == ["read", "acted", "dismissed"]
    page = page_of(desk, ana)
    assert re.search(r"12:01 PM EST Answered .*12:02 PM EST Dismissed", page)


@pytest.mark.req("H-14")
def test_a_text_she_sent_is_there_by_its_meaning_with_a_link(desk, ana, ben):
    phone_of(ana)
    phone_of(ben, BENS_NUMBER)
    mine = a_text_from(ANAS_NUMBER, meaning=ReplyMeaning.CALL, text=CANARY)
    other = a_text_from(BENS_NUMBER, meaning=ReplyMeaning.CONFIRM, key="SM2")
    html = desk.get(address(ana)).content.decode()
    assert "Asks for a call" in html
    assert "Waits for a person" in html
    assert reverse("admin:notifications_inboundtext_change", args=[mine.pk]) in html
    assert "Confirms a visit" not in html
    assert str(other.pk) not in html


@pytest.mark.req("H-14")
def test_what_a_numbers_next_owner_writes_is_no_part_of_her_story(desk, ana, ben):
    number = phone_of(ana)
    a_text_from(ANAS_NUMBER, meaning=ReplyMeaning.CALL)
    with clock.at(NOON + MINUTE):
        contacts.remove(patient_id=ana.pk, contact_id=number.pk, actor=DESK)
    with clock.at(NOON + 2 * MINUTE):
        phone_of(ben, ANAS_NUMBER)
        a_text_from(ANAS_NUMBER, meaning=ReplyMeaning.CONFIRM, key="SM2")
    assert "Confirms a visit" in page_of(desk, ben)
    page = page_of(desk, ana)
    assert "Asks for a call" in page
    assert "Confirms a visit" not in page


def test_calls_to_make_are_there_with_their_message_or_by_themselves(desk, ana, ben):
    made = send(ana)
    until = {"due_at": NOON, "call_by": NOON + timedelta(hours=2), "patient_id": ana.pk}
    calls.open_call(key="1", reason=CallReason.NOT_REACHED, notification=made, **until)
    asked = calls.open_call(key="2", reason=CallReason.ASKED, **until)
    page = page_of(desk, ana)
    assert "Call to make, until Nov 24, 2:00 PM EST. No message was read or answered" in page
    assert "Call to make The patient asked for a call" in page
    calls.mark_called(call_id=asked.pk, actor=DESK)
    assert "Called. By the system (desk). See the call" in page_of(desk, ana)
    assert "The patient asked for a call" not in page_of(desk, ben)


def test_addresses_consents_and_choices_are_there_with_who_made_them(desk, ana):
    number = phone_of(ana, agreed=False)
    say(number, granted=True)
    say(number, granted=False)
    preferences.change(
        patient_id=ana.pk, type_key="note", changes={"email": False}, actor=f"user:{ana.pk}"
    )
    page = page_of(desk, ana)
    assert "Address added ***-0142" in page
    assert "Address verified ***-0142" in page
    assert "Agreed to messages about care ***-0142" in page
    assert "No longer agrees to messages about care ***-0142" in page
    assert "desk · text-2026-11. By the system (desk)." in page
    assert "Email for Notes turned off By the patient." in page


def test_visits_booked_and_moved_are_there_and_lead_to_the_book(
    desk, ana, location, provider, chief
):
    visit = a_visit(ana, NOON + timedelta(days=4), location=location, provider=provider)
    moved = NOON + timedelta(days=5, hours=2)
    reschedule(
        appointment_id=visit.pk,
        starts_at=moved,
        ends_at=moved + HALF_AN_HOUR,
        actor=f"user:{chief.pk}",
    )
    confirm(appointment_id=visit.pk, actor=f"user:{ana.pk}")
    html = desk.get(address(ana)).content.decode()
    page = words(html)
    assert "Visit booked (it is now on Sun, Nov 29 at 2:00 PM EST, Main St)" in page
    assert "Visit moved" in page
    assert (
        "Visit confirmed (it is now on Sun, Nov 29 at 2:00 PM EST, Main St) By the patient" in page
    )
    assert reverse("admin:portal_appointment_change", args=[visit.pk]) in html


def test_what_is_planned_next_stands_on_top(desk, ana, ben, location, provider):
    default_reminder_rules(location)
    a_visit(ana, NOON + timedelta(days=10), location=location, provider=provider)
    page = page_of(desk, ana)
    assert re.search(r"What comes next November 27, 12:00 PM EST .*\(7-days\)", page)
    assert "Nothing is planned." in page_of(desk, ben)


@pytest.mark.parametrize("has_phone", [True, False])
def test_the_questions_asked_before_a_message_goes_can_be_opened(desk, ana, has_phone):
    if has_phone:
        phone_of(ana)
    send(ana)
    run()
    page = page_of(desk, ana).split("What happened")[1]
    said = "There is an address: No. No address on file for this channel"
    assert (said in page.split(" Text ")[1]) is not has_phone
    assert "Texts may go at this hour: Yes" in page.split(" Text ")[1]
    for channel in (" Email ", " In-app ", " Push "):
        assert "Texts may go" not in page.split(channel)[1].split(" Text ")[0]


# -- whose story it is --------------------------------------------------------------------------


@pytest.mark.req("H-02")
def test_her_story_holds_nothing_of_his(desk, ana, ben, location, provider):
    for patient, number in ((ana, ANAS_NUMBER), (ben, BENS_NUMBER)):
        email_of(patient)
        phone_of(patient, number)
        send(patient)
        a_visit(patient, NOON + timedelta(days=4), location=location, provider=provider)
        preferences.change(
            patient_id=patient.pk, type_key="note", changes={"sms": False}, actor=DESK
        )
    run()
    html = desk.get(address(ana)).content.decode()
    mine, his = story(ana), story(ben)
    assert {each.id for each in mine.entries}.isdisjoint(each.id for each in his.entries)
    for each in his.entries:
        assert str(each.id) not in html
    assert str(ben.pk) not in html
    assert "0143" not in words(html)


@pytest.mark.req("H-02")
@pytest.mark.parametrize("missing", ALWAYS)
def test_without_the_right_to_its_tables_the_page_is_refused(ana, missing):
    clerk = staff_with(*(name for name in ALWAYS if name != missing))
    client = signed_in(clerk)
    assert client.get(address(ana)).status_code == 403
    assert not AuditEvent.objects.filter(action=AuditAction.VIEWED).exists()
    if missing != "portal.view_user":
        person = client.get(reverse("admin:portal_user_change", args=[ana.pk]))
        assert address(ana) not in person.content.decode()


@pytest.mark.req("H-02")
def test_each_kind_of_entry_is_shown_to_those_who_may_see_its_table(ana, location, provider):
    say(phone_of(ana, agreed=False), granted=True)
    default_reminder_rules(location)
    a_visit(ana, NOON + timedelta(days=10), location=location, provider=provider)
    a_text_from(ANAS_NUMBER, meaning=ReplyMeaning.CALL)
    clerk = staff_with(*ALWAYS)
    client = signed_in(clerk)
    page = page_of(client, ana)
    assert "In-app Delivered" in page
    for hidden in ("Agreed to", "Address added", "Visit booked", "Asks for a call", "7-days"):
        assert hidden not in page
    for right, shown in (
        ("view_consent", "Agreed to"),
        ("view_contactpoint", "Address added"),
        ("view_appointment", "Visit booked"),
        ("view_inboundtext", "Asks for a call"),
        ("view_schedulednotification", "7-days"),
    ):
        clerk.user_permissions.add(Permission.objects.get(codename=right))
        assert shown in page_of(client, ana)


@pytest.mark.req("H-02")
def test_neither_patients_nor_strangers_come_in(ana, ana_client, ben_client, client):
    for each in (ana_client, ben_client):
        assert each.get(address(ana), follow=True).status_code == 403
    assert client.get(address(ana)).status_code == 302
    assert not AuditEvent.objects.filter(action=AuditAction.VIEWED).exists()


def test_a_patient_who_does_not_exist_is_not_found(desk, ana):
    unknown = address(ana).replace(str(ana.pk), str(ana.home_location_id))
    assert desk.get(unknown).status_code == 404


@pytest.mark.req("H-06")
def test_each_look_is_one_row_about_this_patient(desk, chief, ana, ben):
    send(ana)
    send(ben)
    desk.get(address(ana))
    [row] = AuditEvent.objects.filter(action=AuditAction.VIEWED)
    assert (row.actor, row.patient_id) == (f"user:{chief.pk}", ana.pk)
    assert row.details == {"list": "timeline"}


def test_the_patients_page_leads_to_it(desk, ana):
    html = desk.get(reverse("admin:portal_user_change", args=[ana.pk])).content.decode()
    assert f'href="{address(ana)}"' in html


# -- the page -----------------------------------------------------------------------------------


def test_page_after_page_nothing_is_left_out_or_shown_twice(desk, ana):
    email_of(ana)
    made = []
    for number in range(23):
        with clock.at(NOON + number * MINUTE):
            made.append(send(ana).pk)
    whole = [each.id for each in story(ana, limit=100).entries]
    found, cursor = [], ""
    for _page in range(10):
        part = story(ana, limit=7, before=cursor)
        found += [each.id for each in part.entries]
        cursor = part.older
        if not cursor:
            break
        assert len(part.entries) == 7
    assert found == whole
    assert [pk for pk in found if pk in made] == made[::-1]
    html = desk.get(address(ana)).content.decode()
    [older] = re.findall(r'href="\?before=([^"]+)"', html)
    assert "What happened before" in page_of(desk, ana, before=older)


def test_one_kind_alone_is_shown_and_paged_alone(desk, ana):
    number = phone_of(ana, agreed=False)
    for _ in range(11):
        say(number, granted=True)
        say(number, granted=False)
    send(ana)
    page = page_of(desk, ana, kind="consent")
    assert page.count("Consent ") >= 20
    assert "Address added" not in page and "In-app Delivered" not in page
    html = desk.get(address(ana, kind="consent")).content.decode()
    [older] = re.findall(r'rel="next" href="\?kind=consent&amp;before=([^"]+)"', html)
    rest = page_of(desk, ana, kind="consent", before=older)
    assert rest.count("messages about care") == 2
    assert "In-app Delivered" in page_of(desk, ana, kind="nonsense")


@pytest.mark.req("H-02")
def test_asking_for_one_kind_gives_nobody_more_than_they_may_see(ana):
    say(phone_of(ana, agreed=False), granted=True)
    client = signed_in(staff_with(*ALWAYS))
    page = page_of(client, ana, kind="consent")
    assert "Agreed to" not in page
    assert "Consent" not in page


def test_things_of_the_same_moment_are_neither_lost_nor_repeated(ana):
    for _ in range(5):
        send(ana)
    first = story(ana, limit=2)
    second = story(ana, limit=2, before=first.older)
    third = story(ana, limit=2, before=second.older)
    ids = [each.id for part in (first, second, third) for each in part.entries]
    assert len(ids) == len(set(ids)) == 5
    assert third.older == ""


@pytest.mark.parametrize("cursor", ["x", "20261124T170000000000", "9-9", "20261399T000000000000-a"])
def test_an_address_somebody_made_up_leads_back_to_the_newest(desk, ana, cursor):
    answer = desk.get(address(ana, before=cursor))
    assert answer.status_code == 302
    assert answer.url == address(ana)


def test_a_long_story_costs_as_many_queries_as_a_short_one(desk, ana, location, provider):
    email_of(ana)
    phone_of(ana)
    a_visit(ana, NOON + timedelta(days=4), location=location, provider=provider)
    send(ana)
    run()
    few = queries(desk, ana)
    for _ in range(12):
        send(ana)
    run()
    a_text_from(ANAS_NUMBER, meaning=ReplyMeaning.CALL)
    assert queries(desk, ana) == few <= 32


@pytest.mark.req("P-22")
def test_from_the_search_to_the_reason_it_takes_three_clicks(desk, ana, ben):
    email_of(ana)
    send(ana)
    run()
    people = reverse("admin:portal_user_changelist")
    found = desk.get(people, {"q": "ana@example.com"}).content.decode()
    person = reverse("admin:portal_user_change", args=[ana.pk])
    assert f'href="{person}' in found
    assert address(ana) in desk.get(person).content.decode()
    assert "Not sent. Push is not turned on anywhere" in page_of(desk, ana)


def queries(client, patient):
    with CaptureQueriesContext(connection) as seen:
        assert client.get(address(patient)).status_code == 200
    return len(seen)


def test_an_empty_story_says_so(desk, location):
    new = make_patient("new@example.com", "New", location)
    page = page_of(desk, new)
    assert "Nothing has happened yet." in page


@pytest.mark.req("S-08")
def test_a_name_is_shown_as_it_was_typed(desk, ana):
    User.objects.filter(pk=ana.pk).update(first_name="<b>Ana</b>")
    preferences.change(
        patient_id=ana.pk, type_key="note", changes={"sms": False}, actor=f"user:{ana.pk}"
    )
    html = desk.get(address(ana)).content.decode()
    assert "<b>Ana</b>" not in html
    assert "&lt;b&gt;Ana&lt;/b&gt;" in html


@pytest.mark.req("S-16")
@pytest.mark.req("P-02")
def test_it_needs_no_script_and_its_title_names_nobody(desk, ana):
    send(ana)
    run()
    answer = desk.get(address(ana))
    html = answer.content.decode()
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "<script" not in html.split('id="content-main"')[1].split("</main>")[0]
    assert not re.search(r'<style\b|\sstyle="|\son\w+=', html)
    assert "Ana" not in re.search(r"<title>(.*?)</title>", html, re.DOTALL)[1]


def test_the_channel_of_a_type_that_is_gone_still_has_its_line(desk, ana):
    send(ana)
    run()
    PatientNotificationType.unregister("note")
    page = page_of(desk, ana)
    PatientNotificationType.register(NotePayload)
    assert "Note" in page
    assert "The message can be read: No." in page

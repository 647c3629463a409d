"""The desk's queue of texts: the open ones first, whose they may be, and each look kept."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from notifications import clock, incoming
from notifications.enums import AuditAction
from notifications.models import AuditEvent, InboundText
from notifications.types import Reply
from portal.models import User
from tests.conftest import PASSWORD, signed_in
from tests.engine import ANAS_NUMBER, BENS_NUMBER, NOON, phone_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
LIST = reverse("admin:notifications_inboundtext_changelist")
MAY_READ, MAY_HANDLE, MAY_SEE_PATIENTS = "view_inboundtext", "change_inboundtext", "view_user"
WORDS = "My daughter has a fever, what shall I do?"


@pytest.fixture
def desk(db):
    """Sign in somebody of the front desk with these rights and no other."""

    def sign_in(*rights):
        clerk = User.objects.create_user(
            username="rosa@example.com", password=PASSWORD, is_staff=True
        )
        clerk.user_permissions.add(*Permission.objects.filter(codename__in=rights))
        return signed_in(clerk)

    return sign_in


@pytest.fixture
def rosa(desk):
    return desk(MAY_READ, MAY_HANDLE, MAY_SEE_PATIENTS)


def text(words, number=ANAS_NUMBER, *, minutes=0):
    with clock.at(NOON + timedelta(minutes=minutes)):
        reply = Reply(event_key=f"SM{words}{number}", sender=number, text=words)
        incoming.take_reply(channel="sms", reply=reply)
    return InboundText.objects.latest("received_at", "pk")


def page_of(row):
    return reverse("admin:notifications_inboundtext_change", args=[row.pk])


def listed(client, **query):
    return list(client.get(LIST, query).context_data["cl"].result_list)


def handle(client, *rows, **extra):
    chosen = {"action": "mark_handled", "_selected_action": [row.pk for row in rows], **extra}
    return client.post(LIST, chosen)


def looks():
    rows = AuditEvent.objects.filter(action=AuditAction.VIEWED)
    return {row.patient_id for row in rows if row.patient_id}


def test_what_waits_for_a_person_stands_first_and_can_be_asked_for_alone(rosa, ana):
    phone_of(ana)
    old, handled = text("Where do I park?"), text("HELP", minutes=1)
    new = text(WORDS, minutes=2)
    assert listed(rosa) == [new, old, handled]
    assert listed(rosa, state="open") == [new, old]
    assert listed(rosa, state="handled") == [handled]


def test_the_list_names_whose_it_may_be_and_shows_neither_words_nor_number(rosa, ana, ben):
    phone_of(ana)
    phone_of(ben)
    text(WORDS)
    text("Hello?", BENS_NUMBER)
    page = rosa.get(LIST).content.decode()
    assert "Ana Example, Ben Example" in page and "Nobody we know" in page
    assert "***-0142" in page
    assert WORDS not in page and ANAS_NUMBER not in page


@pytest.mark.req("H-02")
def test_who_may_not_see_patients_reads_the_text_and_no_name(desk, ana):
    phone_of(ana)
    row, clerk = text(WORDS), desk(MAY_READ)
    for page in (clerk.get(LIST), clerk.get(page_of(row))):
        assert "Ana" not in page.content.decode()
        assert "A patient you may not see" in page.content.decode()
    assert listed(clerk, q="Ana") == []


@pytest.mark.req("H-02")
def test_without_the_right_there_is_nothing_to_see(desk, ana):
    row, clerk = text(WORDS), desk(MAY_SEE_PATIENTS)
    assert clerk.get(LIST).status_code == 403
    assert clerk.get(page_of(row)).status_code == 403
    assert handle(clerk, row).status_code == 403


@pytest.mark.req("H-06")
def test_reading_a_text_is_one_look_at_each_patient_it_may_be_from(rosa, ana, ben):
    phone_of(ana)
    phone_of(ben)
    row = text(WORDS)
    page = rosa.get(page_of(row)).content.decode()
    assert WORDS in page and ANAS_NUMBER not in page
    seen = AuditEvent.objects.filter(action=AuditAction.VIEWED, object_id=str(row.pk))
    assert {each.patient_id for each in seen} >= {ana.pk, ben.pk}


@pytest.mark.req("H-06")
def test_the_list_is_a_look_at_everybody_it_names(rosa, ana, ben):
    phone_of(ana)
    text(WORDS)
    rosa.get(LIST)
    assert looks() == {ana.pk}


def test_what_we_answered_stands_beside_what_they_wrote(rosa, ana):
    phone_of(ana)
    page = rosa.get(page_of(text("2"))).content.decode()
    assert "We will call you." in page and "Asks for a call" in page


def test_a_text_is_marked_as_handled_after_a_question_and_says_by_whom(rosa, ana):
    phone_of(ana)
    row = text(WORDS)
    assert "1 row is selected" in handle(rosa, row).content.decode()
    row.refresh_from_db()
    assert row.handled_at is None
    assert handle(rosa, row, confirmed="yes").status_code == 302
    row.refresh_from_db()
    clerk = User.objects.get(username="rosa@example.com")
    assert row.handled_at is not None and row.handled_by == f"user:{clerk.pk}"
    changed = AuditEvent.objects.get(action=AuditAction.CHANGED, object_id=str(row.pk))
    assert (changed.patient_id, changed.actor) == (ana.pk, f"user:{clerk.pk}")


def test_who_may_only_read_marks_nothing(desk, ana):
    phone_of(ana)
    row, clerk = text(WORDS), desk(MAY_READ)
    handle(clerk, row, confirmed="yes")
    row.refresh_from_db()
    assert row.handled_at is None


def test_nobody_rewrites_adds_or_deletes_what_a_patient_wrote(desk, ana):
    row = text(WORDS)
    chief = signed_in(User.objects.create_superuser(username="chief@example.com"))
    assert chief.get(reverse("admin:notifications_inboundtext_add")).status_code == 403
    assert chief.post(page_of(row), {"text": "never said"}).status_code == 403
    delete = reverse("admin:notifications_inboundtext_delete", args=[row.pk])
    assert chief.post(delete, {"post": "yes"}).status_code == 403
    row.refresh_from_db()
    assert row.text == WORDS


def test_a_text_is_found_by_a_patients_name_or_by_the_number_typed_whole(rosa, ana, ben):
    phone_of(ana)
    phone_of(ben, BENS_NUMBER)
    anas, bens = text(WORDS), text("Hello?", BENS_NUMBER, minutes=1)
    assert listed(rosa, q="ana example") == [anas]
    assert listed(rosa, q="(212) 555-0143") == [bens]
    assert listed(rosa, q="0143") == []
    assert listed(rosa, q="nobody") == []


def test_a_page_of_many_texts_asks_a_fixed_number_of_questions(
    rosa, ana, ben, django_assert_max_num_queries
):
    phone_of(ana)
    phone_of(ben, BENS_NUMBER)
    for number in range(12):
        text(f"Question {number}?", (ANAS_NUMBER, BENS_NUMBER)[number % 2], minutes=number)
    with django_assert_max_num_queries(16):
        assert len(listed(rosa)) == 12

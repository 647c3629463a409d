"""Calls to make: what the desk does where no message can, and how each of them ends."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission

from notifications import calls, contacts
from notifications.enums import (
    AuditAction,
    CallOutcome,
    CallReason,
    ContactEffect,
    ContactKind,
    DeliveryStatus,
    ErrorKind,
    Reason,
)
from notifications.models import AuditEvent, CallTask, ConfidentialRequest, Delivery
from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service
from notifications.types import ChannelError
from portal.models import User
from tests.clinic import DESK
from tests.conftest import PASSWORD, signed_in
from tests.crowd import side_by_side
from tests.engine import NOON, NotePayload, delivery_of, email_of, phone_of, run, send
from tests.pages import text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LIST = "/admin/notifications/calltask/"
OPEN = f"{LIST}?state=open"
BOUNCED = ChannelError(code="550", kind=ErrorKind.PERMANENT, contact=ContactEffect.NEEDS_UPDATE)


def a_call(patient, key="1", *, reason=CallReason.NOT_REACHED, due_at=NOON, **more) -> CallTask:
    return calls.open_call(patient_id=patient.pk, reason=reason, key=key, due_at=due_at, **more)


@pytest.fixture
def rosa(db):
    """Somebody of the front desk who may see calls and say that they were made."""
    return clerk("rosa@example.com", "view_calltask", "change_calltask")


@pytest.fixture
def desk(rosa):
    return signed_in(rosa)


def clerk(name, *rights):
    made = User.objects.create_user(username=name, password=PASSWORD, is_staff=True)
    made.user_permissions.add(*Permission.objects.filter(codename__in=rights))
    return made


def listed(client, url=OPEN):
    return [row.pk for row in client.get(url).context_data["cl"].result_list]


def press(client, *rows):
    asked = {"action": "mark_called", "index": "0", "confirmed": "yes"}
    return client.post(
        LIST, asked | {"_selected_action": [str(row.pk) for row in rows]}, follow=True
    )


def trail_of(call):
    rows = AuditEvent.objects.filter(action=AuditAction.CALL, object_id=str(call.pk))
    return [(row.details["change"], row.actor) for row in rows.order_by("id")]


# -- the list -------------------------------------------------------------------------------------


def test_the_same_call_is_on_the_list_once(ana):
    first, again = a_call(ana), a_call(ana, due_at=NOON + DAY)
    assert first.pk == again.pk
    assert again.due_at == NOON
    assert trail_of(first) == [("opened", "system:calls")]


def test_the_most_pressing_call_is_first_and_what_is_too_late_last(desk, ana, ben):
    calm = a_call(ana, "calm")
    later = a_call(ana, "later", due_at=NOON + HOUR)
    by_five = a_call(ben, "by five", call_by=NOON + 5 * HOUR)
    by_two = a_call(ana, "by two", call_by=NOON + 2 * HOUR)
    missed = a_call(ben, "missed", due_at=NOON - DAY, call_by=NOON - HOUR)
    a_call(ben, "long ago", due_at=NOON - 10 * DAY, call_by=NOON - 9 * DAY)
    assert listed(desk) == [row.pk for row in (by_two, by_five, calm, missed)]
    assert listed(desk, f"{LIST}?state=later") == [later.pk]


def test_a_row_says_whom_why_until_when_and_at_which_number(desk, ana):
    phone_of(ana)
    a_call(ana, call_by=NOON + 2 * HOUR)
    page = text_of(desk.get(OPEN))
    for said in ("Ana Example", "No message was read or answered", "***-0142", "11/24/2026 2 p.m."):
        assert said in page
    assert "<strong>1</strong> call to make" in text_of(desk.get("/admin/"))


@pytest.mark.req("H-13")
@pytest.mark.parametrize(
    ("wish", "is_only", "shown"),
    [
        (ContactKind.PHONE, False, "Not by phone"),
        (ContactKind.EMAIL, True, "Not by phone"),
        (ContactKind.PHONE, True, "***-0142"),
        (ContactKind.EMAIL, False, "***-0142"),
    ],
)
def test_who_asked_not_to_be_phoned_is_shown_without_a_number(desk, ana, wish, is_only, shown):
    phone_of(ana)
    a_call(ana)
    ConfidentialRequest.objects.create(patient=ana, kind=wish, is_only=is_only, recorded_by=DESK)
    assert shown in text_of(desk.get(OPEN))


@pytest.mark.req("H-13")
def test_a_number_that_was_taken_back_and_given_again_is_still_not_to_be_called(desk, ana):
    number = phone_of(ana)
    who = {"patient_id": ana.pk, "actor": DESK}
    contacts.record_request(**who, kind=ContactKind.PHONE, contact_id=number.pk)
    contacts.remove(**who, contact_id=number.pk)
    phone_of(ana)
    a_call(ana)
    page = text_of(desk.get(OPEN))
    assert "Not by phone" in page and "***-0142" not in page


def test_who_has_called_says_so_once(desk, rosa, ana, ben):
    mine, bens = a_call(ana), a_call(ben, "2")
    assert "1 call marked as made." in text_of(press(desk, mine))
    mine.refresh_from_db()
    actor = f"user:{rosa.pk}"
    assert (mine.outcome, mine.settled_at, mine.settled_by) == (CallOutcome.CALLED, NOON, actor)
    assert listed(desk) == [bens.pk]
    assert "0 calls marked as made." in text_of(press(desk, mine))
    assert trail_of(mine) == [("opened", "system:calls"), ("called", actor)]


def test_who_may_only_look_settles_nothing(ana):
    call = a_call(ana)
    looker = signed_in(clerk("luis@example.com", "view_calltask"))
    assert listed(looker) == [call.pk]
    press(looker, call)
    call.refresh_from_db()
    assert call.settled_at is None
    assert signed_in(clerk("noor@example.com")).get(LIST).status_code == 403


# -- what ends it by itself -----------------------------------------------------------------------


def test_reading_one_message_ends_its_own_call_and_no_other(ana, ben):
    made, other, bens = send(ana), send(ana), send(ben)
    for row in (made, other, bens):
        a_call(User(pk=row.patient_id), str(row.pk), notification=row)
    patient_notification_service.mark_read(patient_id=ana.pk, notification_id=made.pk)
    assert {call.notification_id for call in calls.to_make()} == {other.pk, bens.pk}


def test_what_a_patient_asked_for_is_not_ended_by_reading_or_by_a_moved_visit(ana):
    made = send(ana, subject="appointment:1")
    asked = a_call(ana, reason=CallReason.ASKED, notification=made)
    patient_notification_service.mark_read(patient_id=ana.pk, notification_id=made.pk)
    calls.settle_about(subject="appointment:1", outcome=CallOutcome.CANCELLED)
    assert list(calls.to_make()) == [asked]
    calls.settle_of(patient_id=ana.pk, outcome=CallOutcome.CANCELLED)  # they left the practice
    assert not calls.to_make().exists()


# -- what may not be written ----------------------------------------------------------------------


def keep_from_texting(made):
    """Stand in for the claim that found the patient's request: no texts."""
    Delivery.objects.filter(notification=made, channel="sms").update(
        status=DeliveryStatus.SKIPPED, reason=Reason.CONFIDENTIAL
    )


def reachable(patient, number):
    email_of(patient)
    phone_of(patient, number)


@pytest.mark.req("H-13")
@pytest.mark.parametrize("priority", ["urgent", "high"])
def test_an_urgent_message_that_may_not_be_texted_and_cannot_be_mailed_is_a_call(
    ana, ben, carrier, priority
):
    reachable(ana, "+12125550142")
    reachable(ben, "+12125550143")
    made, bens = (send(each, NotePayload(), priority=priority) for each in (ana, ben))
    keep_from_texting(made)
    carrier.answers = [BOUNCED]
    run()
    assert delivery_of(made, "email").reason == Reason.BOUNCED_HARD
    (call,) = calls.to_make()
    assert (call.patient_id, call.reason) == (ana.pk, CallReason.CONFIDENTIAL)
    assert call.delivery == delivery_of(made, "sms")
    run(at=NOON + DAY)
    assert CallTask.objects.count() == 1
    assert carrier.numbers() == ["+12125550143"]


@pytest.mark.req("H-13")
def test_nobody_calls_about_what_the_email_brought_or_what_can_wait(ana, ben, carrier):
    reachable(ana, "+12125550142")
    brought = send(ana, NotePayload(), priority="urgent")
    can_wait = send(ben, NotePayload())  # Ben has no address at all
    for made in (brought, can_wait):
        keep_from_texting(made)
    run()
    assert not CallTask.objects.exists()


# -- where it is told -----------------------------------------------------------------------------


def test_staff_read_of_the_call_in_the_history_and_the_patient_does_not(ana, ana_client):
    made = send(ana)
    call = a_call(ana, notification=made, call_by=NOON + 2 * HOUR)

    def told():
        lines = patient_notification_service.history(patient_id=ana.pk, notification_id=made.pk)
        return [line.sentence for line in lines if line.kind == "call"]

    assert told() == ["Call to make, until Nov 24, 7:00 PM UTC. No message was read or answered"]
    calls.mark_called(call_id=call.pk, actor=DESK)
    assert told() == ["Called"]
    assert "Called" not in text_of(ana_client.get(f"/notifications/{made.pk}/"))


@pytest.mark.django_db(transaction=True)
def test_who_reads_while_the_desk_ends_the_question_waits_for_nobody_for_ever(ana):
    for number in range(5):
        made = send(ana, subject=f"note:{number}")
        call = a_call(ana, str(number), notification=made)
        side_by_side(
            lambda made=made: patient_notification_service.mark_read(
                patient_id=ana.pk, notification_id=made.pk
            ),
            lambda made=made: notification_scheduler_service.answered(
                subject=made.subject, action="confirm", actor=DESK
            ),
            lambda made=made: notification_scheduler_service.cancel(subject=made.subject),
        )
        call.refresh_from_db()
        assert call.outcome in (CallOutcome.ANSWERED, CallOutcome.CANCELLED)
        assert len(trail_of(call)) == 2

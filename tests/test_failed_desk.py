"""What did not get through waits at the desk: tried again by a person, or marked as dealt with."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from notifications import clock, contacts, delivery
from notifications.enums import AuditAction, ContactEffect, DeliveryStatus, ErrorKind, Reason
from notifications.models import AuditEvent, Delivery
from notifications.types import AnswerLost, ChannelError, Refused
from portal.models import User
from tests.conftest import PASSWORD, signed_in
from tests.engine import BENS_NUMBER, NOON, delivery_of, phone_of, run, send
from tests.pages import text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
LIST = "/admin/notifications/delivery/"
OPEN, HANDLED = f"{LIST}?state=open", f"{LIST}?state=handled"
REFUSED = ChannelError(code="21612", kind=ErrorKind.PERMANENT)
DEAD = ChannelError(code="30005", kind=ErrorKind.PERMANENT, contact=ContactEffect.NEEDS_UPDATE)
LOST = AnswerLost(code="timeout")
DAY = timedelta(days=1)
FAILED, PLANNED = DeliveryStatus.FAILED, DeliveryStatus.PLANNED


@pytest.fixture
def rosa(db):
    """Somebody of the front desk who may see deliveries and act on them, and nothing else."""
    return clerk("rosa@example.com", "view_delivery", "change_delivery")


@pytest.fixture
def desk(rosa):
    return signed_in(rosa)


def clerk(name, *rights):
    made = User.objects.create_user(username=name, password=PASSWORD, is_staff=True)
    made.user_permissions.add(*Permission.objects.filter(codename__in=rights))
    return made


def failed_text(patient, carrier, *, answer=REFUSED, **number):
    """A text to a patient that its carrier refused for good."""
    phone_of(patient, **number)
    carrier.answers = [answer]
    row = delivery_of(send(patient), "sms")
    run()
    row.refresh_from_db()
    assert row.status in (FAILED, DeliveryStatus.UNKNOWN)
    return row


def unsettled_text(patient, carrier):
    """A text nobody can say anything of: the answer was lost, and the carrier cannot be asked."""
    row = failed_text(patient, carrier, answer=LOST)
    with clock.at(NOON + timedelta(minutes=20)):
        delivery.settle()
    row.refresh_from_db()
    assert (row.status, row.reason) == (DeliveryStatus.UNKNOWN, Reason.ANSWER_UNSETTLED)
    return row


def listed(client, url=OPEN):
    return [row.pk for row in client.get(url).context_data["cl"].result_list]


def press(client, action, *rows, confirmed="yes"):
    """Choose an action for rows of the list, and say yes to its question."""
    asked = {"action": action, "index": "0", "_selected_action": [str(row.pk) for row in rows]}
    answered = {"confirmed": confirmed} if confirmed else {}
    return client.post(LIST, asked | answered, follow=True)


def trail_of(row):
    rows = AuditEvent.objects.filter(object_id=str(row.pk)).exclude(action=AuditAction.VIEWED)
    return [(each.action, each.actor, each.details) for each in rows.order_by("at", "id")]


# -- the queue ----------------------------------------------------------------------------------


@pytest.mark.req("R-08")
def test_what_will_never_work_is_one_row_for_the_desk_with_code_reason_and_next_step(
    desk, ana, carrier
):
    row = failed_text(ana, carrier, answer=DEAD)
    assert listed(desk) == [row.pk]
    page = text_of(desk.get(OPEN))
    for said in ("30005", "The address does not exist or does not work", "Fix the address"):
        assert page.count(said) == 1
    assert "this number is not in use" in text_of(desk.get(f"{LIST}{row.pk}/change/"))


def test_a_text_that_may_have_gone_waits_for_a_person_once_asking_was_in_vain(desk, ana, carrier):
    row = failed_text(ana, carrier, answer=LOST)
    assert listed(desk) == []
    with clock.at(NOON + timedelta(minutes=20)):
        delivery.settle()
    assert listed(desk) == [row.pk]
    assert "Call, then mark it as dealt with" in text_of(desk.get(OPEN))


def test_what_was_sent_skipped_or_still_waits_is_not_for_a_person(desk, ana):
    phone_of(ana)
    send(ana)
    assert listed(desk) == []
    run()
    assert listed(desk) == []


def test_what_nobody_dealt_with_for_a_week_is_history(desk, ana, carrier):
    row = failed_text(ana, carrier)
    Delivery.objects.filter(pk=row.pk).update(status_at=clock.now() - 8 * DAY)
    assert listed(desk) == []
    assert row.pk in listed(desk, f"{LIST}?status__exact=failed")


def test_the_first_page_counts_exactly_the_list_it_leads_to(desk, ana, ben, carrier):
    rows = [failed_text(ana, carrier), failed_text(ben, carrier, number=BENS_NUMBER)]
    delivery.mark_handled(delivery_id=rows[0].pk, actor="system:test")
    page = text_of(desk.get("/admin/"))
    assert f'<a href="{OPEN}"><strong>1</strong> message of the last 7 days' in page
    assert listed(desk) == [rows[1].pk]


def test_the_queue_is_found_by_its_index():
    sql = str(delivery.for_a_person().query)
    assert '"status" IN (failed, unknown, expired)' in sql
    assert '"handled_at" IS NULL' in sql


# -- tried again --------------------------------------------------------------------------------


@pytest.mark.req("R-08")
@pytest.mark.req("P-23")
def test_tried_again_it_goes_once_however_often_the_button_is_pressed(desk, ana, carrier):
    row = failed_text(ana, carrier)
    page = text_of(press(desk, "try_again", row))
    assert "1 message is tried again." in page
    assert "Only what failed can be tried again." in text_of(press(desk, "try_again", row))
    run()
    row.refresh_from_db()
    assert (row.status, row.attempts, row.setbacks) == (DeliveryStatus.ACCEPTED, 2, 0)
    assert len(carrier.texts()) == 2
    assert [each.number for each in row.tries.order_by("number")] == [1, 2]


def test_it_goes_at_once_and_not_at_the_next_stroke_of_the_clock(
    ana, carrier, django_capture_on_commit_callbacks
):
    row = failed_text(ana, carrier)
    with django_capture_on_commit_callbacks() as woken:
        delivery.try_again(delivery_id=row.pk, actor="system:test")
    assert len(woken) == 1


@pytest.mark.req("R-08")
@pytest.mark.req("M-06")
def test_who_said_stop_meanwhile_gets_nothing_and_the_row_says_why(desk, ana, carrier):
    row = failed_text(ana, carrier)
    contacts.opt_out(number=row.contact.value["address"], actor="system:test")
    press(desk, "try_again", row)
    run()
    row.refresh_from_db()
    assert (row.status, row.reason) == (DeliveryStatus.SKIPPED, Reason.OPTED_OUT_STOP)
    assert len(carrier.texts()) == 1
    assert listed(desk) == []


def test_a_number_that_does_not_work_is_not_tried_again_until_it_is_mended(desk, ana, carrier):
    row = failed_text(ana, carrier, answer=DEAD)
    press(desk, "try_again", row)
    run()
    row.refresh_from_db()
    assert (row.status, row.reason) == (DeliveryStatus.SKIPPED, Reason.BOUNCED_HARD)
    assert len(carrier.texts()) == 1


def test_what_is_too_late_by_now_is_not_sent(ana, carrier, note):
    phone_of(ana)
    carrier.answers = [REFUSED]
    row = delivery_of(send(ana, note(good_until=NOON + timedelta(hours=1))), "sms")
    run()
    with clock.at(NOON + timedelta(hours=2)):
        delivery.try_again(delivery_id=row.pk, actor="system:test")
        run()
    row.refresh_from_db()
    assert (row.status, row.reason) == (DeliveryStatus.EXPIRED, Reason.EXPIRED)
    assert len(carrier.texts()) == 1


@pytest.mark.req("R-08")
def test_a_text_that_may_have_gone_is_never_sent_again(desk, ana, carrier):
    row = unsettled_text(ana, carrier)
    page = text_of(press(desk, "try_again", row))
    assert "It may have gone, so it is never sent again." in page
    with pytest.raises(Refused):
        delivery.try_again(delivery_id=row.pk, actor="system:test")
    run()
    row.refresh_from_db()
    assert row.reason == Reason.ANSWER_UNSETTLED
    assert len(carrier.texts()) == 1


def test_what_failed_again_waits_for_a_person_again(desk, ana, carrier):
    row = failed_text(ana, carrier)
    press(desk, "mark_handled", row)
    delivery.try_again(delivery_id=row.pk, actor="system:test")
    carrier.answers = [REFUSED]
    run()
    assert listed(desk) == [row.pk]


def test_each_is_dealt_with_by_itself(desk, ana, ben, carrier):
    sent = failed_text(ana, carrier)
    lost = failed_text(ben, carrier, answer=LOST, number=BENS_NUMBER)
    page = text_of(press(desk, "try_again", sent, lost))
    assert "1 message is tried again." in page
    assert "Not changed (1): It may have gone" in page


# -- dealt with ---------------------------------------------------------------------------------


@pytest.mark.req("R-08")
def test_dealt_with_it_leaves_the_list_and_is_found_among_the_others(desk, rosa, ana, carrier):
    row = unsettled_text(ana, carrier)
    page = text_of(press(desk, "mark_handled", row))
    assert "1 message is dealt with." in page
    assert (listed(desk), listed(desk, HANDLED)) == ([], [row.pk])
    page = text_of(desk.get(HANDLED))
    assert "Dealt with on Nov 24" in page
    assert "Call, then mark it as dealt with" not in page
    row.refresh_from_db()
    assert (row.handled_at, row.handled_by) == (NOON, f"user:{rosa.pk}")


def test_dealing_with_it_twice_changes_nothing_and_is_one_row(ana, carrier):
    row = failed_text(ana, carrier)
    before = len(trail_of(row))
    assert delivery.mark_handled(delivery_id=row.pk, actor="system:one")
    with clock.at(NOON + DAY):
        assert not delivery.mark_handled(delivery_id=row.pk, actor="system:two")
    row.refresh_from_db()
    assert (row.handled_at, row.handled_by) == (NOON, "system:one")
    assert len(trail_of(row)) == before + 1


def test_what_got_through_needs_nobody(ana):
    phone_of(ana)
    row = delivery_of(send(ana), "sms")
    run()
    with pytest.raises(Refused):
        delivery.mark_handled(delivery_id=row.pk, actor="system:test")


@pytest.mark.req("H-06")
def test_both_are_one_row_of_the_trail_by_whoever_pressed(desk, rosa, ana, carrier):
    row = failed_text(ana, carrier)
    before, actor = len(trail_of(row)), f"user:{rosa.pk}"
    press(desk, "mark_handled", row)
    press(desk, "try_again", row)
    assert trail_of(row)[before:] == [
        (AuditAction.CHANGED, actor, {"change": "handled"}),
        (AuditAction.STATUS, actor, {"status": "planned", "reason": ""}),
    ]
    assert {each.patient_id for each in AuditEvent.objects.filter(object_id=str(row.pk))} == {
        ana.pk
    }


# -- who may ------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["try_again", "mark_handled"])
def test_nothing_happens_before_the_count_was_confirmed(desk, ana, carrier, action):
    row = failed_text(ana, carrier)
    page = text_of(press(desk, action, row, confirmed=""))
    assert "1 row is selected." in page
    row.refresh_from_db()
    assert (row.status, row.handled_at) == (FAILED, None)


@pytest.mark.req("H-02")
@pytest.mark.parametrize("action", ["try_again", "mark_handled"])
def test_who_may_only_look_sees_no_action_and_can_forge_none(ana, ben, carrier, action):
    looks = signed_in(clerk("lou@example.com", "view_delivery"))
    rows = [failed_text(ana, carrier), failed_text(ben, carrier, number=BENS_NUMBER)]
    page = text_of(looks.get(OPEN))
    assert "Try again" not in page
    assert 'name="action"' not in page
    press(looks, action, *rows)
    for row in rows:
        row.refresh_from_db()
        assert (row.status, row.handled_at) == (FAILED, None)


@pytest.mark.req("H-02")
@pytest.mark.req("P-01")
@pytest.mark.parametrize("action", ["try_again", "mark_handled"])
def test_neither_the_patient_nor_another_nor_a_stranger_can_press_it(
    ana, ana_client, ben_client, client, carrier, action
):
    row = failed_text(ana, carrier)
    for who in (ana_client, ben_client):
        assert press(who, action, row).status_code == 403
    assert "/accounts/login/" in press(client, action, row).redirect_chain[-1][0]
    row.refresh_from_db()
    assert (row.status, row.handled_at) == (FAILED, None)


@pytest.mark.req("H-14")
def test_acting_on_anas_leaves_bens_as_it_is(desk, ana, ben, carrier):
    hers, his = failed_text(ana, carrier), failed_text(ben, carrier, number=BENS_NUMBER)
    press(desk, "mark_handled", hers)
    assert listed(desk) == [his.pk]
    press(desk, "try_again", hers)
    his.refresh_from_db()
    assert (his.status, his.handled_at) == (FAILED, None)


@pytest.mark.req("H-06")
def test_looking_at_the_queue_is_a_look_at_each_patient_on_it(desk, rosa, ana, ben, carrier):
    failed_text(ana, carrier)
    failed_text(ben, carrier, number=BENS_NUMBER)
    desk.get(OPEN)
    seen = AuditEvent.objects.filter(action=AuditAction.VIEWED, actor=f"user:{rosa.pk}")
    assert {row.patient_id for row in seen} == {ana.pk, ben.pk}


def test_a_day_begins_where_the_reader_is(desk, ana, carrier):
    """A list opened at noon holds what failed a week ago in the morning."""
    row = failed_text(ana, carrier)
    morning = timezone.localtime(NOON - 7 * DAY).replace(hour=0, minute=1)
    Delivery.objects.filter(pk=row.pk).update(status_at=morning)
    with timezone.override(morning.tzinfo):
        assert [each.pk for each in delivery.for_a_person()] == [row.pk]

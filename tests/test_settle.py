"""A text whose answer was lost: the carrier is asked, and nothing goes twice."""

from datetime import timedelta

import pytest
from django.conf import settings as configured

from notifications import clock, incoming
from notifications.enums import AttemptResult, ContactStatus, DeliveryStatus, Reason
from notifications.models import ContactPoint, Delivery
from notifications.types import ChannelError, NotSupported, Reply
from portal.notification_types._visit import SETTLES_FOR
from portal.services import reschedule
from tests.clinic import DESK, a_visit
from tests.engine import (
    ANAS_NUMBER,
    BENS_NUMBER,
    NOON,
    NotePayload,
    delivery_of,
    phone_of,
    run,
    send,
    status_of,
)
from tests.forgetful import Fate, Forgetful

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
GAP = timedelta(seconds=float(configured.NOTIFICATIONS_LOOK_UP_SECONDS))
Status = DeliveryStatus
LOST = (Status.UNKNOWN, Reason.ANSWER_UNKNOWN)
AWAY = ChannelError(code="503", kind="transient")


@pytest.fixture(autouse=True)
def forgetful(settings, carrier):
    settings.NOTIFICATIONS_SMS_PROVIDER = "tests.forgetful.Forgetful"
    Forgetful.fresh()
    return Forgetful


def after(*spans: timedelta):
    return NOON + sum(spans, timedelta(0))


def lost_text(patient, fate=Fate.LOST_AFTER, *, number=ANAS_NUMBER, **note):
    """A text to a patient whose answer was lost; looked up by the next run, not by this one."""
    phone_of(patient, number)
    Forgetful.fates.append(fate)
    made = send(patient, NotePayload(**note))
    run()
    return made


def ask_for_an_hour():
    for minute in range(1, 60, 2):
        run(at=after(minute * MINUTE))


# -- the carrier has it -------------------------------------------------------------------------


@pytest.mark.req("W5")
@pytest.mark.req("SLO-3")
@pytest.mark.parametrize(
    ("said", "code", "status", "reason"),
    [
        ("sent", "", Status.ACCEPTED, ""),
        ("delivered", "", Status.DELIVERED, ""),
        ("undelivered", "30005", Status.FAILED, Reason.BOUNCED_HARD),
    ],
)
def test_a_text_the_carrier_has_is_adopted_and_stands_as_the_carrier_says(
    ana, ben, forgetful, said, code, status, reason
):
    made = lost_text(ana)
    assert status_of(made, "sms") == LOST
    forgetful.book[0].status, forgetful.book[0].code = said, code
    bens = phone_of(ben, BENS_NUMBER)
    other = send(ben)
    run(at=after(MINUTE))
    assert status_of(made, "sms") == (status, reason)
    assert delivery_of(made, "sms").provider_id == forgetful.book[0].sid
    assert [each.number for each in forgetful.book] == [ANAS_NUMBER, BENS_NUMBER]
    assert status_of(other, "sms") == (Status.ACCEPTED, "")
    flagged = ContactPoint.objects.filter(status=ContactStatus.NEEDS_UPDATE)
    assert [each.patient_id for each in flagged] == ([ana.pk] if code else [])
    bens.refresh_from_db()
    assert bens.status == ContactStatus.ACTIVE


@pytest.mark.req("W5")
def test_an_adopted_text_goes_on_as_any_other(ana, forgetful):
    made = lost_text(ana)
    run(at=after(MINUTE))
    row = delivery_of(made, "sms")
    assert (row.status, row.settle_at) == (Status.ACCEPTED, after(MINUTE, DAY))
    forgetful.book[0].status = "delivered"
    run(at=after(MINUTE, DAY))
    assert status_of(made, "sms") == (Status.DELIVERED, "")
    assert forgetful.asked[-1] == (ANAS_NUMBER, forgetful.book[0].sid)


# -- the carrier has nothing --------------------------------------------------------------------


@pytest.mark.req("W5")
def test_a_hasty_not_found_is_caught_by_the_second_look(ana, forgetful):
    made = lost_text(ana)
    forgetful.hides = 1
    run(at=after(MINUTE))
    assert status_of(made, "sms") == LOST
    run(at=after(MINUTE, GAP - timedelta(seconds=1)))
    assert len(forgetful.asked) == 1
    run(at=after(MINUTE, GAP))
    assert status_of(made, "sms") == (Status.ACCEPTED, "")
    assert len(forgetful.book) == 1


@pytest.mark.req("W4")
@pytest.mark.req("R-04")
def test_a_text_that_is_not_found_twice_goes_exactly_once_more(ana, ben, forgetful):
    made = lost_text(ana, Fate.LOST_BEFORE)
    phone_of(ben, BENS_NUMBER)
    bens = send(ben)
    for minute in range(1, 30):
        run(at=after(minute * MINUTE))
    assert status_of(made, "sms") == status_of(bens, "sms") == (Status.ACCEPTED, "")
    assert sorted(each.number for each in forgetful.book) == [ANAS_NUMBER, BENS_NUMBER]
    results = delivery_of(made, "sms").tries.order_by("number").values_list("result", flat=True)
    assert list(results) == [AttemptResult.NEVER_ARRIVED, AttemptResult.ACCEPTED]
    assert len(forgetful.asked) == 2


def test_a_text_that_is_lost_again_is_looked_for_twice_again(ana, forgetful):
    made = lost_text(ana, Fate.LOST_BEFORE)
    forgetful.fates = [Fate.LOST_AFTER]
    forgetful.hides = 3
    for minute in range(1, 30):
        run(at=after(minute * MINUTE))
    assert status_of(made, "sms") == (Status.ACCEPTED, "")
    assert len(forgetful.book) == 1


@pytest.mark.req("M-07")
def test_a_stop_meanwhile_is_heard_before_it_goes_again(ana, ben, forgetful):
    made = lost_text(ana, Fate.LOST_BEFORE)
    bens = lost_text(ben, Fate.LOST_BEFORE, number=BENS_NUMBER)
    stop = Reply(event_key="stop", sender=ANAS_NUMBER, text="STOP")
    incoming.take_reply(channel="sms", reply=stop)
    ask_for_an_hour()
    assert status_of(made, "sms") == (Status.SKIPPED, Reason.OPTED_OUT_STOP)
    assert status_of(bens, "sms") == (Status.ACCEPTED, "")
    assert [each.number for each in forgetful.book] == [BENS_NUMBER]


@pytest.mark.req("R-10")
def test_what_is_too_late_meanwhile_does_not_go_again(ana, ben, forgetful):
    made = lost_text(ana, Fate.LOST_BEFORE, good_until=after(2 * MINUTE))
    bens = lost_text(ben, Fate.LOST_BEFORE, number=BENS_NUMBER, good_until=after(2 * HOUR))
    ask_for_an_hour()
    assert status_of(made, "sms") == (Status.EXPIRED, Reason.EXPIRED)
    assert status_of(bens, "sms") == (Status.ACCEPTED, "")
    assert [each.number for each in forgetful.book] == [BENS_NUMBER]


@pytest.mark.req("R-10")
def test_a_visit_that_moved_meanwhile_is_not_told_of_again(ana, location, provider, forgetful):
    phone_of(ana)
    forgetful.fates = [Fate.LOST_BEFORE]
    with clock.at(after(-SETTLES_FOR)):
        visit = a_visit(ana, after(10 * DAY), location=location, provider=provider)
    run()
    booked = Delivery.objects.get(notification__subject=visit.subject, channel="sms")
    assert booked.status == Status.UNKNOWN
    reschedule(
        appointment_id=visit.pk,
        starts_at=after(11 * DAY),
        ends_at=after(11 * DAY, HOUR),
        actor=DESK,
    )
    ask_for_an_hour()
    booked.refresh_from_db()
    assert (booked.status, booked.reason) == (Status.CANCELLED, Reason.CANCELLED)
    [moved] = forgetful.book
    assert moved.delivery != str(booked.pk)


# -- who cannot be asked ------------------------------------------------------------------------


@pytest.mark.req("H-18")
def test_what_the_carrier_keeps_nothing_of_is_never_sent_again_and_left_to_a_person(
    ana, ben, forgetful
):
    made = lost_text(ana)
    phone_of(ben, BENS_NUMBER)
    forgetful.refuses = NotSupported()
    bens = send(ben)
    run(at=after(14 * MINUTE))
    assert status_of(made, "sms") == LOST
    run(at=after(17 * MINUTE))
    assert status_of(made, "sms") == (Status.UNKNOWN, Reason.ANSWER_UNSETTLED)
    run(at=after(2 * DAY))
    assert [each.number for each in forgetful.book] == [ANAS_NUMBER, BENS_NUMBER]
    assert status_of(made, "sms") == (Status.UNKNOWN, Reason.ANSWER_UNSETTLED)
    assert status_of(bens, "sms")[0] == Status.ACCEPTED


@pytest.mark.req("W5")
def test_a_carrier_that_is_away_is_asked_again_until_it_answers(ana, forgetful):
    made = lost_text(ana)
    forgetful.refuses = AWAY
    for hour in range(1, 20):
        run(at=after(hour * HOUR))
    assert status_of(made, "sms") == LOST
    forgetful.refuses = None
    run(at=after(20 * HOUR))
    assert status_of(made, "sms") == (Status.ACCEPTED, "")
    assert len(forgetful.book) == 1


@pytest.mark.req("W5")
def test_a_carrier_that_is_away_for_a_day_leaves_it_to_a_person(ana, forgetful):
    made = lost_text(ana)
    forgetful.refuses = AWAY
    run(at=after(DAY - MINUTE))
    assert status_of(made, "sms") == LOST
    run(at=after(DAY, 2 * MINUTE))
    assert status_of(made, "sms") == (Status.UNKNOWN, Reason.ANSWER_UNSETTLED)
    forgetful.refuses = None
    run(at=after(DAY, HOUR))
    assert len(forgetful.book) == 1


# -- taken, and nothing heard since -------------------------------------------------------------


@pytest.mark.req("R-15")
@pytest.mark.parametrize(
    ("priority", "patience"), [("urgent", 15 * MINUTE), ("medium", DAY)], ids=str
)
def test_a_text_without_a_receipt_is_asked_after(ana, ben, forgetful, priority, patience):
    phone_of(ana)
    phone_of(ben, BENS_NUMBER)
    made, bens = send(ana, priority=priority), send(ben, priority=priority)
    run()
    run(at=after(patience - timedelta(seconds=1)))
    assert not forgetful.asked
    forgetful.text_of(delivery_of(made, "sms").pk).status = "delivered"
    run(at=after(patience))
    assert status_of(made, "sms") == (Status.DELIVERED, "")
    assert {number for number, _sid in forgetful.asked} == {ANAS_NUMBER, BENS_NUMBER}
    run(at=after(DAY, HOUR))
    run(at=after(2 * DAY))
    assert status_of(bens, "sms") == (Status.ACCEPTED, Reason.NO_RECEIPT)
    asked = len(forgetful.asked)
    run(at=after(3 * DAY))
    assert len(forgetful.asked) == asked

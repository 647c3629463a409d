"""An e-mail or push whose answer was lost: a second copy does little harm, so it goes once more."""

from datetime import timedelta

import pytest

from notifications.enums import DeliveryStatus, Reason
from notifications.models import Delivery
from notifications.types import AnswerLost
from tests.engine import (
    NOON,
    NotePayload,
    Told,
    ToldMail,
    delivery_of,
    device_of,
    email_of,
    run,
    send,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
Status = DeliveryStatus


def after(*spans: timedelta):
    return NOON + sum(spans, timedelta(0))


@pytest.mark.req("W5")
@pytest.mark.parametrize("channel", ["email", "push"])
def test_an_email_or_push_goes_once_more_after_ten_minutes(ana, ben, carrier, channel):
    rows = [lost_otherwise(each, channel) for each in (ana, ben)]
    assert {row.status for row in rows} == {Status.UNKNOWN}
    run(at=after(10 * MINUTE - timedelta(seconds=1)))
    assert handed(channel) == 2
    run(at=after(10 * MINUTE))
    assert handed(channel) == 4
    carrier.answers = []
    run(at=after(DAY))
    assert handed(channel) == 4
    assert {row.status for row in refreshed(rows)} == {Status.ACCEPTED}


@pytest.mark.req("R-10")
@pytest.mark.parametrize("channel", ["email", "push"])
def test_an_email_or_push_does_not_go_once_more_when_it_is_too_late(ana, channel):
    row = lost_otherwise(ana, channel, good_until=after(10 * MINUTE))
    run(at=after(10 * MINUTE))
    run(at=after(HOUR))
    [row] = refreshed([row])
    assert handed(channel) == 1
    assert (row.status, row.reason) == (Status.UNKNOWN, Reason.ANSWER_UNSETTLED)


def lost_otherwise(patient, channel, **note):
    email_of(patient) if channel == "email" else device_of(patient, f"https://p.example/{patient}")
    Told.answers = [AnswerLost(code="timeout")]
    made = send(patient, NotePayload(**note))
    run()
    return delivery_of(made, channel)


def handed(channel: str) -> int:
    if channel == "email":
        return len(ToldMail.handed)
    return len([each for each, _to, _words in Told.handed if each == channel])


def refreshed(rows):
    return [Delivery.objects.get(pk=row.pk) for row in rows]

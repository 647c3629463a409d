"""When a carrier says no: tried again with patience, given up with a reason."""

from collections import Counter
from datetime import timedelta

import pytest

from notifications import clock, switches
from notifications.delivery.meanings import next_try
from notifications.enums import (
    AttemptResult,
    AuditAction,
    ContactStatus,
    DeliveryStatus,
    ErrorKind,
    Reason,
)
from notifications.models import AuditEvent, Delivery, DeliveryAttempt
from notifications.types import ChannelError, SendResult
from tests.clinic import DESK
from tests.engine import (
    BENS_NUMBER,
    NOON,
    NotePayload,
    delivery_of,
    phone_of,
    run,
    said_to_patient,
    send,
    status_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
BUSY = ChannelError(code="30003", kind=ErrorKind.TRANSIENT)
NO_LOGIN = ChannelError(code="20003", kind=ErrorKind.CONFIGURATION)
FAILED, PLANNED = DeliveryStatus.FAILED, DeliveryStatus.PLANNED


def after(minutes: float):
    return NOON + minutes * MINUTE


def attempts_of(notification, channel="sms"):
    rows = DeliveryAttempt.objects.filter(
        delivery__notification=notification, delivery__channel=channel
    )
    return list(rows.order_by("number"))


def test_a_busy_carrier_is_asked_again_and_the_text_goes_once(ana, carrier):
    phone_of(ana)
    carrier.answers = [BUSY]
    made = send(ana)
    run()
    assert status_of(made, "sms") == (PLANNED, Reason.SOFT_FAIL)
    run(at=after(1))
    assert status_of(made, "sms") == (DeliveryStatus.ACCEPTED, "")
    assert [(each.result, each.code) for each in attempts_of(made)] == [
        (AttemptResult.UNAVAILABLE, "30003"),
        (AttemptResult.ACCEPTED, ""),
    ]
    assert said_to_patient(made, "sms")[-1] == "Sent"


def test_until_the_next_try_the_timeline_says_when_it_is(ana, carrier):
    phone_of(ana)
    carrier.answers = [ChannelError(code="429", kind=ErrorKind.TRANSIENT, retry_after=9 * MINUTE)]
    made = send(ana)
    run()
    assert said_to_patient(made, "sms") == [
        "Planned. Not accepting messages now; trying again 12:09 PM EST"
    ]


def test_a_carrier_that_asks_for_patience_gets_exactly_that(ana, carrier):
    phone_of(ana)
    carrier.answers = [ChannelError(code="429", kind=ErrorKind.TRANSIENT, retry_after=9 * MINUTE)]
    send(ana)
    run()
    run(at=after(9) - SECOND)
    assert len(carrier.texts()) == 1
    run(at=after(9))
    assert len(carrier.texts()) == 2


@pytest.mark.req("R-06")
def test_after_eight_tries_a_message_has_failed_and_is_left_alone(ana, ben, carrier):
    phone_of(ana)
    phone_of(ben, BENS_NUMBER)
    carrier.answers = [SendResult(), BUSY] * 12
    made = send(ana)
    for tries in range(12):
        send(ben, priority="urgent")  # the carrier works: it is this one text
        run(at=after(20 * tries))
    assert status_of(made, "sms") == (FAILED, Reason.PROVIDER_ERROR)
    assert len(attempts_of(made)) == 8
    assert said_to_patient(made, "sms")[-1] == "Failed. Our provider had a problem"


@pytest.mark.req("R-06")
def test_a_thousand_failures_are_spread_out_and_none_waits_too_long(ana):
    """Full jitter: anywhere up to 5 s x 2^n, so that a carrier coming back is not run over."""
    for tries, longest in [(1, 10), (2, 20), (5, 160), (7, 640)]:
        row = Delivery(attempts=tries)
        waits = [
            (next_try(row, BUSY, setbacks=tries) - NOON).total_seconds() for _each in range(1000)
        ]
        assert 0 <= min(waits) <= max(waits) <= longest
        tenths = Counter(int(wait * 10 // longest) for wait in waits)
        assert all(50 < tenths[tenth] < 160 for tenth in range(10)), tenths
    assert next_try(Delivery(attempts=8), BUSY, setbacks=8) is None


@pytest.mark.req("R-06")
def test_no_try_is_planned_past_the_time_to_act(ana, carrier):
    phone_of(ana)
    patient = ChannelError(code="429", kind=ErrorKind.TRANSIENT, retry_after=60 * MINUTE)
    carrier.answers = [patient]
    made = send(ana, NotePayload(good_until=after(30)))
    run()
    assert status_of(made, "sms")[0] == FAILED
    run(at=after(61))
    assert len(carrier.texts()) == 1


# -- when our own set-up is wrong ---------------------------------------------------------------


def test_a_wrong_password_of_ours_costs_one_call_and_blames_nobodys_address(ana, ben, carrier):
    number = phone_of(ana)
    phone_of(ben, BENS_NUMBER)
    carrier.answers = [NO_LOGIN]
    made, next_one = send(ana), send(ben)
    for minutes in (0, 1, 30):
        run(at=after(minutes))
    number.refresh_from_db()
    assert number.status == ContactStatus.ACTIVE
    assert len(carrier.texts()) == 1
    assert status_of(made, "sms") == (PLANNED, Reason.CHANNEL_PAUSED)
    assert status_of(next_one, "sms") == (PLANNED, "")
    with clock.at(after(31)):
        switches.resume(channel="sms", actor=DESK)
        run()
    for each in (made, next_one):
        assert status_of(each, "sms") == (DeliveryStatus.ACCEPTED, "")


def test_a_set_up_that_stays_wrong_says_so(ana, carrier):
    phone_of(ana)
    carrier.answers = [NO_LOGIN] * 8
    made = send(ana)
    for tries in range(8):
        with clock.at(after(tries)):
            switches.resume(channel="sms", actor=DESK)
            run()
    assert status_of(made, "sms") == (FAILED, Reason.CHANNEL_OFF)


# -- what is written down -----------------------------------------------------------------------


@pytest.mark.req("R-04")
def test_each_try_is_written_before_the_call(ana, carrier):
    phone_of(ana)
    seen = []

    def looks_at_the_table():
        seen.extend(DeliveryAttempt.objects.values_list("result", flat=True))
        return SendResult()

    carrier.answers = [looks_at_the_table]
    send(ana)
    run()
    assert seen == [AttemptResult.STARTED]


def test_a_carrier_that_answers_nothing_at_all_leaves_it_unknown(ana, ben, carrier):
    phone_of(ana)
    phone_of(ben, BENS_NUMBER)
    carrier.answers = [lambda: None]
    silent, heard = send(ana), send(ben)
    run()
    assert status_of(silent, "sms") == (DeliveryStatus.UNKNOWN, Reason.ANSWER_UNKNOWN)
    assert status_of(heard, "sms") == (DeliveryStatus.ACCEPTED, "")


@pytest.mark.req("H-06")
def test_each_outcome_leaves_one_audit_row_without_words_or_address(ana, carrier):
    phone_of(ana)
    carrier.answers = [BUSY]
    made = send(ana)
    run()
    run(at=after(1))
    rows = AuditEvent.objects.filter(object_id=str(delivery_of(made, "sms").pk)).order_by("id")
    assert [(row.action, row.details["status"]) for row in rows] == [
        (AuditAction.STATUS, "planned"),
        (AuditAction.SENT, "accepted"),
    ]
    assert "5550142" not in str([row.details for row in rows])

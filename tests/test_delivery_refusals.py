"""What will never work: the address is marked, and nobody tries it again."""

import smtplib
from datetime import timedelta

import pytest

from notifications.enums import (
    ContactEffect,
    ContactStatus,
    DeliveryStatus,
    ErrorKind,
    Reason,
)
from notifications.types import ChannelError
from tests.engine import (
    NOON,
    ToldMail,
    device_of,
    email_of,
    phone_of,
    run,
    send,
    status_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
DEAD = ChannelError(code="30005", kind=ErrorKind.PERMANENT, contact=ContactEffect.NEEDS_UPDATE)
STOPPED = ChannelError(code="21610", kind=ErrorKind.PERMANENT, contact=ContactEffect.OPTED_OUT)
GONE = ChannelError(code="410", kind=ErrorKind.PERMANENT, contact=ContactEffect.REMOVED)
FAILED = DeliveryStatus.FAILED


@pytest.mark.req("M-14")
def test_a_dead_number_is_marked_and_the_next_message_does_not_try_it(ana, carrier):
    number = phone_of(ana)
    carrier.answers = [DEAD]
    first = send(ana)
    run()
    assert status_of(first, "sms") == (FAILED, Reason.BOUNCED_HARD)
    number.refresh_from_db()
    assert (number.status, number.status_reason) == (ContactStatus.NEEDS_UPDATE, "30005")
    second = send(ana)
    run()
    assert status_of(second, "sms") == (DeliveryStatus.SKIPPED, Reason.BOUNCED_HARD)
    assert len(carrier.texts()) == 1


@pytest.mark.req("M-14")
def test_an_email_that_does_not_exist_is_marked_and_the_next_message_does_not_try_it(ana, carrier):
    email_of(ana)
    carrier.answers = [smtplib.SMTPRecipientsRefused({"ana@example.com": (550, b"no such user")})]
    first = send(ana)
    run()
    assert status_of(first, "email") == (FAILED, Reason.BOUNCED_HARD)
    second = send(ana)
    run()
    assert status_of(second, "email") == (DeliveryStatus.SKIPPED, Reason.BOUNCED_HARD)
    assert len(ToldMail.handed) == 1


@pytest.mark.req("R-08")
def test_what_failed_is_not_tried_again_by_itself(ana, carrier):
    phone_of(ana)
    carrier.answers = [DEAD]
    send(ana)
    run()
    for days in range(3):
        run(at=NOON + timedelta(days=days))
    assert len(carrier.texts()) == 1


@pytest.mark.req("M-06")
def test_a_carrier_that_knows_of_a_stop_we_missed_is_believed(ana, carrier):
    number = phone_of(ana)
    carrier.answers = [STOPPED]
    made = send(ana)
    run()
    number.refresh_from_db()
    assert number.status == ContactStatus.OPTED_OUT
    assert status_of(made, "sms") == (FAILED, Reason.OPTED_OUT_STOP)


def test_a_device_that_is_gone_is_forgotten(ana, carrier):
    device = device_of(ana)
    carrier.answers = [GONE]
    made = send(ana)
    run()
    device.refresh_from_db()
    assert device.status == ContactStatus.REMOVED
    assert status_of(made, "push") == (FAILED, Reason.PUSH_GONE)


def test_a_number_that_serves_two_patients_is_marked_for_the_one_it_was_tried_for(
    ana, ben, carrier
):
    anas, bens = phone_of(ana), phone_of(ben)
    carrier.answers = [DEAD]
    send(ana)
    run()
    anas.refresh_from_db()
    bens.refresh_from_db()
    assert (anas.status, bens.status) == (ContactStatus.NEEDS_UPDATE, ContactStatus.ACTIVE)

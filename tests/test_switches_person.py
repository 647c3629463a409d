"""A set-up that is wrong, and a hold of everything: both end when a person says so."""

from datetime import timedelta

import pytest

from notifications import clock, incoming, switches
from notifications.enums import Action, DeliveryStatus, ErrorKind, Reason
from notifications.models import AuditEvent, Delivery
from notifications.providers import twilio_calls
from notifications.services import patient_notification_service
from notifications.types import ChannelError
from tests.clinic import DESK
from tests.crowd import patients_with_phones
from tests.engine import (
    BENS_NUMBER,
    NOON,
    NotePayload,
    Told,
    ToldMail,
    delivery_of,
    device_of,
    email_of,
    phone_of,
    run,
    send,
    status_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NO_LOGIN = ChannelError(code="20003", kind=ErrorKind.CONFIGURATION)
Status = DeliveryStatus


def runs(*, hours: int):
    for minute in range(1, hours * 60, 7):
        run(at=NOON + minute * MINUTE)


def resume(channel: str, *, at):
    with clock.at(at):
        assert switches.resume(channel=channel, actor=DESK)
        run()


@pytest.fixture
def alarms(caplog):
    """The alarms of paused channels."""
    return lambda: [line for line in caplog.messages if "is paused" in line]


# -- a set-up that is wrong ---------------------------------------------------------------------


@pytest.mark.req("R-07")
def test_a_wrong_password_costs_one_call_and_one_alarm_and_other_channels_go_on(
    location, carrier, alarms
):
    people = patients_with_phones(location, 6)
    for patient in people:
        email_of(patient)
    carrier.answers = [NO_LOGIN]
    made = [send(patient) for patient in people]
    first = delivery_of(made[0], "sms")
    Delivery.objects.filter(pk=first.pk).update(due_at=NOON - MINUTE)  # the first call is a text's
    run()
    runs(hours=6)
    assert len(carrier.texts()) == 1
    assert alarms() == ["channel sms is paused: its carrier answers 20003"]
    assert {status_of(each, "email") for each in made} == {(Status.ACCEPTED, "")}
    assert {status_of(each, "sms")[0] for each in made} == {Status.PLANNED}
    first.refresh_from_db()
    assert (first.attempts, first.reason) == (1, Reason.CHANNEL_PAUSED)
    resume("sms", at=NOON + 7 * HOUR)
    assert {status_of(each, "sms") for each in made} == {(Status.ACCEPTED, "")}
    assert len(carrier.texts()) == 1 + len(people)


@pytest.mark.req("M-13")
@pytest.mark.req("R-07")
def test_an_unregistered_sender_pauses_texts_and_what_was_refused_is_not_said_again(
    ana, ben, carrier, alarms
):
    phone_of(ana)
    phone_of(ben, BENS_NUMBER)
    made = send(ana)
    run()
    row = delivery_of(made, "sms")
    refused = twilio_calls.receipt("told", said="failed", code="30034", delivery_id=row.pk, raw={})
    incoming.take_receipts(channel="sms", receipts=[refused])
    assert status_of(made, "sms") == (Status.FAILED, Reason.CHANNEL_OFF)
    assert len(alarms()) == 1
    waiting = send(ben)
    runs(hours=3)
    assert status_of(waiting, "sms")[0] == Status.PLANNED
    assert len(carrier.texts()) == 1
    resume("sms", at=NOON + 4 * HOUR)
    assert carrier.numbers()[1:] == [BENS_NUMBER]
    assert status_of(made, "sms") == (Status.FAILED, Reason.CHANNEL_OFF)
    assert status_of(waiting, "sms") == (Status.ACCEPTED, "")


@pytest.mark.req("R-10")
def test_what_is_too_late_on_a_paused_channel_is_settled_and_never_sent(ana, ben, carrier):
    phone_of(ana)
    phone_of(ben, BENS_NUMBER)
    switches.pause(channel="sms", code="20003", actor=DESK)
    late = send(ana, NotePayload(good_until=NOON + HOUR))
    in_time = send(ben, NotePayload(good_until=NOON + 9 * HOUR))
    run(at=NOON + HOUR - MINUTE)
    assert status_of(late, "sms")[0] == Status.PLANNED
    run(at=NOON + HOUR)
    assert status_of(late, "sms") == (Status.EXPIRED, Reason.EXPIRED)
    resume("sms", at=NOON + 2 * HOUR)
    assert carrier.numbers() == [BENS_NUMBER]
    assert status_of(in_time, "sms") == (Status.ACCEPTED, "")


def test_a_channel_that_is_paused_twice_raises_one_alarm(alarms):
    assert switches.pause(channel="sms", code="20003", actor=DESK)
    assert not switches.pause(channel="sms", code="30034", actor=DESK)
    assert len(alarms()) == 1
    assert AuditEvent.objects.filter(action="switch").count() == 1


# -- everything ---------------------------------------------------------------------------------


@pytest.fixture
def held(ana, ben, carrier):
    """Ana and Ben can be reached on every channel, and nothing may leave."""
    for patient, number in ((ana, "+12125550142"), (ben, BENS_NUMBER)):
        phone_of(patient, number)
        email_of(patient)
        device_of(patient, f"https://push.example/{number}")
    switches.hold(actor=DESK, why="a backup was put back")
    return [send(ana), send(ben, priority="urgent")]


@pytest.mark.req("SLO-9")
def test_while_everything_is_held_nothing_leaves_and_the_inbox_gets_it(ana, held):
    run()
    runs(hours=6)
    assert Told.handed == ToldMail.handed == []
    for made in held:
        assert status_of(made, "in_app") == (Status.DELIVERED, "")
    assert patient_notification_service.unread_count(patient_id=ana.pk) == 1
    assert switches.lift(actor=DESK)
    run(at=NOON + 7 * HOUR)
    assert len(ToldMail.handed) == 2
    assert sorted(channel for channel, _to, _words in Told.handed) == ["push"] * 2 + ["sms"] * 2


@pytest.mark.req("SLO-9")
def test_while_everything_is_held_whoever_asks_is_told_so(ana, held):
    ids = {"patient_id": ana.pk, "notification_id": held[0].pk}
    said = {each.channel: each.gates for each in patient_notification_service.explain(**ids)}
    for channel in ("email", "sms", "push"):
        objections = [reason for _gate, reason in said[channel] if reason]
        assert objections == [Reason.ALL_HELD]
    shown = patient_notification_service.preview(patient_id=ana.pk, payload=NotePayload.example())
    outside = {each.channel: each.decision for each in shown if each.channel != "in_app"}
    assert {each.action for each in outside.values()} == {Action.HOLD}
    assert {each.reason for each in outside.values()} == {Reason.ALL_HELD}
    assert set(outside) == {"email", "sms", "push"}

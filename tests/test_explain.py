"""`manage.py explain`: an engineer is asked why Ana got no text, and reads no text to find out."""

import io
import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from notifications import clock, contacts, preferences
from notifications.enums import (
    CarrierEventKind,
    ContactStatus,
    ErrorKind,
    EventOutcome,
    Reason,
)
from notifications.incoming import keeping
from notifications.models import AuditEvent
from notifications.services import patient_notification_service as service
from notifications.types import ChannelError
from tests.clinic import DESK, wall
from tests.engine import ANAS_NUMBER, NOON, delivery_of, email_of, phone_of, run, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
BUSY = ChannelError(code="30003", kind=ErrorKind.TRANSIENT)
BODY = "Your results are in"


def explain(notification, *options: str) -> str:
    said = io.StringIO()
    call_command("explain", str(getattr(notification, "pk", notification)), *options, stdout=said)
    return said.getvalue()


def channel(notification, key: str) -> dict:
    found = json.loads(explain(notification, "--json"))["deliveries"]
    return next(each for each in found if each["channel"] == key)


def gates(delivery: dict) -> dict[str, str]:
    return {each["gate"]: each["objection"] for each in delivery["gates"]}


def test_it_says_of_each_channel_where_it_stands_why_and_what_to_do(ana):
    email_of(ana)
    phone_of(ana, agreed=False)
    made = send(ana)
    run()
    said = explain(made)
    assert f"Notification {made.pk}\n  note, medium, made 2026-11-24T12:00:00-05:00" in said
    assert "In-app: Delivered" in said
    assert "Email to a***@example.com: Sent" in said
    assert "Text to ***-0142: Not sent. No consent to texts recorded" in said
    assert "reason no_consent. Next step: Record consent" in said
    assert "Push: Not sent. Push is not turned on anywhere" in said


def test_the_gates_come_in_the_order_they_are_asked_and_the_one_that_objects_is_named(ana):
    phone_of(ana)
    preferences.change(patient_id=ana.pk, type_key="note", changes={"sms": False}, actor=DESK)
    made = send(ana)
    run()
    asked = gates(channel(made, "sms"))
    assert list(asked)[:3] == ["in_time", "still_here", "readable"]
    assert [name for name, objection in asked.items() if objection] == ["wanted"]
    said = " ".join(explain(made).split())
    assert "address_known, address_allowed no, pref_off: wanted pass: address_works," in said


def test_gates_are_told_as_they_stand_now_and_the_reason_as_it_was_then(ana):
    phone_of(ana, agreed=False)
    made = send(ana)
    run()
    phone_of(ana)
    text = channel(made, "sms")
    assert text["reason"] == Reason.NO_CONSENT
    assert not any(gates(text).values())


def test_every_try_is_there_with_the_carriers_code(ana, carrier):
    phone_of(ana)
    carrier.answers = [BUSY]
    made = send(ana)
    run()
    waiting = channel(made, "sms")
    assert (waiting["status"], waiting["reason"]) == ("planned", "soft_fail")
    run(at=NOON + timedelta(minutes=1))
    tries = channel(made, "sms")["tries"]
    assert [(each["number"], each["result"], each["code"]) for each in tries] == [
        (1, "unavailable", "30003"),
        (2, "accepted", ""),
    ]


def test_what_carriers_called_with_is_listed_with_what_it_led_to(ana):
    phone_of(ana)
    made = send(ana)
    run()
    row = delivery_of(made, "sms")
    for key, outcome in (("a", EventOutcome.APPLIED), ("b", EventOutcome.NOTHING_NEW)):
        event = keeping.keep(
            channel="sms",
            kind=CarrierEventKind.RECEIPT,
            key=key,
            content={"To": ANAS_NUMBER, "Body": BODY},
            delivery_id=row.pk,
        )
        keeping.settle(event, outcome)
    keeping.keep(
        channel="sms", kind=CarrierEventKind.RECEIPT, key="c", content={}, delivery_id=row.pk
    )
    at = "2026-11-24T12:00:00-05:00"
    assert channel(made, "sms")["receipts"] == [
        {"kind": "receipt", "outcome": "applied", "at": at},
        {"kind": "receipt", "outcome": "nothing_new", "at": at},
        {"kind": "receipt", "outcome": "", "at": at},
    ]
    assert f"receipt  {at}  still to be looked at" in explain(made)


def test_times_are_those_of_the_patients_own_clock(ana):
    phone_of(ana)
    with clock.at(wall("2026-11-24 23:30")):
        made = send(ana)
        run()
        text = channel(made, "sms")
    assert text["sentence"] == "Held until 8:00 AM EST (patient's quiet hours)"
    assert text["due_at"] == "2026-11-25T08:00:00-05:00"


def test_what_the_patient_did_is_told_too(ana, note):
    made = send(ana)
    service.act(patient_id=ana.pk, notification_id=made.pk, action="confirm")
    assert "  acted 2026-11-24T12:00:00-05:00 confirm" in explain(made).splitlines()


@pytest.mark.req("CANARY")
def test_no_body_and_no_whole_address_is_printed(ana, note):
    email_of(ana)
    phone_of(ana)
    made = send(ana, note(text=BODY, reference="canary"))
    run()
    for said in (explain(made), explain(made, "--json")):
        for private in (BODY, "canary", ana.email, ANAS_NUMBER, ana.first_name, ana.last_name):
            assert private not in said


@pytest.mark.req("H-06")
def test_a_look_by_command_is_a_row_of_the_trail(ana):
    made = send(ana)
    explain(made)
    rows = AuditEvent.objects.filter(action="viewed", patient_id=ana.pk)
    assert [(row.actor, row.object_id) for row in rows] == [("system:explain", str(made.pk))]


@pytest.mark.parametrize("wrong", ["", "7", str(uuid4())])
def test_an_unknown_id_is_a_sentence_and_exit_code_one(wrong):
    with pytest.raises(CommandError, match=f"no notification with the id {wrong}") as refused:
        explain(wrong)
    assert refused.value.returncode == 1


def test_a_number_that_said_stop_is_told_with_its_day(ana):
    contact = phone_of(ana)
    contacts.set_status(contact=contact, status=ContactStatus.OPTED_OUT, reason="stop", actor=DESK)
    made = send(ana)
    run()
    text = channel(made, "sms")
    assert text["says"] == "Not sent. Replied STOP on Nov 24"
    assert gates(text)["address_allowed"] == Reason.OPTED_OUT_STOP
    assert text["next_step"] == "Call; no override"


def test_the_id_of_a_delivery_tells_of_that_delivery_alone(ana):
    email_of(ana)
    phone_of(ana, agreed=False)
    text = delivery_of(send(ana), "sms")
    run()
    [told] = json.loads(explain(text, "--json"))["deliveries"]
    assert (told["id"], told["reason"]) == (str(text.pk), Reason.NO_CONSENT)
    assert "Email" not in explain(text)

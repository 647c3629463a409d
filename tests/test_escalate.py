"""What one channel could not bring goes on the next at once, once, and never where it may not."""

import smtplib
from dataclasses import dataclass
from datetime import timedelta

import pytest

from notifications import clock, contacts, incoming, preferences
from notifications.enums import (
    ContactEffect,
    DeliveryStatus,
    ErrorKind,
    PatientNotificationType,
    Purpose,
    Reason,
)
from notifications.models import ContactPoint, Delivery
from notifications.types import AnswerLost, ChannelError, Receipt
from tests.clinic import DESK
from tests.engine import (
    ANAS_NUMBER,
    BENS_NUMBER,
    NOON,
    NotePayload,
    Told,
    delivery_of,
    device_of,
    email_of,
    phone_of,
    run,
    say,
    send,
    status_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("carrier", "noon")]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
Status = DeliveryStatus
GONE = ChannelError(code="410", kind=ErrorKind.PERMANENT, contact=ContactEffect.REMOVED)


@dataclass(frozen=True, kw_only=True)
class LetterPayload(NotePayload):
    """By e-mail and push, as long as nobody asks for texts."""

    type_key = "letter"
    channels = ("in_app", "email", "push")


@dataclass(frozen=True, kw_only=True)
class OfferPayload(LetterPayload):
    """The same for marketing."""

    type_key = "offer"
    purpose = Purpose.MARKETING


@pytest.fixture(autouse=True)
def letters():
    for each in (LetterPayload, OfferPayload):
        PatientNotificationType.register(each)
    yield
    for each in (LetterPayload, OfferPayload):
        PatientNotificationType.unregister(each.type_key)


def no_such_mailbox(patient):
    return smtplib.SMTPRecipientsRefused({patient.email: (550, b"5.1.1 no such mailbox")})


def letter_to(patient, *answers, payload=LetterPayload, **options):
    """Send a letter, whose carriers answer in this order: e-mail, then push."""
    Told.answers = list(answers)
    made = send(patient, payload(), **options)
    run()
    return made


@pytest.fixture
def reachable(ana, ben):
    """Ana and Ben have an e-mail and a number each, and no device."""
    for patient, number in ((ana, ANAS_NUMBER), (ben, BENS_NUMBER)):
        email_of(patient)
        phone_of(patient, number)


# -- a letter that bounced ----------------------------------------------------------------------


@pytest.mark.req("R-08")
def test_a_letter_that_bounced_goes_as_a_text_at_once(ana, ben, reachable, carrier):
    made = letter_to(ana, no_such_mailbox(ana))
    bens = letter_to(ben)
    assert status_of(made, "email") == (Status.FAILED, Reason.BOUNCED_HARD)
    assert status_of(made, "sms") == (Status.ACCEPTED, "")
    assert status_of(bens, "sms") == (Status.SKIPPED, Reason.DEFAULT_OFF)
    assert carrier.numbers() == [ANAS_NUMBER]


@pytest.mark.req("R-08")
def test_a_bounce_that_is_heard_of_later_moves_on_as_well(ana, reachable, carrier):
    made = letter_to(ana)
    bounced = bounce(delivery_of(made, "email"))
    incoming.take_receipts(channel="email", receipts=[bounced])
    run()
    assert status_of(made, "sms") == (Status.ACCEPTED, "")


def bounce(row: Delivery) -> Receipt:
    return Receipt(
        delivery_id=row.pk,
        provider_id=row.provider_id,
        event_key=f"{row.pk}:bounced",
        status=Status.FAILED,
        code="5.1.1",
        contact=ContactEffect.NEEDS_UPDATE,
    )


@pytest.mark.req("R-08")
def test_it_moves_on_once_whatever_is_said_again(ana, reachable, carrier):
    made = letter_to(ana)
    first = bounce(delivery_of(made, "email"))
    again = Receipt(**{**vars(first), "event_key": "another call"})
    for each in (first, again, first):
        incoming.take_receipts(channel="email", receipts=[each])
        run()
    run(at=NOON + DAY)
    assert carrier.numbers() == [ANAS_NUMBER]
    assert Delivery.objects.filter(notification=made, channel="sms").count() == 1


@pytest.mark.req("R-08")
def test_a_dead_device_moves_on_too(ana, reachable, carrier):
    device_of(ana)
    made = letter_to(ana, no_such_mailbox(ana), GONE)
    assert status_of(made, "push") == (Status.FAILED, Reason.PUSH_GONE)
    assert status_of(made, "sms") == (Status.ACCEPTED, "")


@pytest.mark.req("R-08")
def test_a_text_that_fails_as_well_is_the_end_of_it(ana, reachable, carrier):
    dead = ChannelError(code="30005", kind=ErrorKind.PERMANENT, contact=ContactEffect.NEEDS_UPDATE)
    made = letter_to(ana, no_such_mailbox(ana), dead)
    run(at=NOON + DAY)
    assert status_of(made, "sms") == (Status.FAILED, Reason.BOUNCED_HARD)
    assert carrier.numbers() == [ANAS_NUMBER]


# -- where it may not go ------------------------------------------------------------------------


@pytest.mark.req("R-08")
def test_a_patient_who_turned_texts_off_gets_none(ana, reachable, carrier):
    preferences.change(
        patient_id=ana.pk, type_key="letter", changes={"sms": False}, actor=f"user:{ana.pk}"
    )
    made = letter_to(ana, no_such_mailbox(ana))
    run(at=NOON + DAY)
    assert status_of(made, "sms") == (Status.SKIPPED, Reason.PREF_OFF)
    assert carrier.texts() == []


@pytest.mark.req("R-08")
def test_a_patient_who_turns_texts_off_in_the_same_moment_gets_none(ana, reachable, carrier):
    made = letter_to(ana)
    incoming.take_receipts(channel="email", receipts=[bounce(delivery_of(made, "email"))])
    preferences.change(
        patient_id=ana.pk, type_key="letter", changes={"sms": False}, actor=f"user:{ana.pk}"
    )
    run()
    assert status_of(made, "sms") == (Status.SKIPPED, Reason.PREF_OFF)
    assert carrier.texts() == []


@pytest.mark.req("R-08")
@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"verified": False, "agreed": False}, Reason.UNVERIFIED),
        ({"agreed": False}, Reason.NO_CONSENT),
    ],
    ids=["unverified", "no consent"],
)
def test_a_number_nobody_verified_or_agreed_to_gets_nothing(ana, carrier, known, reason):
    email_of(ana)
    phone_of(ana, **known)
    made = letter_to(ana, no_such_mailbox(ana))
    assert status_of(made, "sms") == (Status.SKIPPED, reason)
    assert carrier.texts() == []


@pytest.mark.req("M-07")
def test_a_number_that_said_stop_gets_nothing(ana, reachable, carrier):
    phone = ContactPoint.objects.get(patient=ana, kind="phone")
    contacts.set_status(contact=phone, status="opted_out", reason="stop", actor=DESK)
    made = letter_to(ana, no_such_mailbox(ana))
    assert status_of(made, "sms") == (Status.SKIPPED, Reason.OPTED_OUT_STOP)
    assert carrier.texts() == []


@pytest.mark.req("M-14")
def test_marketing_never_moves_to_a_channel_nobody_asked_for(ana, reachable, carrier):
    say(
        ContactPoint.objects.get(patient=ana, kind="phone"), granted=True, purpose=Purpose.MARKETING
    )
    made = letter_to(ana, no_such_mailbox(ana), payload=OfferPayload)
    run(at=NOON + DAY)
    assert status_of(made, "email")[0] == Status.FAILED
    assert status_of(made, "sms") == (Status.SKIPPED, Reason.DEFAULT_OFF)
    assert carrier.texts() == []


@pytest.mark.req("R-10")
def test_what_is_too_late_does_not_move_on(ana, reachable, carrier):
    made = send(ana, LetterPayload(good_until=NOON + HOUR))
    run()
    with clock.at(NOON + 2 * HOUR):
        incoming.take_receipts(channel="email", receipts=[bounce(delivery_of(made, "email"))])
        run()
    assert status_of(made, "sms") == (Status.EXPIRED, Reason.EXPIRED)
    assert carrier.texts() == []


# -- while another may still arrive -------------------------------------------------------------


@pytest.mark.req("R-08")
def test_nothing_moves_on_while_another_channel_may_still_bring_it(ana, reachable, carrier):
    device_of(ana)
    made = letter_to(ana, no_such_mailbox(ana))
    run(at=NOON + DAY)
    assert status_of(made, "push")[0] == Status.ACCEPTED
    assert status_of(made, "sms") == (Status.SKIPPED, Reason.DEFAULT_OFF)


@pytest.mark.req("R-08")
@pytest.mark.req("W5")
def test_an_answer_that_is_being_asked_for_may_still_be_a_yes(ana, reachable, carrier):
    """The push whose answer was lost goes once more; only then is it known that nothing went."""
    device_of(ana)
    made = letter_to(ana, no_such_mailbox(ana), AnswerLost(code="timeout"))
    assert status_of(made, "push") == (Status.UNKNOWN, Reason.ANSWER_UNKNOWN)
    assert status_of(made, "sms") == (Status.SKIPPED, Reason.DEFAULT_OFF)
    carrier.answers = [AnswerLost(code="timeout")]
    run(at=NOON + 11 * MINUTE)
    assert status_of(made, "sms") == (Status.SKIPPED, Reason.DEFAULT_OFF)
    run(at=NOON + 40 * MINUTE)
    assert status_of(made, "push") == (Status.UNKNOWN, Reason.ANSWER_UNSETTLED)
    assert status_of(made, "sms") == (Status.ACCEPTED, "")


@pytest.mark.req("W5")
def test_a_letter_nobody_can_tell_of_moves_on_when_it_is_given_up(ana, reachable, carrier):
    made = letter_to(ana, AnswerLost(code="timeout"))
    carrier.answers = [AnswerLost(code="timeout")]
    run(at=NOON + 11 * MINUTE)
    assert status_of(made, "sms") == (Status.SKIPPED, Reason.DEFAULT_OFF)
    run(at=NOON + 40 * MINUTE)
    assert status_of(made, "email") == (Status.UNKNOWN, Reason.ANSWER_UNSETTLED)
    assert status_of(made, "sms") == (Status.ACCEPTED, "")
    run(at=NOON + DAY)
    assert carrier.numbers() == [ANAS_NUMBER]


# -- steps one after the other ------------------------------------------------------------------


def later_step(made, channel: str, *, step: int, due_at) -> None:
    Delivery.objects.filter(notification=made, channel=channel).update(step=step, due_at=due_at)


@pytest.mark.req("R-08")
def test_a_later_step_comes_forward_and_the_one_after_it_waits(ana, ben, reachable, carrier):
    with clock.at(NOON):
        preferences.change(
            patient_id=ana.pk, type_key="letter", changes={"sms": True}, actor=f"user:{ana.pk}"
        )
        device_of(ana)
        Told.answers = [no_such_mailbox(ana)]
        made = send(ana, LetterPayload())
    later_step(made, "sms", step=1, due_at=NOON + 2 * HOUR)
    later_step(made, "push", step=2, due_at=NOON + 4 * HOUR)
    run()
    assert status_of(made, "email")[0] == Status.FAILED
    assert status_of(made, "sms")[0] == Status.ACCEPTED
    assert status_of(made, "push")[0] == Status.PLANNED
    assert delivery_of(made, "push").due_at == NOON + 4 * HOUR
    assert carrier.numbers() == [ANAS_NUMBER]

"""The six digits that show that an address is a patient's own."""

import re
import smtplib
from datetime import timedelta

import pytest
from django.utils import translation

from notifications import clock, consent, contacts, switches
from notifications.enums import AuditAction, ContactKind, ContactStatus, ErrorKind, Level
from notifications.models import AuditEvent, ContactVerification
from notifications.types import AnswerLost, ChannelError, Refused
from tests.clinic import DESK
from tests.engine import ANAS_NUMBER, BENS_NUMBER, NOON, ToldMail, email_of, phone_of
from tests.pages import text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("carrier", "noon")]
SECONDS, MINUTES = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def number(ana):
    return phone_of(ana, verified=False, agreed=False)


def ask(number):
    return contacts.send_code(patient_id=number.patient_id, contact_id=number.pk, actor=DESK)


def enter(number, code):
    return contacts.verify(
        patient_id=number.patient_id, contact_id=number.pk, code=code, actor=DESK
    )


def code_in(text: str) -> str:
    return re.search(r"\b\d{6}\b", text).group()


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


@pytest.mark.req("P-33")
def test_the_code_arrives_as_a_text_and_verifies_the_number(number, carrier):
    ask(number)
    [text] = carrier.texts()
    assert re.fullmatch(
        r"Main Street Dental: your code is \d{6}. It works for 15 minutes. Reply STOP to opt out.",
        text,
    )
    enter(number, code_in(text))
    number.refresh_from_db()
    assert (number.verified_at, number.verified_by) == (NOON, DESK)


@pytest.mark.req("H-11")
def test_an_unverified_number_gets_its_code_and_nothing_else(number, carrier):
    ask(number)
    [(_channel, envelope, _text)] = carrier.handed
    assert envelope.level == Level.L0
    assert envelope.to == {"address": ANAS_NUMBER}


def test_the_code_arrives_by_email_too(ana, carrier):
    mail = email_of(ana, verified=False, agreed=False)
    ask(mail)
    [message] = ToldMail.handed
    assert not re.search(r"\d{6}", message.subject)
    enter(mail, code_in(message.body))
    mail.refresh_from_db()
    assert mail.verified_at == NOON


@pytest.mark.req("P-33")
@pytest.mark.parametrize("gap", [" ", "-", "\u2013", " - ", "\u00a0"])
def test_p33_a_code_is_taken_however_it_is_pasted(number, carrier, gap):
    ask(number)
    code = code_in(carrier.texts()[0])
    enter(number, f" {code[:3]}{gap}{code[3:]} ")
    number.refresh_from_db()
    assert number.verified_at


def test_a_code_works_once(number, carrier):
    ask(number)
    code = code_in(carrier.texts()[0])
    enter(number, code)
    with pytest.raises(Refused, match="too old"):
        enter(number, code)


def test_after_a_wrong_code_the_patient_is_told_how_many_tries_are_left(number, carrier):
    ask(number)
    code = code_in(carrier.texts()[0])
    with pytest.raises(Refused, match="You can try 4 more times") as refusal:
        enter(number, wrong(code))
    assert refusal.value.field == "code"
    enter(number, code)


def test_a_refusal_keeps_the_language_of_whoever_asked(number, carrier):
    ask(number)
    with translation.override("es"), pytest.raises(Refused) as refusal:
        ask(number)
    assert "segundos" in refusal.value.message == str(refusal.value)


@pytest.mark.parametrize("typed", ["", "abc", "12", "１２３４５６", "1" * 1000, "\x00"])
def test_what_cannot_be_a_code_is_no_try(number, carrier, typed):
    ask(number)
    for _press in range(6):
        with pytest.raises(Refused, match="A code has 6 digits"):
            enter(number, typed)
    enter(number, code_in(carrier.texts()[0]))


@pytest.mark.req("P-33")
def test_five_wrong_codes_lock_for_a_quarter_of_an_hour_and_say_until_when(number, carrier):
    ask(number)
    code = code_in(carrier.texts()[0])
    for _try in range(4):
        with pytest.raises(Refused, match="not the code"):
            enter(number, wrong(code))
    with pytest.raises(Refused, match="Too many wrong codes. Ask for a new one after 5:15"):
        enter(number, wrong(code))
    with pytest.raises(Refused, match="Too many wrong codes"):
        enter(number, code)
    with clock.at(NOON + 5 * MINUTES), pytest.raises(Refused, match="Too many wrong codes"):
        ask(number)
    with clock.at(NOON + 15 * MINUTES):
        ask(number)
        enter(number, code_in(carrier.texts()[-1]))


def test_after_the_lock_the_old_code_is_worth_nothing(number, carrier):
    ask(number)
    code = code_in(carrier.texts()[0])
    for _try in range(5):
        with pytest.raises(Refused):
            enter(number, wrong(code))
    with clock.at(NOON + 16 * MINUTES), pytest.raises(Refused, match="too old"):
        enter(number, code)


def test_a_new_code_does_not_buy_new_tries(number, carrier):
    ask(number)
    for _try in range(4):
        with pytest.raises(Refused):
            enter(number, wrong(code_in(carrier.texts()[-1])))
    with clock.at(NOON + 31 * SECONDS):
        ask(number)
        with pytest.raises(Refused, match="Too many wrong codes"):
            enter(number, wrong(code_in(carrier.texts()[-1])))


def test_after_a_quarter_of_an_hour_a_code_is_too_old(number, carrier):
    ask(number)
    code = code_in(carrier.texts()[0])
    with clock.at(NOON + 15 * MINUTES), pytest.raises(Refused, match="too old"):
        enter(number, code)


@pytest.mark.req("P-33")
def test_another_code_may_be_asked_for_after_half_a_minute(number, carrier):
    assert ask(number) == NOON + 30 * SECONDS
    with (
        clock.at(NOON + 29 * SECONDS),
        pytest.raises(Refused, match=r"Ask for another in \d seconds"),
    ):
        ask(number)
    with clock.at(NOON + 30 * SECONDS):
        ask(number)
    assert len(carrier.texts()) == 2


def test_how_it_stands_with_a_code_is_known_until_it_is_too_old(number, carrier):
    assert contacts.asked_for(contact=number) is None
    ask(number)
    asked = contacts.asked_for(contact=number)
    assert (asked.again_at, asked.is_locked) == (NOON + 30 * SECONDS, False)
    for _try in range(5):
        with pytest.raises(Refused):
            enter(number, wrong(code_in(carrier.texts()[0])))
    asked = contacts.asked_for(contact=number)
    assert (asked.again_at, asked.is_locked) == (NOON + 15 * MINUTES, True)
    with clock.at(NOON + 15 * MINUTES):
        assert contacts.asked_for(contact=number) is None


def test_only_the_newest_code_counts(number, carrier):
    ask(number)
    with clock.at(NOON + 31 * SECONDS):
        ask(number)
        old, new = map(code_in, carrier.texts())
        if old != new:
            with pytest.raises(Refused, match="not the code"):
                enter(number, old)
        enter(number, new)


def test_a_code_that_could_not_be_sent_is_said_and_can_be_asked_for_again_at_once(number, carrier):
    carrier.answers = [ChannelError(code="30007", kind=ErrorKind.TRANSIENT)]
    with pytest.raises(Refused, match="could not send the code"):
        ask(number)
    ask(number)


def test_a_code_whose_answer_was_lost_may_have_arrived_and_then_works(number, carrier):
    carrier.answers = [AnswerLost(code="timeout")]
    ask(number)
    enter(number, code_in(carrier.texts()[0]))


def test_an_email_that_the_server_refuses_gets_no_code(ana, carrier):
    mail = email_of(ana, verified=False, agreed=False)
    carrier.answers = [smtplib.SMTPRecipientsRefused({"ana@example.com": (550, b"no such user")})]
    with pytest.raises(Refused, match="could not send the code") as refusal:
        ask(mail)
    assert "ana@example.com" not in repr(refusal.value.__cause__)


@pytest.mark.req("M-06")
def test_a_number_that_replied_stop_gets_no_code_either(ana, carrier):
    number = phone_of(ana)
    contacts.set_status(contact=number, status=ContactStatus.OPTED_OUT, reason="stop", actor=DESK)
    with pytest.raises(Refused, match="STOP") as refusal:
        ask(number)
    assert refusal.value.field == "code"
    assert carrier.texts() == []


def test_the_code_is_kept_nowhere(number, carrier, caplog):
    ask(number)
    code = code_in(carrier.texts()[0])
    row = ContactVerification.objects.get()
    audited = [event.details for event in AuditEvent.objects.filter(action=AuditAction.CONTACT)]
    assert code not in f"{row.code_hash} {audited} {caplog.text}"


@pytest.mark.req("S-19")
def test_a_yes_to_texts_needs_a_verified_number_first(number):
    with pytest.raises(Refused, match="Verify this number first") as refusal:
        consent.record(
            contact=number,
            purpose="treatment",
            granted=True,
            wording=consent.CURRENT_TEXT_WORDING,
            source="portal",
            actor=DESK,
        )
    assert refusal.value.field == "consent"
    assert number.kind == ContactKind.PHONE


# -- the address whose place it takes -----------------------------------------------------------

NEW_NUMBER = "+12125550199"


def move_to_a_new_number(patient, carrier):
    """Verify another number of a patient's by its code; return what is texted then."""
    new = phone_of(patient, NEW_NUMBER, verified=False, agreed=False)
    ask(new)
    code = code_in(carrier.texts()[-1])
    carrier.handed.clear()
    enter(new, code)
    return [
        (envelope.to["address"], said["sms.txt"]) for _channel, envelope, said in carrier.handed
    ]


@pytest.mark.req("P-33")
def test_p33_the_old_number_works_until_then_and_hears_that_it_was_replaced(ana, ben, carrier):
    old, bens = phone_of(ana), phone_of(ben, BENS_NUMBER)
    waiting = phone_of(ana, NEW_NUMBER, verified=False, agreed=False)
    old.refresh_from_db()
    assert (old.status, waiting.verified_at) == (ContactStatus.ACTIVE, None)
    ((to, text),) = move_to_a_new_number(ana, carrier)
    assert to == ANAS_NUMBER
    assert text == (
        "Main Street Dental: another number takes the place of this one for our messages. "
        "Was that not you? Please call us. Reply STOP to opt out."
    )
    for each in (old, bens):
        each.refresh_from_db()
    assert (old.status, bens.status) == (ContactStatus.REPLACED, ContactStatus.ACTIVE)
    told = AuditEvent.objects.get(details__change="told_replaced")
    assert (told.object_id, told.patient_id) == (str(old.pk), ana.pk)


def test_the_old_email_hears_it_and_is_told_nothing_of_the_new(ana, carrier):
    email_of(ana, agreed=False)
    new = email_of(ana, "ana.new@example.org", verified=False, agreed=False)
    ask(new)
    enter(new, code_in(ToldMail.handed[-1].body))
    notice = ToldMail.handed[-1]
    assert notice.to == ["ana@example.com"]
    assert "Was that not you? Please call us." in notice.body
    assert "example.org" not in f"{notice.subject} {notice.body} {notice.alternatives}"


@pytest.mark.parametrize("why", ["stop", "no consent", "not to be used", "dead"])
def test_an_old_number_that_gets_no_texts_gets_no_notice_either(ana, carrier, why):
    old = phone_of(ana, agreed=why != "no consent")
    if why == "stop":
        contacts.opt_out(number=ANAS_NUMBER, actor=DESK)
    if why == "dead":
        status = ContactStatus.NEEDS_UPDATE
        contacts.set_status(contact=old, status=status, reason="30005", actor=DESK)
    if why == "not to be used":
        asked = {"patient_id": ana.pk, "kind": "phone", "contact_id": old.pk}
        contacts.record_request(**asked, actor=DESK)
    assert move_to_a_new_number(ana, carrier) == []


def test_the_new_number_stands_though_the_old_could_not_be_told(ana, carrier):
    old = phone_of(ana)
    new = phone_of(ana, NEW_NUMBER, verified=False, agreed=False)
    ask(new)
    carrier.answers = [ChannelError(code="30007", kind=ErrorKind.TRANSIENT)]
    enter(new, code_in(carrier.texts()[0]))
    old.refresh_from_db()
    assert old.status == ContactStatus.REPLACED
    assert not AuditEvent.objects.filter(details__change="told_replaced").exists()


# -- while all is held --------------------------------------------------------------------------


def test_while_all_is_held_no_code_leaves_and_she_reads_that_it_is_not_her_doing(
    number, carrier, ana_client
):
    switches.hold(actor=DESK, why="moving house")
    with pytest.raises(Refused, match="We cannot send codes at the moment"):
        ask(number)
    path = f"/notifications/settings/contacts/{number.pk}/"
    ana_client.post(f"{path}code/")
    page = ana_client.get(path)
    assert "We cannot send codes at the moment. Please try again later." in text_of(page)
    assert carrier.handed == []
    assert not ContactVerification.objects.exists()
    switches.lift(actor=DESK)
    ask(number)
    assert len(carrier.texts()) == 1

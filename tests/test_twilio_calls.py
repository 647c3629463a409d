"""Twilio calls us: believed when it is signed, read in our words, answered in its own."""

from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.test import RequestFactory

from notifications.channels.sms import Sms
from notifications.enums import ContactEffect, ContactStatus, DeliveryStatus, Reason
from notifications.providers.twilio_calls import signature
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from tests.engine import ANAS_NUMBER, delivery_of, phone_of, run, send, status_of
from tests.switchboard import OUR_NUMBER, SID, TEXT_SID, TOKEN, LocalHttp, switchboard

OURS = "https://notify.dental.example"
DELIVERY = uuid4()
RECEIPT = f"/webhooks/sms/{DELIVERY}/"
REPLIES = "/webhooks/sms/replies/"
FORM = "application/x-www-form-urlencoded"
NONE, NEEDS_UPDATE = ContactEffect.NONE, ContactEffect.NEEDS_UPDATE


@pytest.fixture(autouse=True)
def account(settings):
    settings.NOTIFICATIONS_SMS_PROVIDER = "notifications.providers.twilio.Twilio"
    settings.NOTIFICATIONS_TWILIO_AUTH_TOKEN = TOKEN
    settings.PUBLIC_URL = OURS
    return settings


def call(path, fields, *, token=TOKEN, signed=None, url="", **headers):
    """A request as it reaches us behind a proxy: http, and another host than the public one."""
    made = signature(url=url or OURS + path, params=fields, token=token)
    options = {"headers": {"X-Twilio-Signature": made if signed is None else signed} | headers}
    return RequestFactory().post(path, urlencode(fields), content_type=FORM, **options)


def status_call(status="delivered", **fields):
    usual = {
        "AccountSid": SID,
        "From": OUR_NUMBER,
        "To": ANAS_NUMBER,
        "MessageSid": TEXT_SID,
        "MessageStatus": status,
        "SmsSid": TEXT_SID,
        "SmsStatus": status,
    }
    return usual | fields


def receipt_of(fields):
    (receipt,) = Sms().receipts(request=call(RECEIPT, fields), delivery_id=DELIVERY)
    return receipt


def reply_of(**fields):
    usual = {"MessageSid": TEXT_SID, "From": ANAS_NUMBER, "To": OUR_NUMBER, "Body": "1"}
    (reply,) = Sms().replies(request=call(REPLIES, usual | fields))
    return reply


# -- who calls ----------------------------------------------------------------------------------


@pytest.mark.req("S-13")
def test_a_call_is_believed_by_its_signature_and_not_by_where_it_seems_to_come_from():
    assert receipt_of(status_call()).delivery_id == DELIVERY


def test_a_call_with_the_port_in_its_address_is_believed_too():
    request = call(RECEIPT, status_call(), url=f"{OURS}:443{RECEIPT}")
    assert Sms().receipts(request=request)


def test_what_stands_behind_the_question_mark_is_signed_as_well():
    path = RECEIPT + "?from=twilio&x=%C3%A9"
    assert Sms().receipts(request=call(path, status_call()))


@pytest.mark.req("S-13")
@pytest.mark.parametrize(
    "forged",
    [
        {"token": "another token"},
        {"token": ""},
        {"signed": ""},
        {"signed": "x"},
        {"signed": "é" * 28},
        {"url": "http://notify.dental.example" + RECEIPT},
        {"url": "https://elsewhere.example" + RECEIPT},
        {"url": OURS + "/webhooks/sms/00000000-0000-7000-8000-000000000000/"},
    ],
)
def test_a_call_that_is_signed_by_somebody_else_or_for_another_address_is_refused(forged):
    for read in (Sms().receipts, Sms().replies):
        with pytest.raises(PermissionDenied):
            read(request=call(RECEIPT, status_call(), **forged))


@pytest.mark.req("S-13")
def test_a_call_of_which_one_word_was_changed_is_refused():
    seen = signature(url=OURS + RECEIPT, params=status_call("failed"), token=TOKEN)
    with pytest.raises(PermissionDenied):
        Sms().receipts(request=call(RECEIPT, status_call(), signed=seen))
    with pytest.raises(PermissionDenied):
        Sms().receipts(request=call(RECEIPT, status_call("failed", More="1"), signed=seen))


@pytest.mark.req("S-13")
def test_without_a_token_of_ours_nobody_is_believed(account):
    account.NOTIFICATIONS_TWILIO_AUTH_TOKEN = ""
    with pytest.raises(PermissionDenied):
        Sms().receipts(request=call(RECEIPT, status_call(), token=""))


# -- what became of a text ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("queued", DeliveryStatus.ACCEPTED),
        ("accepted", DeliveryStatus.ACCEPTED),
        ("scheduled", DeliveryStatus.ACCEPTED),
        ("sending", DeliveryStatus.ACCEPTED),
        ("sent", DeliveryStatus.ACCEPTED),
        ("delivered", DeliveryStatus.DELIVERED),
        ("read", DeliveryStatus.DELIVERED),
        ("partially_delivered", DeliveryStatus.DELIVERED),
        ("undelivered", DeliveryStatus.FAILED),
        ("failed", DeliveryStatus.FAILED),
        ("canceled", DeliveryStatus.FAILED),
        ("something new", None),
    ],
)
def test_each_word_of_twilios_has_its_status(said, status):
    receipt = receipt_of(status_call(said))
    assert (receipt.status, receipt.contact, receipt.code) == (status, NONE, "")
    assert receipt.provider_id == TEXT_SID


@pytest.mark.req("R-07")
@pytest.mark.parametrize(
    ("code", "contact"),
    [
        ("30003", NONE),
        ("30004", NEEDS_UPDATE),
        ("30005", NEEDS_UPDATE),
        ("30006", NEEDS_UPDATE),
        ("30007", NONE),
        ("30008", NONE),
        ("30034", NONE),
        ("30036", NONE),
        ("21610", ContactEffect.OPTED_OUT),
        ("99999", NONE),
    ],
)
def test_a_text_that_did_not_arrive_says_what_that_means_for_the_number(code, contact):
    receipt = receipt_of(status_call("undelivered", ErrorCode=code))
    assert (receipt.status, receipt.code) == (DeliveryStatus.FAILED, code)
    assert receipt.contact == contact


def test_a_code_beside_a_text_that_arrived_says_nothing_of_the_number():
    assert receipt_of(status_call("delivered", ErrorCode="30005")).contact == NONE


@pytest.mark.req("R-12")
def test_a_repeat_is_known_by_its_key_and_news_has_another():
    keys = [
        receipt_of(fields).event_key
        for fields in (
            status_call("sent"),
            status_call("sent", RawDlrDoneDate="2611241200"),
            status_call("delivered"),
            status_call("undelivered", ErrorCode="30003"),
            status_call("undelivered", ErrorCode="30008"),
        )
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4


def test_what_twilio_said_is_kept_as_it_said_it():
    fields = status_call(ChannelToAddress="+1212555XXXX")
    assert receipt_of(fields).raw == fields


@pytest.mark.parametrize("lacking", ["MessageSid", "MessageStatus"])
def test_a_signed_call_about_nothing_says_nothing(lacking):
    fields = status_call()
    del fields[lacking]
    assert Sms().receipts(request=call(RECEIPT, fields), delivery_id=DELIVERY) == []


# -- what patients write ------------------------------------------------------------------------


def test_a_reply_is_read_as_it_was_written():
    reply = reply_of(Body=" Sí, allí estaré 😀 ")
    assert (reply.sender, reply.text) == (ANAS_NUMBER, " Sí, allí estaré 😀 ")
    assert reply.event_key == TEXT_SID
    assert not reply.is_answered


def test_a_picture_without_words_is_an_empty_text():
    reply = reply_of(Body="", NumMedia="1", MediaUrl0="https://api.twilio.com/x")
    assert reply.text == ""
    assert reply.raw["NumMedia"] == "1"


@pytest.mark.req("M-06")
@pytest.mark.parametrize("word", ["STOP", "stop", " Stop\n", "OPTOUT", "REVOKE", "START", "HELP"])
def test_a_word_that_twilio_answers_is_not_answered_twice(account, word):
    assert reply_of(Body=word).is_answered
    account.NOTIFICATIONS_TWILIO_ANSWERS_STOP = "false"
    assert not reply_of(Body=word).is_answered


@pytest.mark.parametrize("words", ["STOP please", "opt out", "ALTO", "AYUDA", "1", ""])
def test_what_twilio_does_not_know_waits_for_our_answer(words):
    assert not reply_of(Body=words).is_answered


def test_twilios_own_opt_out_service_says_that_it_has_answered(account):
    account.NOTIFICATIONS_TWILIO_ANSWERS_STOP = "false"
    assert reply_of(Body="ALTO", OptOutType="STOP").is_answered


@pytest.mark.parametrize("lacking", ["MessageSid", "From"])
def test_a_signed_reply_of_nobody_is_nothing(lacking):
    fields = {"MessageSid": TEXT_SID, "From": ANAS_NUMBER, "Body": "1"}
    del fields[lacking]
    assert Sms().replies(request=call(REPLIES, fields)) == []


# -- what we answer -----------------------------------------------------------------------------


def test_our_answer_is_one_message_in_letters_every_phone_has():
    response = Sms().reply_response(answer="Confirmado: sáb 28 <9:30> & gracias")
    assert response.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert response.content.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?><Response><Message>'
        "Confirmado: sab 28 &lt;9:30&gt; &amp; gracias</Message></Response>"
    )


def test_no_answer_is_an_empty_response():
    content = Sms().reply_response(answer="").content.decode()
    assert content == '<?xml version="1.0" encoding="UTF-8"?><Response />'


# -- over HTTP, from Twilio to the timeline -----------------------------------------------------


@pytest.fixture
def texted(ana, noon, account, monkeypatch):
    """Ana's text, taken by Twilio."""
    account.NOTIFICATIONS_SMS_PROVIDER = "tests.switchboard.LocalTwilio"
    account.NOTIFICATIONS_TWILIO_ACCOUNT_SID, account.NOTIFICATIONS_TWILIO_FROM = SID, OUR_NUMBER
    account.NOTIFICATIONS_AGREEMENTS = "sms"
    phone_of(ana)
    with switchboard() as board:
        monkeypatch.setattr(LocalHttp, "port", board.server_port)
        made = send(ana, AppointmentReminderPayload.example())
        run()
    return made


def tell(client, notification, fields, **options):
    path = f"/webhooks/sms/{delivery_of(notification, 'sms').pk}/"
    request = call(path, fields, **options)
    signed = request.headers["X-Twilio-Signature"]
    headers = {"X-Twilio-Signature": signed}
    return client.post(path, urlencode(fields), content_type=FORM, headers=headers)


@pytest.mark.django_db
def test_a_signed_callback_moves_anas_text_from_sent_to_delivered(client, texted):
    assert status_of(texted, "sms")[0] == DeliveryStatus.ACCEPTED
    for said in ("sent", "delivered", "sent", "delivered"):
        assert tell(client, texted, status_call(said)).status_code == 200
    assert status_of(texted, "sms")[0] == DeliveryStatus.DELIVERED


@pytest.mark.django_db
@pytest.mark.req("S-13")
def test_a_forged_callback_changes_nothing(client, texted):
    assert tell(client, texted, status_call("failed"), token="another token").status_code == 403
    assert status_of(texted, "sms")[0] == DeliveryStatus.ACCEPTED


@pytest.mark.django_db
def test_a_carrier_that_found_nobody_marks_anas_number(client, ana, texted):
    tell(client, texted, status_call("undelivered", ErrorCode="30005"))
    assert status_of(texted, "sms") == (DeliveryStatus.FAILED, Reason.BOUNCED_HARD)
    assert delivery_of(texted, "sms").contact.status == ContactStatus.NEEDS_UPDATE

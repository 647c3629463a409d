"""Texts through Twilio: as its own description wants them, and whatever it answers."""

import logging
import re
import ssl
import time
from base64 import b64encode
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.core.checks import run_checks

from notifications.channels.sms import Sms
from notifications.enums import (
    ContactEffect,
    ContactStatus,
    DeliveryStatus,
    ErrorKind,
    Level,
    Reason,
)
from notifications.models import DeliveryAttempt
from notifications.providers import twilio
from notifications.providers.twilio_codes import CODES
from notifications.types import AnswerLost, ChannelError, Envelope
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from tests.certificates import certificate
from tests.engine import ANAS_NUMBER, NOON, delivery_of, phone_of, run, send, status_of
from tests.postman import black_hole
from tests.rig.install import NPM
from tests.rig.processes import HOST, ROOT, free_port, listens, running, wait_until
from tests.switchboard import OUR_NUMBER, SERVICE, SID, TEXT_SID, TOKEN, LocalHttp, switchboard

DESCRIPTION = ROOT.parent / "shared" / "data" / "twilio_api_v2010.json"
PRISM = NPM / "node_modules" / ".bin" / "prism"
TEXT = "Main Street Dental: your visit is Tue, Nov 24 at 9:30 AM EST."
PERMANENT, TRANSIENT = ErrorKind.PERMANENT, ErrorKind.TRANSIENT
THROTTLED, SET_UP = ErrorKind.THROTTLED, ErrorKind.CONFIGURATION
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def account(settings):
    settings.NOTIFICATIONS_SMS_PROVIDER = "tests.switchboard.LocalTwilio"
    settings.NOTIFICATIONS_TWILIO_ACCOUNT_SID = SID
    settings.NOTIFICATIONS_TWILIO_AUTH_TOKEN = TOKEN
    settings.NOTIFICATIONS_TWILIO_FROM = OUR_NUMBER
    settings.NOTIFICATIONS_AGREEMENTS = "sms"
    settings.PUBLIC_URL = "https://notify.dental.example"
    return settings


@pytest.fixture
def twilio_here(monkeypatch):
    with switchboard() as board:
        monkeypatch.setattr(LocalHttp, "port", board.server_port)
        yield board


def envelope(**changes) -> Envelope:
    delivery_id = uuid4()
    usual = {
        "delivery_id": delivery_id,
        "to": {"address": ANAS_NUMBER},
        "level": Level.L1,
        "callback_url": f"https://notify.dental.example/webhooks/sms/{delivery_id}/",
    }
    return Envelope(**usual | changes)


def text(**changes):
    return Sms().send(envelope=envelope(**changes), content={"sms.txt": TEXT})


def refusal(**changes) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        text(**changes)
    return caught.value


# -- as Twilio's own description wants it -------------------------------------------------------


@pytest.fixture(scope="module")
def prism(tmp_path_factory):
    """Twilio's description of its API, answering requests; the port it listens on."""
    # Not ours to copy, so a clone by itself lacks it; what leaves is also read by our own server.
    if not DESCRIPTION.exists():
        pytest.skip(
            f"LEFT OUT: Twilio's own description, which is not beside this checkout: {DESCRIPTION}"
        )
    log, port = tmp_path_factory.mktemp("prism") / "log", free_port()
    command = [str(PRISM), "mock", "-h", HOST, "-p", str(port), str(DESCRIPTION)]
    with running(command=command, log=log, cwd=Path(ROOT)) as process:
        wait_until(ready=lambda: listens(port=port), process=process, log=log, seconds=90)
        yield port


@pytest.fixture
def described(prism, monkeypatch):
    monkeypatch.setattr(LocalHttp, "port", prism)


@pytest.mark.parametrize("sender", [(OUR_NUMBER, ""), ("", SERVICE), (OUR_NUMBER, SERVICE)])
@pytest.mark.parametrize("redaction", ["true", "false"])
def test_a_text_is_what_twilios_own_description_asks_for(described, account, sender, redaction):
    account.NOTIFICATIONS_TWILIO_FROM, account.NOTIFICATIONS_TWILIO_MESSAGING_SERVICE = sender
    account.NOTIFICATIONS_TWILIO_REDACTION = redaction
    result = text(expires_at=NOON + timedelta(days=900))
    assert result.status == DeliveryStatus.ACCEPTED
    assert result.provider_id.startswith(("SM", "MM"))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("NOTIFICATIONS_TWILIO_ACCOUNT_SID", "not an account"),
        ("NOTIFICATIONS_TWILIO_MESSAGING_SERVICE", "not a service"),
    ],
)
def test_the_description_refuses_what_is_not_one_of_twilios_ids(described, account, setting, value):
    setattr(account, setting, value)
    assert refusal().code == "422"


def test_the_description_refuses_a_text_to_nobody(described):
    client = twilio._client(LocalHttp())
    with pytest.raises(ChannelError) as caught:
        client.api.v2010.create("POST", f"/Accounts/{SID}/Messages.json", data={"Body": TEXT})
    assert caught.value.code == "422"


def test_the_description_refuses_a_callback_that_is_no_address(described):
    assert refusal(callback_url="not an address").code == "422"


def test_the_description_refuses_whoever_does_not_say_who_they_are(described):
    address = f"https://api.twilio.com/2010-04-01/Accounts/{SID}/Messages.json"
    with pytest.raises(ChannelError) as caught:
        LocalHttp().request("POST", address, data={"To": ANAS_NUMBER})
    assert (caught.value.code, caught.value.kind) == ("401", SET_UP)


# -- what leaves --------------------------------------------------------------------------------


@pytest.mark.req("H-18")
def test_beside_number_and_words_nothing_that_leaves_tells_of_the_patient(twilio_here, account):
    account.NOTIFICATIONS_TWILIO_REDACTION = "true"
    letter = envelope(expires_at=NOON + timedelta(days=900))
    result = Sms().send(envelope=letter, content={"sms.txt": TEXT})
    assert result.provider_id == TEXT_SID
    assert twilio_here.texts == [
        {
            "To": ANAS_NUMBER,
            "From": OUR_NUMBER,
            "Body": TEXT,
            "StatusCallback": letter.callback_url,
            "ValidityPeriod": "36000",
            "SmartEncoded": "true",
            "ContentRetention": "discard",
            "AddressRetention": "obfuscate",
        }
    ]


def test_what_an_account_must_have_enabled_is_left_out_until_the_practice_says_so(twilio_here):
    text()
    assert not {"ContentRetention", "AddressRetention", "ValidityPeriod"} & set(
        twilio_here.texts[0]
    )


@pytest.mark.parametrize(
    ("left", "seconds"),
    [
        (timedelta(minutes=15), "900"),
        (timedelta(hours=10), "36000"),
        (timedelta(days=2), "36000"),
        (timedelta(seconds=0), "1"),
        (timedelta(hours=-1), "1"),
    ],
)
def test_twilio_drops_a_text_when_its_time_is_over(noon, twilio_here, left, seconds):
    text(expires_at=noon + left)
    assert twilio_here.texts[0]["ValidityPeriod"] == seconds


def test_a_code_has_no_callback_and_leaves_all_the_same(twilio_here):
    text(callback_url="")
    assert "StatusCallback" not in twilio_here.texts[0]


def test_an_api_key_sends_in_the_tokens_place(twilio_here, account):
    text()
    account.NOTIFICATIONS_TWILIO_API_KEY = "SK" + "3" * 32
    account.NOTIFICATIONS_TWILIO_API_SECRET = "the key's secret"
    text()
    path = f"/2010-04-01/Accounts/{SID}/Messages.json"
    assert twilio_here.calls == [
        (path, "Basic " + b64encode(f"{SID}:{TOKEN}".encode()).decode()),
        (path, "Basic " + b64encode(f"SK{'3' * 32}:the key's secret".encode()).decode()),
    ]


@pytest.mark.req("S-12")
@pytest.mark.parametrize(
    "number", ["", "abc", "2125550142", "+12125550142,+12125550143", "+12125550142\n", "+0"]
)
def test_what_is_not_one_number_never_leaves(twilio_here, number):
    error = refusal(to={"address": number})
    assert (error.kind, error.contact) == (PERMANENT, ContactEffect.NEEDS_UPDATE)
    assert not twilio_here.texts


# -- what Twilio answers ------------------------------------------------------------------------

ANSWERS = [
    # HTTP, code, kind, what it says of the number, tries at most
    (400, 21211, PERMANENT, ContactEffect.NEEDS_UPDATE, None),
    (400, 21217, PERMANENT, ContactEffect.NEEDS_UPDATE, None),
    (400, 21614, PERMANENT, ContactEffect.NEEDS_UPDATE, None),
    (400, 21635, PERMANENT, ContactEffect.NEEDS_UPDATE, None),
    (400, 30004, PERMANENT, ContactEffect.NEEDS_UPDATE, None),
    (400, 30005, PERMANENT, ContactEffect.NEEDS_UPDATE, None),
    (400, 30006, PERMANENT, ContactEffect.NEEDS_UPDATE, None),
    (400, 21610, PERMANENT, ContactEffect.OPTED_OUT, None),
    (400, 21602, PERMANENT, ContactEffect.NONE, None),
    (400, 21612, PERMANENT, ContactEffect.NONE, None),
    (400, 21617, PERMANENT, ContactEffect.NONE, None),
    (400, 30036, PERMANENT, ContactEffect.NONE, None),
    (401, 20003, SET_UP, ContactEffect.NONE, None),
    (401, 20005, SET_UP, ContactEffect.NONE, None),
    (404, 20404, SET_UP, ContactEffect.NONE, None),
    (400, 21408, PERMANENT, ContactEffect.NONE, None),
    (400, 21212, SET_UP, ContactEffect.NONE, None),
    (400, 21603, SET_UP, ContactEffect.NONE, None),
    (400, 21606, SET_UP, ContactEffect.NONE, None),
    (400, 21608, PERMANENT, ContactEffect.NONE, None),
    (400, 21609, SET_UP, ContactEffect.NONE, None),
    (400, 21659, SET_UP, ContactEffect.NONE, None),
    (400, 21660, SET_UP, ContactEffect.NONE, None),
    (400, 21701, SET_UP, ContactEffect.NONE, None),
    (400, 21703, SET_UP, ContactEffect.NONE, None),
    (400, 21704, SET_UP, ContactEffect.NONE, None),
    (400, 21705, SET_UP, ContactEffect.NONE, None),
    (400, 30002, SET_UP, ContactEffect.NONE, None),
    (400, 30007, SET_UP, ContactEffect.NONE, None),
    (400, 30023, THROTTLED, ContactEffect.NONE, None),
    (400, 30029, SET_UP, ContactEffect.NONE, None),
    (400, 30030, SET_UP, ContactEffect.NONE, None),
    (400, 30032, SET_UP, ContactEffect.NONE, None),
    (400, 30034, SET_UP, ContactEffect.NONE, None),
    (429, 63038, THROTTLED, ContactEffect.NONE, None),
    (400, 90007, SET_UP, ContactEffect.NONE, None),
    (429, 20429, THROTTLED, ContactEffect.NONE, None),
    (429, 21611, THROTTLED, ContactEffect.NONE, None),
    (400, 30001, THROTTLED, ContactEffect.NONE, None),
    (400, 30022, THROTTLED, ContactEffect.NONE, None),
    (400, 30003, TRANSIENT, ContactEffect.NONE, 2),
    (400, 30008, TRANSIENT, ContactEffect.NONE, 2),
    (400, 30410, TRANSIENT, ContactEffect.NONE, 2),
    (400, 99999, TRANSIENT, ContactEffect.NONE, 3),  # a code nobody knows yet
    (429, None, THROTTLED, ContactEffect.NONE, None),
    (403, None, SET_UP, ContactEffect.NONE, None),
    (307, None, TRANSIENT, ContactEffect.NONE, 3),
]


@pytest.mark.req("R-07")
@pytest.mark.parametrize(("status", "code", "kind", "contact", "tries"), ANSWERS)
def test_each_answer_has_its_class(twilio_here, status, code, kind, contact, tries):
    twilio_here.will_refuse(status, code)
    error = refusal()
    assert not isinstance(error, AnswerLost)
    assert (error.code, error.kind, error.contact) == (str(code or status), kind, contact)
    assert error.max_tries == tries
    assert str(error) == str(code or status)


def test_no_code_of_the_table_is_left_untried():
    assert set(CODES) == {str(code) for _status, code, *_rest in ANSWERS if code} - {"99999"}


def test_the_page_about_twilio_lists_each_code_once_and_what_pauses_texts():
    page = (Path(django_settings.BASE_DIR) / "docs/carriers/twilio.md").read_text()
    table = page.split("## 7.")[1]
    rows = dict(re.findall(r"^\| ([a-z ,-]+) \| ([^|]+) \|", table, re.M))
    listed = [code for row in rows.values() for code in re.findall(r"\b\d{5}\b", row)]
    assert sorted(listed) == sorted(CODES)
    pausing = {code for code, meaning in CODES.items() if meaning.kind == SET_UP}
    assert set(re.findall(r"\d{5}", rows["our set-up"])) == pausing


def test_twilio_says_how_long_to_wait_and_we_do_within_reason(twilio_here):
    for asked in ("7", "86400", "soon"):
        twilio_here.will_refuse(429, 20429, Retry_After=asked)
    waits = [refusal().retry_after for _answer in range(3)]
    assert waits == [timedelta(seconds=7), timedelta(minutes=15), None]


def test_a_phone_that_is_switched_off_gets_an_hour(twilio_here):
    twilio_here.will_refuse(400, 30003)
    assert refusal().retry_after == HOUR


@pytest.mark.req("R-07")
@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_fault_of_twilios_leaves_it_unknown_whether_the_text_went(twilio_here, status):
    twilio_here.will_say(status, "<html>+12125550142</html>")
    error = refusal()
    assert isinstance(error, AnswerLost)
    assert error.code == str(status)


@pytest.mark.parametrize("body", ["<html>sign in to the hotel's network</html>", ""])
def test_a_yes_that_cannot_be_read_leaves_it_unknown_too(twilio_here, body):
    twilio_here.will_say(200, body)
    assert isinstance(refusal(), AnswerLost)


def test_an_answer_in_another_shape_is_still_an_answer(twilio_here):
    problem = {"type": "about:blank", "title": "No", "status": 400, "code": 21211}
    twilio_here.will_say(400, problem)
    assert refusal().code == "21211"
    twilio_here.will_say(400, ["no"])
    assert (error := refusal()).code == "400"
    assert error.kind == PERMANENT


# -- no answer ----------------------------------------------------------------------------------


def test_nobody_listening_means_that_nothing_was_sent(monkeypatch):
    monkeypatch.setattr(LocalHttp, "port", free_port())
    error = refusal()
    assert (error.kind, isinstance(error, AnswerLost)) == (TRANSIENT, False)


def test_a_name_that_cannot_be_found_means_that_nothing_was_sent(monkeypatch):
    monkeypatch.setattr("tests.switchboard.HOST", "twilio.invalid")
    error = refusal()
    assert (error.kind, isinstance(error, AnswerLost)) == (TRANSIENT, False)


@pytest.mark.req("H-09")
def test_a_server_that_cannot_prove_to_be_twilio_gets_nothing(twilio_here, monkeypatch, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate("localhost", tmp_path))
    twilio_here.socket = context.wrap_socket(twilio_here.socket, server_side=True)
    monkeypatch.setattr(LocalHttp, "scheme", "https")
    error = refusal()
    assert (error.kind, isinstance(error, AnswerLost)) == (TRANSIENT, False)
    assert twilio_here.texts == []


@pytest.mark.req("R-07")
def test_a_line_that_breaks_after_the_text_leaves_it_unknown(twilio_here):
    twilio_here.will_hang_up()
    assert isinstance(refusal(), AnswerLost)
    assert len(twilio_here.texts) == 1  # and the SDK does not try again by itself


@pytest.mark.req("R-05")
def test_a_server_that_never_answers_a_text_holds_us_up_no_longer_than_the_time_out(monkeypatch):
    assert twilio.CONNECT_SECONDS + twilio.READ_SECONDS <= 15
    monkeypatch.setattr(twilio, "READ_SECONDS", 0.5)
    with black_hole() as port:
        monkeypatch.setattr(LocalHttp, "port", port)
        begun = time.monotonic()
        error = refusal()
    assert time.monotonic() - begun < 5
    assert isinstance(error, AnswerLost)


# -- what the practice must have set ------------------------------------------------------------


def test_without_credentials_nothing_is_tried(twilio_here, account):
    account.NOTIFICATIONS_TWILIO_AUTH_TOKEN = ""
    assert (refusal().kind, twilio_here.texts) == (SET_UP, [])


@pytest.mark.parametrize(
    "setting",
    [
        "NOTIFICATIONS_TWILIO_ACCOUNT_SID",
        "NOTIFICATIONS_TWILIO_AUTH_TOKEN",
        "NOTIFICATIONS_TWILIO_FROM",
    ],
)
def test_texts_are_off_until_twilio_has_what_it_needs(account, setting):
    assert Sms().is_configured()
    setattr(account, setting, "")
    assert not Sms().is_configured()


def test_a_messaging_service_needs_no_number(account):
    account.NOTIFICATIONS_TWILIO_FROM = ""
    account.NOTIFICATIONS_TWILIO_MESSAGING_SERVICE = SERVICE
    assert Sms().is_configured()


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("NOTIFICATIONS_TWILIO_ACCOUNT_SID", "NOTIFICATIONS_TWILIO_ACCOUNT_SID is empty"),
        ("NOTIFICATIONS_TWILIO_AUTH_TOKEN", "NOTIFICATIONS_TWILIO_AUTH_TOKEN is empty"),
        (
            "NOTIFICATIONS_TWILIO_FROM",
            "NOTIFICATIONS_TWILIO_FROM or NOTIFICATIONS_TWILIO_MESSAGING_SERVICE is empty",
        ),
    ],
)
def test_the_check_names_what_twilio_lacks(account, setting, named):
    assert not lacking()
    setattr(account, setting, "")
    [error] = lacking()
    assert error.msg.startswith(named)
    assert "NOTIFICATIONS_SMS_PROVIDER" in error.msg


def lacking():
    found = run_checks(tags=["security"], include_deployment_checks=True)
    return [each for each in found if each.id == "notifications.E115"]


def test_half_a_pair_of_keys_is_no_pair(twilio_here, account):
    account.NOTIFICATIONS_TWILIO_API_KEY = "SK" + "3" * 32
    text()
    usual = "Basic " + b64encode(f"{SID}:{TOKEN}".encode()).decode()
    assert [credentials for _path, credentials in twilio_here.calls] == [usual]


# -- a patient's story --------------------------------------------------------------------------


def reminded(patient):
    made = send(patient, AppointmentReminderPayload.example())
    run()
    return made


@pytest.mark.django_db
def test_anas_reminder_leaves_with_a_callback_that_names_its_delivery(ana, noon, twilio_here):
    phone_of(ana)
    made = reminded(ana)
    row = delivery_of(made, "sms")
    assert status_of(made, "sms") == (DeliveryStatus.ACCEPTED, "")
    assert row.provider_id == TEXT_SID
    (sent,) = twilio_here.texts
    assert sent["StatusCallback"] == f"https://notify.dental.example/webhooks/sms/{row.pk}/"
    assert sent["Body"].startswith("Main Street Dental: ")


@pytest.mark.django_db
def test_a_number_twilio_calls_dead_needs_an_update_and_gets_nothing_more(ana, noon, twilio_here):
    phone = phone_of(ana)
    twilio_here.will_refuse(400, 21614)
    made = reminded(ana)
    assert status_of(made, "sms") == (DeliveryStatus.FAILED, Reason.BOUNCED_HARD)
    phone.refresh_from_db()
    assert phone.status == ContactStatus.NEEDS_UPDATE


@pytest.mark.django_db
def test_a_text_whose_answer_was_lost_is_never_sent_again(ana, noon, twilio_here):
    phone_of(ana)
    twilio_here.will_hang_up()
    made = reminded(ana)
    assert status_of(made, "sms") == (DeliveryStatus.UNKNOWN, Reason.ANSWER_UNKNOWN)
    for minutes in (1, 11, 30):
        run(at=NOON + timedelta(minutes=minutes))
    assert len(twilio_here.texts) == 1


@pytest.mark.django_db
def test_a_code_nobody_knows_is_tried_three_times_and_somebody_is_told(
    ana, noon, twilio_here, caplog
):
    phone_of(ana)
    for _try in range(5):
        twilio_here.will_refuse(400, 99999)
    made = reminded(ana)
    for minutes in (20, 40, 60):
        run(at=NOON + timedelta(minutes=minutes))
    assert status_of(made, "sms") == (DeliveryStatus.FAILED, Reason.PROVIDER_ERROR)
    assert len(twilio_here.texts) == 3
    assert "Twilio refused a text with 99999" in caplog.text


@pytest.mark.django_db
@pytest.mark.req("S-17")
@pytest.mark.parametrize("how", ["taken", "refused", "fault", "hung up", "nobody there"])
def test_neither_number_nor_words_get_into_a_log_or_an_attempt(
    ana, noon, twilio_here, monkeypatch, caplog, how
):
    phone_of(ana)
    caplog.set_level(logging.DEBUG)
    for name in ("twilio", "twilio.http_client", "urllib3", "requests"):
        caplog.set_level(logging.DEBUG, logger=name)
    if how == "refused":
        twilio_here.will_refuse(400, 21211)
    if how == "fault":
        twilio_here.will_say(503, "+12125550142: your visit")
    if how == "hung up":
        twilio_here.will_hang_up()
    if how == "nobody there":
        monkeypatch.setattr(LocalHttp, "port", free_port())
    reminded(ana)
    tried = DeliveryAttempt.objects.get(delivery__channel="sms")
    seen = f"{tried.code} {tried.provider_id} {caplog.text}"
    for secret in ("2125550142", "your visit", TOKEN, "Main Street Dental"):
        assert secret not in seen

"""The stand-ins for carriers, met by the product's real clients; their books are the judge."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

import pytest
import requests
from django.core.mail import EmailMultiAlternatives
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from carriers import books, magic
from notifications import clock
from notifications.crypto import new_id
from notifications.enums import (
    ContactEffect,
    ContactStatus,
    DeliveryStatus,
    ErrorKind,
    Level,
    Reason,
)
from notifications.providers import mail, vapid, webpush
from notifications.types import AnswerLost, ChannelError, Envelope
from tests.engine import ANAS_NUMBER, BENS_NUMBER, delivery_of, phone_of, run, send, status_of
from tests.pushing import MOZILLA, SENTENCE, resolve, with_key
from tests.rig.processes import HOST, ROOT
from tests.site import Site, site
from tests.standins import SECONDS, StandIns, ToHere, soon, stand_ins
from tests.switchboard import LocalHttp, LocalTwilio

pytestmark = pytest.mark.servers
TEXT = "Main Street Dental: your visit is Tue, Nov 24 at 9:30 AM EST."
PERMANENT, TRANSIENT, SET_UP = ErrorKind.PERMANENT, ErrorKind.TRANSIENT, ErrorKind.CONFIGURATION
NOBODY = "+12125550142"


@pytest.fixture(scope="module")
def carriers(tmp_path_factory) -> StandIns:
    with stand_ins(tmp_path_factory.mktemp("carriers")) as here:
        yield here


@pytest.fixture(autouse=True)
def as_it_was(carriers):
    yield
    carriers.control(mode="ok", latency=0, per_second=None, callbacks=True, lag=0.5)
    carriers.control(callback_delay=0.01, replies_url="")


@pytest.fixture(autouse=True)
def account(settings, carriers, monkeypatch):
    settings.NOTIFICATIONS_TWILIO_ACCOUNT_SID = carriers.ports["account"]
    settings.NOTIFICATIONS_TWILIO_AUTH_TOKEN = carriers.ports["token"]
    settings.NOTIFICATIONS_TWILIO_FROM = carriers.ports["sender"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = (
        HOST,
        carriers.ports["smtp"],
        5,
    )
    monkeypatch.setattr(LocalHttp, "port", carriers.ports["twilio"])
    monkeypatch.setattr("notifications.providers.twilio.READ_SECONDS", 1.0)
    return settings


@pytest.fixture
def called() -> Site:
    """Who is called back."""
    with site() as here:
        yield here


def envelope(to: str, *, callback: str = "http://localhost:9/webhooks/sms/{}/", **more) -> Envelope:
    pk = new_id()
    return Envelope(
        delivery_id=pk,
        to={"address": to},
        level=Level.L1,
        callback_url=callback.format(pk),
        sender="Main Street Dental",
        **more,
    )


def text(to: str = NOBODY, **more) -> tuple[str, str]:
    """Send a text; returns its SID and our name for it."""
    made = envelope(to, **more)
    sent = LocalTwilio(channel="sms").send(envelope=made, content={"sms.txt": TEXT})
    return sent.provider_id, str(made.delivery_id)


def refused_text(to: str, **more) -> tuple[ChannelError, str]:
    """Send a text that is not taken, or not known to be; returns the error and our name for it."""
    made = envelope(to, **more)
    with pytest.raises(ChannelError) as caught:
        LocalTwilio(channel="sms").send(envelope=made, content={"sms.txt": TEXT})
    return caught.value, str(made.delivery_id)


def booked(carriers: StandIns, carrier: str, delivery: str) -> list[books.Entry]:
    return [entry for entry in carriers.books(carrier) if entry.delivery == delivery]


def sdk(carriers: StandIns) -> Client:
    http = LocalHttp()
    return Client(carriers.ports["account"], carriers.ports["token"], http_client=http)


# -- texts --------------------------------------------------------------------------------------


def test_a_text_is_in_the_book_before_its_sender_hears_that_it_was_taken(carriers):
    expires = clock.now() + timedelta(hours=1)
    sid, delivery = text(expires_at=expires)
    [entry] = booked(carriers, "twilio", delivery)
    assert (entry.id, entry.to) == (sid, NOBODY)
    assert entry.body_sha256 == hashlib.sha256(TEXT.encode()).hexdigest()
    assert 3590 <= entry.expires <= 3600
    assert abs(entry.at - time.time()) < 5


@pytest.mark.parametrize(
    ("number", "code", "kind", "contact"),
    [
        ("+15005550001", "21211", PERMANENT, ContactEffect.NEEDS_UPDATE),
        ("+15005550002", "21612", PERMANENT, ContactEffect.NONE),
        ("+15005550003", "21408", PERMANENT, ContactEffect.NONE),
        ("+15005550004", "21610", PERMANENT, ContactEffect.OPTED_OUT),
        ("+15005550009", "21614", PERMANENT, ContactEffect.NEEDS_UPDATE),
    ],
)
def test_a_number_that_is_refused_at_once_is_in_no_book(carriers, number, code, kind, contact):
    error, delivery = refused_text(number)
    assert (error.code, error.kind, error.contact) == (code, kind, contact)
    assert not booked(carriers, "twilio", delivery)
    assert carriers.refusals()[-1] | {"at": 0} == {
        "at": 0,
        "carrier": "twilio",
        "to": number,
        "code": code,
    }


@pytest.mark.parametrize(
    ("number", "code", "copies"),
    [
        ("+12125550191", "20500", 0),
        ("+12125550190", "20500", 1),
        ("+12125550189", "ConnectionError", 0),
        ("+12125550188", "ConnectionError", 1),
        ("+12125550186", "ReadTimeout", 0),
        ("+12125550185", "ReadTimeout", 1),
    ],
)
def test_where_the_answer_is_lost_only_the_book_knows_whether_a_text_went(
    carriers, number, code, copies
):
    error, delivery = refused_text(number)
    assert isinstance(error, AnswerLost)
    assert error.code == code
    assert len(booked(carriers, "twilio", delivery)) == copies


def test_a_busy_carrier_takes_a_text_the_third_time_and_anothers_count_is_its_own(carriers):
    mine, anothers = envelope("+12125550192"), envelope("+12125550192")
    tries = [mine, anothers, mine, anothers, mine]
    told = [said_of(each) for each in tries]
    wait = ("20429", ErrorKind.THROTTLED, timedelta(seconds=1))
    assert told == [wait] * 4 + ["taken"]
    assert len(booked(carriers, "twilio", str(mine.delivery_id))) == 1
    assert not booked(carriers, "twilio", str(anothers.delivery_id))


def said_of(made: Envelope):
    try:
        LocalTwilio(channel="sms").send(envelope=made, content={"sms.txt": TEXT})
    except ChannelError as error:
        return error.code, error.kind, error.retry_after
    return "taken"


@pytest.mark.parametrize(
    ("number", "statuses", "code"),
    [
        (NOBODY, ["queued", "sent", "delivered"], ""),
        ("+12125550199", ["queued", "sent", "undelivered"], "30005"),
        ("+12125550198", ["queued", "sent", "undelivered"], "30003"),
        ("+12125550197", ["queued", "sent", "undelivered"], "30006"),
        ("+12125550196", ["queued", "failed"], "30007"),
        ("+12125550194", ["queued", "failed"], "30034"),
        ("+12125550193", ["queued", "sent", "undelivered"], "30008"),
        ("+12125550183", ["queued", "queued", "sent", "sent", "delivered", "delivered"], ""),
        ("+12125550182", ["delivered", "queued", "sent"], ""),
        ("+12125550190", ["queued", "sent", "delivered"], ""),
        ("+12125550188", ["queued", "sent", "delivered"], ""),
    ],
)
def test_what_became_of_a_text_is_told_in_twilios_words_and_signed(
    carriers, called, number, statuses, code
):
    made = envelope(number, callback=called.url + "/webhooks/sms/{}/")
    said_of(made)
    calls = soon(lambda: len(called.calls) >= len(statuses) and called.calls)
    assert [call.form["MessageStatus"] for call in calls] == statuses
    assert calls[-1].form.get("ErrorCode", "") == code
    [entry] = booked(carriers, "twilio", str(made.delivery_id))
    for call in calls:
        assert (call.form["MessageSid"], call.form["To"]) == (entry.id, number)
        assert is_signed(carriers, call)


def is_signed(carriers: StandIns, call) -> bool:
    validator = RequestValidator(carriers.ports["token"])
    return validator.validate(call.url, call.form, call.headers["X-Twilio-Signature"])


@pytest.mark.parametrize("number", ["+12125550195", "+12125550184"])
def test_a_silent_or_late_carrier_says_nothing_for_now(carriers, called, number):
    sid, delivery = text(number, callback=called.url + "/{}/")
    time.sleep(1)
    assert called.calls == []
    assert len(booked(carriers, "twilio", delivery)) == 1
    is_late = number == "+12125550184"
    assert sdk(carriers).messages(sid).fetch().status == ("queued" if is_late else "sent")


def test_late_statuses_come_in_the_end(carriers, called):
    text("+12125550184", callback=called.url + "/{}/")
    calls = soon(lambda: len(called.calls) >= 3 and called.calls)
    assert [call.form["MessageStatus"] for call in calls] == ["queued", "sent", "delivered"]


def test_who_opts_out_is_heard_and_gets_no_more_until_they_say_start(carriers, called):
    stopper = "+12125550181"
    carriers.control(carrier="twilio", replies_url=f"{called.url}/webhooks/sms/replies/")
    text(stopper, callback=called.url + "/webhooks/sms/{}/")
    calls = soon(lambda: len(called.calls) >= 4 and called.calls)
    assert calls[-2].form["MessageStatus"] == "delivered"
    assert (calls[-1].path, calls[-1].form["Body"]) == ("/webhooks/sms/replies/", "STOP")
    assert (calls[-1].form["From"], is_signed(carriers, calls[-1])) == (stopper, True)
    assert refused_text(stopper)[0].contact == ContactEffect.OPTED_OUT
    assert text(NOBODY)  # another patient's texts go on
    carriers.inbound(stopper, "start")
    assert soon(lambda: said_of(envelope(stopper)) == "taken")


def test_who_replies_1_is_heard(carriers, called):
    carriers.control(carrier="twilio", replies_url=f"{called.url}/webhooks/sms/replies/")
    text("+12125550180", callback=called.url + "/webhooks/sms/{}/")
    calls = soon(lambda: len(called.calls) >= 4 and called.calls)
    assert (calls[-1].form["From"], calls[-1].form["Body"]) == ("+12125550180", "1")


def test_every_magic_number_is_tried_here():
    source = (ROOT / "tests/test_carriers.py").read_text()
    assert not {number for number in magic.TEXTS if number not in source}


def test_a_site_that_is_away_is_called_again_and_one_that_refuses_is_not(carriers, called):
    called.answers += [503, 503, 200, 403]
    text(callback=called.url + "/{}/")
    calls = soon(lambda: len(called.calls) >= 5 and called.calls)
    told = [call.form["MessageStatus"] for call in calls]
    assert told == ["queued", "queued", "queued", "sent", "delivered"]


def test_callbacks_can_be_switched_off_and_the_status_goes_on(carriers, called):
    carriers.control(carrier="twilio", callbacks=False, lag=0)
    sid, _delivery = text(callback=called.url + "/{}/")
    assert soon(lambda: sdk(carriers).messages(sid).fetch().status == "delivered")
    assert called.calls == []


def test_no_machine_but_this_one_is_called(carriers):
    error, delivery = refused_text(NOBODY, callback="https://notify.dental.example/{}/")
    assert error.code == "21609"
    assert not booked(carriers, "twilio", delivery)


# -- texts: with the whole product behind them --------------------------------------------------


@pytest.fixture
def clinic(carriers, account, live_server, note, noon):
    """The real site, called by the carrier over HTTP."""
    account.PUBLIC_URL = live_server.url
    account.NOTIFICATIONS_SMS_PROVIDER = "tests.switchboard.LocalTwilio"
    carriers.control(carrier="twilio", replies_url=f"{live_server.url}/webhooks/sms/replies/")


@pytest.mark.django_db(transaction=True)
def test_what_the_carrier_calls_with_reaches_the_patients_message(carriers, clinic, ana, ben):
    phone_of(ana)
    phone_of(ben, "+12125550199")
    made, bens = send(ana), send(ben)
    run()
    assert soon(lambda: status_of(made, "sms")[0] == DeliveryStatus.DELIVERED)
    assert soon(lambda: status_of(bens, "sms") == (DeliveryStatus.FAILED, Reason.BOUNCED_HARD))
    for each in (made, bens):
        row = delivery_of(each, "sms")
        assert [entry.id for entry in booked(carriers, "twilio", str(row.pk))] == [row.provider_id]


@pytest.mark.django_db(transaction=True)
def test_a_text_the_carrier_took_without_saying_so_is_known_once_it_reports(carriers, clinic, ana):
    phone_of(ana, "+12125550188")
    made = send(ana)
    run()
    assert soon(lambda: status_of(made, "sms")[0] == DeliveryStatus.DELIVERED)
    assert len(booked(carriers, "twilio", str(delivery_of(made, "sms").pk))) == 1


@pytest.mark.django_db(transaction=True)
def test_a_stop_over_the_wire_ends_anas_texts_and_not_bens(carriers, clinic, ana, ben):
    phone, bens = phone_of(ana), phone_of(ben, BENS_NUMBER)
    carriers.inbound(ANAS_NUMBER, "STOP")
    assert soon(lambda: status_after(phone) == ContactStatus.OPTED_OUT)
    assert status_after(bens) == ContactStatus.ACTIVE
    carriers.inbound(ANAS_NUMBER, "START")
    assert soon(lambda: status_after(phone) == ContactStatus.ACTIVE)


def status_after(contact) -> str:
    contact.refresh_from_db()
    return contact.status


# -- texts: looking them up ---------------------------------------------------------------------


def test_a_text_cannot_be_found_at_once_and_then_it_can(carriers):
    carriers.control(carrier="twilio", lag=1)
    number = "+12125550101"
    sid, _delivery = text(number)
    since = datetime.now(UTC) - timedelta(minutes=1)
    client = sdk(carriers)
    assert client.messages.list(to=number, date_sent_after=since) == []
    [found] = soon(lambda: client.messages.list(to=number, date_sent_after=since))
    assert (found.sid, found.body, found.to) == (sid, TEXT, number)
    assert client.messages(sid).fetch().sid == sid


def test_the_list_is_newest_first_in_pages_and_keeps_to_its_filters(carriers):
    carriers.control(carrier="twilio", lag=0)
    number, client = "+12125550102", sdk(carriers)
    sids = [text(number)[0] for _text in range(5)]
    text("+12125550103")
    assert [each.sid for each in client.messages.list(to=number, page_size=2)] == sids[::-1]
    assert len(client.messages.list(to=number, limit=3)) == 3
    assert client.messages.list(to=number, from_="+12125550100") == []
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert client.messages.list(to=number, date_sent_after=tomorrow) == []
    assert len(client.messages.list(to=number, date_sent_before=tomorrow)) == 5
    assert len(client.messages.list(to=number, date_sent=datetime.now(UTC))) == 5


def test_a_text_says_when_it_was_sent_and_what_went_wrong(carriers):
    carriers.control(carrier="twilio", lag=0)
    sid, _delivery = text("+12125550199")
    client = sdk(carriers)
    found = soon(lambda: (each := client.messages(sid).fetch()).status == "undelivered" and each)
    assert (found.error_code, found.direction, found.num_segments) == (30005, "outbound-api", "1")
    assert found.date_created <= found.date_sent <= datetime.now(UTC)


def test_a_messaging_service_chooses_its_number_later(carriers, account):
    account.NOTIFICATIONS_TWILIO_FROM, service = "", "MG" + "1" * 32
    account.NOTIFICATIONS_TWILIO_MESSAGING_SERVICE = service
    carriers.control(carrier="twilio", lag=0, callback_delay=0.5)
    sid, _delivery = text()
    client = sdk(carriers)
    new = client.messages(sid).fetch()
    assert (new.status, new.from_, new.messaging_service_sid) == ("accepted", None, service)
    later = soon(lambda: (each := client.messages(sid).fetch()).status != "accepted" and each)
    assert later.from_ == carriers.ports["sender"]


@pytest.mark.parametrize(("missing", "code"), [("To", 21604), ("From", 21603), ("Body", 21602)])
def test_what_a_text_lacks_is_said_as_twilio_says_it(carriers, missing, code):
    form = {"To": NOBODY, "From": carriers.ports["sender"], "Body": TEXT}
    del form[missing]
    answer = post_text(carriers, form)
    assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (400, code, 400)
    assert answer.json()["more_info"].endswith(str(code))


def post_text(carriers: StandIns, form: dict[str, str], *, token: str = "") -> requests.Response:
    account = carriers.ports["account"]
    return requests.post(
        f"{carriers.url('twilio')}/2010-04-01/Accounts/{account}/Messages.json",
        data=form,
        auth=(account, token or carriers.ports["token"]),
        timeout=10,
    )


def test_a_caller_with_the_wrong_token_is_not_heard(carriers, account):
    account.NOTIFICATIONS_TWILIO_AUTH_TOKEN = "another"
    error, delivery = refused_text(NOBODY)
    assert (error.code, error.kind) == ("20003", SET_UP)
    assert not booked(carriers, "twilio", delivery)


# -- all of them: how they behave at the moment -------------------------------------------------


def test_twilio_that_is_down_leaves_it_unknown_and_its_book_does_not(carriers):
    carriers.control(carrier="twilio", mode="down")
    error, delivery = refused_text(NOBODY)
    assert isinstance(error, AnswerLost)
    assert not booked(carriers, "twilio", delivery)


def test_twilio_that_takes_no_connections_took_nothing_and_is_back_at_the_same_port(carriers):
    carriers.control(carrier="twilio", mode="refuse")
    error, _delivery = refused_text(NOBODY)
    assert (error.kind, isinstance(error, AnswerLost)) == (TRANSIENT, False)
    carriers.control(carrier="twilio", mode="ok")
    assert text()


def test_more_than_it_may_take_in_a_second_is_told_to_wait(carriers):
    carriers.control(carrier="twilio", per_second=0)
    error, _delivery = refused_text(NOBODY)
    assert (error.code, error.retry_after) == ("20429", timedelta(seconds=1))


def test_a_slow_carrier_takes_its_time(carriers):
    carriers.control(carrier="twilio", latency=0.4)
    before = time.monotonic()
    text()
    assert time.monotonic() - before >= 0.4


@pytest.mark.parametrize(
    "wanted",
    [
        {"carrier": "pigeon", "mode": "ok"},
        {"carrier": "push", "mode": "sender"},
        {"carrier": "twilio", "latency": -1},
        {"carrier": "twilio", "per_second": "many"},
        {"carrier": "twilio", "colour": "red"},
    ],
)
def test_nonsense_is_refused_and_changes_nothing(carriers, wanted):
    before = modes(carriers)
    answer = requests.post(f"{carriers.url('control')}/_control", json=wanted, timeout=10)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert modes(carriers) == before


def modes(carriers: StandIns) -> list[list]:
    """How each behaves, without what it has counted."""
    names = ("mode", "latency", "per_second", "callbacks", "lag", "callback_delay")
    return [[each[name] for name in names] for each in carriers.state().values()]


# -- mails --------------------------------------------------------------------------------------


def message(to: str) -> EmailMultiAlternatives:
    return mail.build(envelope=envelope(to), subject="Your visit", text=TEXT, html=f"<p>{TEXT}</p>")


def mailed(to: str) -> str:
    """Send a mail that is taken; returns our name for it."""
    made = message(to)
    assert mail.send(made) == made.extra_headers["Message-ID"]
    return made.extra_headers["X-Delivery-Id"]


def refused_mail(to: str, made: EmailMultiAlternatives | None = None) -> tuple[ChannelError, str]:
    made = made or message(to)
    with pytest.raises(ChannelError) as caught:
        mail.send(made)
    return caught.value, made.extra_headers["X-Delivery-Id"]


@pytest.mark.parametrize("to", ["ana@example.com", "slow@example.com", "bounce@practice.example"])
def test_a_mail_is_in_the_book_by_our_name_for_it(carriers, to):
    [entry] = booked(carriers, "smtp", mailed(to))
    assert entry.to == to
    assert entry.body_sha256 == hashlib.sha256(TEXT.encode()).hexdigest()


@pytest.mark.parametrize(
    ("name", "code", "kind", "contact"),
    [
        ("bounce", "550", PERMANENT, ContactEffect.NEEDS_UPDATE),
        ("bounce+ana", "550", PERMANENT, ContactEffect.NEEDS_UPDATE),
        ("rejected", "550", PERMANENT, ContactEffect.NONE),
        ("full", "452", TRANSIENT, ContactEffect.NONE),
    ],
)
def test_an_address_that_is_refused_is_in_no_book(carriers, name, code, kind, contact):
    error, delivery = refused_mail(f"{name}@example.com")
    assert (error.code, error.kind, error.contact) == (code, kind, contact)
    assert not booked(carriers, "smtp", delivery)


def test_a_server_that_greylists_takes_a_mail_the_third_time(carriers):
    made = message("greylist+ana@example.com")
    for _try in range(2):
        error, delivery = refused_mail("", made)
        assert (error.code, error.kind) == ("451", TRANSIENT)
    mail.send(made)
    assert len(booked(carriers, "smtp", delivery)) == 1


@pytest.mark.parametrize(
    ("name", "copies"), [("cut-before", 0), ("cut-after", 1), ("silent-after", 1)]
)
def test_where_no_answer_comes_only_the_book_knows_whether_a_mail_went(
    carriers, account, name, copies
):
    account.EMAIL_TIMEOUT = 1
    error, delivery = refused_mail(f"{name}@example.com")
    assert isinstance(error, AnswerLost)
    assert len(booked(carriers, "smtp", delivery)) == copies


@pytest.mark.parametrize("mode", ["down", "refuse"])
def test_a_mail_server_that_is_not_there_took_nothing(carriers, mode):
    carriers.control(carrier="smtp", mode=mode)
    error, _delivery = refused_mail("ana@example.com")
    assert (error.kind, isinstance(error, AnswerLost)) == (TRANSIENT, False)
    carriers.control(carrier="smtp", mode="ok")
    assert mailed("ana@example.com")


def test_a_server_that_refuses_our_own_address_says_nothing_of_the_patients(carriers):
    carriers.control(carrier="smtp", mode="sender")
    error, _delivery = refused_mail("ana@example.com")
    assert (error.code, error.kind, error.contact) == ("550", SET_UP, ContactEffect.NONE)


def test_more_mails_than_it_may_take_in_a_second_are_told_to_wait(carriers):
    carriers.control(carrier="smtp", per_second=0)
    assert refused_mail("ana@example.com")[0].kind == TRANSIENT


# -- pushes -------------------------------------------------------------------------------------


@pytest.fixture
def phone(settings, carriers, monkeypatch):
    """Sends pushes; returns what makes a device of a fate."""
    with_key(settings)
    monkeypatch.setattr(socket, "getaddrinfo", resolve(socket.getaddrinfo))
    monkeypatch.setattr(webpush, "Pinned", ToHere)
    monkeypatch.setattr(webpush, "TIMEOUT", (5, 1))
    monkeypatch.setattr(ToHere, "port", carriers.ports["push"])

    def device(**wanted) -> dict[str, str]:
        made = carriers.subscribe(**wanted)
        return {"address": f"https://{MOZILLA}{made.pop('endpoint_path')}", **made}

    return device


def push(device: dict[str, str], made: Envelope | None = None) -> str:
    made = made or push_envelope(device)
    webpush.WebPush(channel="push").send(envelope=made, content=SENTENCE)
    return str(made.delivery_id)


def push_envelope(device: dict[str, str]) -> Envelope:
    return Envelope(delivery_id=new_id(), to=device, level=Level.L0, sender="Main Street Dental")


def refused_push(device: dict[str, str], made: Envelope | None = None) -> tuple[ChannelError, str]:
    made = made or push_envelope(device)
    with pytest.raises(ChannelError) as caught:
        push(device, made)
    return caught.value, str(made.delivery_id)


def test_a_push_is_opened_and_booked_by_our_name_for_it(carriers, phone):
    device = phone()
    [entry] = booked(carriers, "push", push(device))
    assert entry.to == urlsplit(device["address"]).path
    assert (entry.topic, entry.expires) == (entry.delivery.replace("-", ""), 7 * 24 * 3600)


def test_a_push_that_is_sent_again_takes_the_place_of_the_first(carriers, phone):
    device = phone()
    made, before = push_envelope(device), carriers.state()["push"]["replaced"]
    push(device, made)
    push(device)  # another message: both wait
    assert carriers.state()["push"]["replaced"] == before
    push(device, made)
    assert carriers.state()["push"]["replaced"] == before + 1
    assert len(booked(carriers, "push", str(made.delivery_id))) == 2


@pytest.mark.parametrize(
    ("fate", "kind", "contact"),
    [
        ("404", PERMANENT, ContactEffect.REMOVED),
        ("410", PERMANENT, ContactEffect.REMOVED),
        ("413", PERMANENT, ContactEffect.NONE),
        ("500", TRANSIENT, ContactEffect.NONE),
    ],
)
def test_a_device_that_is_refused_is_in_no_book(carriers, phone, fate, kind, contact):
    error, delivery = refused_push(phone(fate=fate))
    assert (error.code, error.kind, error.contact) == (fate, kind, contact)
    assert not booked(carriers, "push", delivery)


@pytest.mark.parametrize(("fate", "copies"), [("cut-before", 0), ("cut-after", 1), ("hang", 0)])
def test_where_no_answer_comes_only_the_book_knows_whether_a_push_went(
    carriers, phone, fate, copies
):
    error, delivery = refused_push(phone(fate=fate))
    assert isinstance(error, AnswerLost)
    assert len(booked(carriers, "push", delivery)) == copies


def test_a_busy_push_service_takes_it_the_third_time(carriers, phone):
    device = phone(fate="429")
    made = push_envelope(device)
    for _try in range(2):
        error, _delivery = refused_push(device, made)
        assert (error.code, error.retry_after) == ("429", timedelta(seconds=1))
    assert len(booked(carriers, "push", push(device, made))) == 1


def test_a_push_signed_with_another_key_than_the_browser_was_told_is_refused(
    carriers, phone, settings
):
    ours = vapid.public_key(settings.NOTIFICATIONS_VAPID_PRIVATE_KEY)
    device = phone(key=ours)
    push(device)
    settings.NOTIFICATIONS_VAPID_PRIVATE_KEY = vapid.new_key()
    error, delivery = refused_push(device)
    assert (error.code, error.kind) == ("403", SET_UP)
    assert not booked(carriers, "push", delivery)


def test_a_push_signed_for_another_service_is_refused(carriers, phone, monkeypatch):
    monkeypatch.setattr(ToHere, "send", sent_as_another(ToHere.send))
    assert refused_push(phone())[0].code == "403"


def sent_as_another(send):
    def changed(self, request, **options):
        self.host, real = "fcm.googleapis.com", self.host
        request.url = request.url.replace(real, self.host)
        return send(self, request, **options)

    return changed


def test_a_push_sealed_for_another_browser_is_refused(carriers, phone):
    device = phone()
    anothers = {**phone(), "address": device["address"]}
    error, delivery = refused_push(anothers)
    assert error.code == "400"
    assert not booked(carriers, "push", delivery)


def test_a_push_service_that_is_down_took_nothing(carriers, phone):
    device = phone()
    carriers.control(carrier="push", mode="down")
    error, delivery = refused_push(device)
    assert (error.code, error.kind) == ("503", TRANSIENT)
    assert not booked(carriers, "push", delivery)


# -- the process and its books ------------------------------------------------------------------


def test_sixteen_senders_at_once_hand_over_five_hundred_texts_a_second(tmp_path):
    with stand_ins(tmp_path, "--only", "twilio") as here, ThreadPoolExecutor(16) as senders:
        before = time.monotonic()
        sids = [sid for sent in senders.map(lambda _one: hundred(here), range(16)) for sid in sent]
        took = time.monotonic() - before
        assert sorted(sids) == sorted(entry.id for entry in here.books("twilio"))
    assert len(set(sids)) == 1600
    assert took < 1600 / 500


def hundred(carriers: StandIns) -> list[str]:
    """Send a hundred texts over one connection; returns their SIDs."""
    account, token = carriers.ports["account"], carriers.ports["token"]
    login = b64encode(f"{account}:{token}".encode()).decode()
    headers = {
        "Authorization": f"Basic {login}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    form = urlencode({"To": NOBODY, "From": carriers.ports["sender"], "Body": TEXT})
    with closing(HTTPConnection(HOST, carriers.ports["twilio"], timeout=10)) as line:
        return [sid_of(line, account, form, headers) for _text in range(100)]


def sid_of(line: HTTPConnection, account: str, form: str, headers: dict[str, str]) -> str:
    line.request("POST", f"/2010-04-01/Accounts/{account}/Messages.json", form, headers)
    return json.loads(line.getresponse().read())["sid"]


def test_a_carrier_that_is_killed_goes_on_in_the_same_books(tmp_path):
    with stand_ins(tmp_path, "--only", "twilio") as here:
        form = {"To": NOBODY, "From": here.ports["sender"], "Body": TEXT}
        first = post_text(here, form).json()["sid"]
        here.process.kill()
        here.process.wait(timeout=10)
    with stand_ins(
        tmp_path, "--only", "twilio", "--twilio-port", str(here.ports["twilio"])
    ) as again:
        assert again.ports["twilio"] == here.ports["twilio"]
        second = post_text(again, form).json()["sid"]
        assert [entry.id for entry in again.books("twilio")] == [first, second]


def test_what_only_mails_need_is_not_asked_of_the_others():
    asks = "import sys, carriers.__main__; sys.exit('aiosmtpd' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asks], cwd=ROOT, timeout=60).returncode == 0


def test_a_line_that_is_half_written_does_not_count_yet(tmp_path):
    path = tmp_path / "twilio.jsonl"
    assert books.read(path) == []
    whole = '{"at": 1.5, "id": "SM1", "to": "+1", "delivery": "", "body_sha256": "", "expires": 60}'
    path.write_text(f"{whole}\n{whole[:30]}")
    [entry] = books.read(path)
    assert (entry.id, entry.at, entry.expires, entry.topic) == ("SM1", 1.5, 60, "")


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "parent", "time"])
def test_the_process_ends_when_it_is_told_to_when_its_parent_does_and_in_time(tmp_path, how):
    seconds = "3" if how == "time" else str(SECONDS)
    command = [sys.executable, "-m", "carriers", "--folder", str(tmp_path), "--only", "twilio"]
    command += ["--seconds", seconds, "--stop-with-parent"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline().startswith("Ready on 127.0.0.1: twilio ")
        if how.startswith("SIG"):
            os.kill(process.pid, getattr(signal, how))
        if how == "parent":
            process.stdin.close()
        assert process.wait(timeout=20) == 0

"""Pushes, delivered to and decrypted by an implementation nobody here wrote: web-push-testing."""

import json
import logging
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from notifications.contacts import devices
from notifications.enums import (
    ContactEffect,
    ContactStatus,
    DeliveryStatus,
    ErrorKind,
    PatientNotificationPriority,
    Reason,
)
from notifications.providers import vapid, webpush
from notifications.types import AnswerLost, ChannelError
from tests.clinic import DESK
from tests.engine import NOON, NotePayload, run, send, send_at, status_of
from tests.pushing import (
    MOZILLA,
    PUBLIC,
    SENTENCE,
    Service,
    browser_keys,
    device,
    envelope,
    resolve,
    said,
    with_key,
)
from tests.rig.install import NPM
from tests.rig.processes import HOST, free_port, listens, running, wait_until

PEER = NPM / "node_modules" / "web-push-testing" / "src" / "bin" / "server.js"
SECRET = "Impacted molar, lower left"
DAY = 24 * 60 * 60


@pytest.fixture
def key(settings, monkeypatch):
    """The site's public key; name servers know the push services of the browsers' makers."""
    monkeypatch.setattr(socket, "getaddrinfo", resolve(socket.getaddrinfo))
    return with_key(settings)


# -- the foreign implementation -----------------------------------------------------------------


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    """A push service that checks our signature and decrypts what it is sent; its address."""
    log, port = tmp_path_factory.mktemp("push") / "log", free_port()
    with running(command=["node", str(PEER), str(port)], log=log, cwd=Path(NPM)) as process:
        wait_until(ready=lambda: listens(port=port), process=process, log=log, seconds=60)
        yield f"http://{HOST}:{port}"


class Browser:
    """One browser at that service."""

    def __init__(self, peer: str, key: str) -> None:
        self.peer = peer
        asked = {"userVisibleOnly": "true", "applicationServerKey": key}
        self.made = self.ask("subscribe", asked)["data"]
        self.name = self.made["clientHash"]
        self.endpoint = f"https://{MOZILLA}/notify/{self.name}"

    def ask(self, path: str, data: dict | None = None) -> dict:
        answer = requests.post(f"{self.peer}/{path}", data=data, timeout=10)
        answer.raise_for_status()
        return answer.json() if answer.text.startswith("{") else {}

    def is_registered_for(self, patient):
        return devices.add_device(
            patient_id=patient.pk,
            endpoint=self.endpoint,
            **self.made["keys"],
            label="Firefox on Linux",
            actor=DESK,
        )

    def shown(self) -> list[dict]:
        """Return what came, decrypted by the service for this browser."""
        data = self.ask("get-notifications", {"clientHash": self.name})["data"]
        return [json.loads(each) for each in data["messages"]]

    def expire(self) -> None:
        self.ask(f"expire-subscription/{self.name}")


@pytest.fixture
def browser(peer, key, monkeypatch):
    """Make browsers at the peer, and lead the way there at the edge of `requests`."""

    class Bridge(HTTPAdapter):
        def __init__(self, *, host: str, address: str) -> None:
            super().__init__()
            assert (host, address) == (MOZILLA, PUBLIC)

        def send(self, request, **options):
            request.url = request.url.replace(f"https://{MOZILLA}", peer)
            return webpush.bodiless(super().send(request, **options))

    monkeypatch.setattr(webpush, "Pinned", Bridge)
    return lambda for_key=key: Browser(peer, for_key)


@pytest.fixture
def told(db, note, noon, browser):
    """The engine with its small message type, at noon, with a way to browsers."""
    return browser


@pytest.mark.req("H-10")
def test_a_message_rings_on_anas_browser_and_says_no_word_on_its_way(told, ana):
    anas = told()
    anas.is_registered_for(ana)
    made = send(ana, NotePayload(text=SECRET))
    run()
    assert status_of(made, "push") == (DeliveryStatus.ACCEPTED, "")
    (said,) = anas.shown()
    row = made.deliveries.get(channel="push")
    assert said == {"v": 1, "id": str(row.pk), "code": "new", "lang": "en"}


def test_bens_browser_stays_quiet(told, ana, ben):
    anas, bens = told(), told()
    anas.is_registered_for(ana)
    bens.is_registered_for(ben)
    send(ana)
    run()
    assert len(anas.shown()) == 1
    assert bens.shown() == []


def test_a_message_rings_on_each_of_anas_browsers_in_her_language(told, ana):
    ana.language = "es"
    ana.save()
    phone, laptop = told(), told()
    for each in (phone, laptop):
        each.is_registered_for(ana)
    send(ana)
    run()
    (one,), (two,) = phone.shown(), laptop.shown()
    assert one["lang"] == two["lang"] == "es"
    assert one["id"] != two["id"]  # each its own delivery


def test_a_browser_that_registered_for_another_key_refuses_ours(told, ana):
    elsewhere = told(vapid.public_key(vapid.new_key()))
    kept = elsewhere.is_registered_for(ana)
    made = send(ana)
    run()
    assert elsewhere.shown() == []
    assert status_of(made, "push") == (DeliveryStatus.FAILED, Reason.PROVIDER_ERROR)
    kept.refresh_from_db()
    assert kept.status == ContactStatus.ACTIVE  # it is not the device's fault


def test_a_device_that_expired_is_retired_and_the_delivery_says_so(told, ana):
    lost, other = told(), told()
    retired, stays = lost.is_registered_for(ana), other.is_registered_for(ana)
    lost.expire()
    made = send(ana)
    run()
    statuses = {
        row.contact_id: (row.status, row.reason, row.last_code)
        for row in made.deliveries.filter(channel="push")
    }
    assert statuses[retired.pk] == (DeliveryStatus.FAILED, Reason.PUSH_GONE, "410")
    assert statuses[stays.pk] == (DeliveryStatus.ACCEPTED, "", "")
    assert [each.pk for each in devices.devices_of(patient_id=ana.pk)] == [stays.pk]
    again = send(ana, NotePayload(reference="2"))
    run()
    assert again.deliveries.filter(channel="push").count() == 1


# -- what is said to a push service -------------------------------------------------------------


@pytest.fixture
def service(key, monkeypatch):
    monkeypatch.setattr(webpush, "Pinned", Service.reset())
    return Service


def push(to=None, content=SENTENCE, **options):
    made = envelope(to, **options)
    webpush.WebPush(channel="push").send(envelope=made, content=content)
    return made, Service.taken[-1]


def in_(seconds: float) -> datetime:
    return datetime.fromtimestamp(time.time() + seconds, tz=UTC)


@pytest.mark.req("R-10")
@pytest.mark.parametrize(
    ("seconds_left", "ttl"),
    [
        (None, 7 * DAY),
        (3600, 3600),
        (60 * DAY, 28 * DAY),
        (-5, 0),  # for who is online this moment
    ],
)
def test_a_push_is_kept_only_as_long_as_it_is_worth_sending(service, seconds_left, ttl):
    expires_at = None if seconds_left is None else in_(seconds_left)
    _made, request = push(expires_at=expires_at)
    assert ttl - 90 <= int(request.headers["TTL"]) <= ttl


@pytest.mark.parametrize(
    ("priority", "urgency"),
    [("low", "low"), ("medium", "normal"), ("high", "high"), ("urgent", "high")],
)
def test_what_is_urgent_wakes_a_sleeping_phone(service, priority, urgency):
    _made, request = push(priority=PatientNotificationPriority(priority))
    assert request.headers["Urgency"] == urgency


def test_a_repeat_takes_the_place_of_the_first(service):
    made, request = push()
    assert request.headers["Topic"] == made.delivery_id.hex
    assert len(request.headers["Topic"]) == 32  # the most RFC 8030 allows


def test_the_claims_are_fresh_and_name_the_service_that_is_called(service, key, settings):
    settings.NOTIFICATIONS_VAPID_SUBJECT = "mailto:it@dental.example"
    for endpoint in (f"https://{MOZILLA}/1", "https://web.push.apple.com:443/1"):
        push(device(endpoint))
    claims = [claims_of(request) for request in service.taken]
    assert [each["aud"] for each in claims] == [f"https://{MOZILLA}", "https://web.push.apple.com"]
    assert {each["sub"] for each in claims} == {"mailto:it@dental.example"}
    assert all(0 < each["exp"] - time.time() < DAY for each in claims)  # RFC 8292 section 2
    assert all(f"k={key}" in request.headers["Authorization"] for request in service.taken)


def claims_of(request) -> dict:
    token = request.headers["Authorization"].partition("t=")[2].partition(",")[0]
    body = token.split(".")[1]
    return json.loads(webpush.push_endpoints._decoded(body))


def test_what_leaves_is_encrypted_and_says_what_it_is(service):
    _made, request = push()
    assert request.headers["Content-Encoding"] == "aes128gcm"
    assert request.headers["Content-Type"] == "application/octet-stream"
    assert b"message" not in request.body
    assert service.options[-1]["timeout"] == (5, 10)
    assert "Cookie" not in request.headers


def test_a_push_is_as_small_whatever_the_device_will_say(service):
    _made, short = push()
    _made, long = push(content={"push.txt": "x" * 4000})
    assert len(long.body) == len(short.body)


# -- what came back, in our words ---------------------------------------------------------------

NO = ContactEffect.NONE
PERMANENT, TRANSIENT, SETUP = ErrorKind.PERMANENT, ErrorKind.TRANSIENT, ErrorKind.CONFIGURATION


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_success_is_one(service, status):
    service.answers = [status]
    push()


@pytest.mark.parametrize(
    ("status", "kind", "contact"),
    [
        (400, PERMANENT, NO),
        (401, SETUP, NO),
        (403, SETUP, NO),
        (404, PERMANENT, ContactEffect.REMOVED),
        (406, TRANSIENT, NO),
        (410, PERMANENT, ContactEffect.REMOVED),
        (413, PERMANENT, NO),
        (429, TRANSIENT, NO),
        (500, TRANSIENT, NO),
        (502, TRANSIENT, NO),
        (503, TRANSIENT, NO),
    ],
)
def test_each_no_has_its_meaning(service, status, kind, contact):
    service.answers = [status]
    error = refusal()
    assert (error.code, error.kind, error.contact) == (str(status), kind, contact)


def refusal(**options) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        push(**options)
    return caught.value


def test_a_push_too_large_for_its_service_is_our_bug_and_logged_as_one(service, caplog):
    service.answers = [413]
    refusal()
    assert [each.levelno for each in caplog.records if "too large" in each.message] == [
        logging.ERROR
    ]


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        ("120", timedelta(minutes=2)),
        ("0", timedelta(0)),
        ("99999999999999999999", timedelta(days=1)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", timedelta(0)),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_a_service_that_asks_us_to_wait_is_heard(service, asked, wait):
    service.answers = [said(429, Retry_After=asked)]
    assert refusal().retry_after == wait


def no_connection() -> requests.ConnectionError:
    reason = NewConnectionError(None, "refused")
    return requests.ConnectionError(MaxRetryError(None, "/x", reason))


@pytest.mark.parametrize(
    "trouble",
    [no_connection(), requests.exceptions.ConnectTimeout(), requests.exceptions.SSLError()],
)
def test_where_no_connection_came_about_it_is_tried_again(service, trouble):
    service.answers = [trouble]
    error = refusal()
    assert error.kind == TRANSIENT
    assert not isinstance(error, AnswerLost)


@pytest.mark.parametrize(
    "trouble",
    [
        requests.exceptions.ReadTimeout(),
        requests.ConnectionError(ProtocolError("cut off")),
        requests.exceptions.ChunkedEncodingError(),
    ],
)
def test_where_the_answer_was_lost_nobody_says_that_nothing_went(service, trouble):
    service.answers = [trouble]
    assert isinstance(refusal(), AnswerLost)


@pytest.mark.django_db
def test_a_lost_answer_is_tried_once_more_and_replaces_the_first(service, note, ana):
    devices.add_device(
        patient_id=ana.pk,
        endpoint=f"https://{MOZILLA}/1",
        **browser_keys(),
        label="",
        actor=DESK,
    )
    service.answers = [requests.exceptions.ReadTimeout()]
    made = send_at(NOON, ana)
    assert status_of(made, "push") == (DeliveryStatus.UNKNOWN, Reason.ANSWER_UNKNOWN)
    run(NOON + timedelta(minutes=11))
    assert status_of(made, "push") == (DeliveryStatus.ACCEPTED, "")
    assert len({request.headers["Topic"] for request in service.taken}) == 1


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        ("NOTIFICATIONS_VAPID_PRIVATE_KEY", "damaged", "no_vapid_key"),
        ("NOTIFICATIONS_VAPID_SUBJECT", "nobody", "bad_vapid_subject"),
    ],
)
def test_a_wrong_set_up_is_ours_to_mend(service, settings, setting, value, code):
    setattr(settings, setting, value)
    error = refusal()
    assert (error.code, error.kind) == (code, SETUP)
    assert service.taken == []

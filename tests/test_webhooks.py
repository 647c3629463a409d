"""The door for carriers: who is believed, what is kept, and what a stranger learns."""

import random
from datetime import timedelta
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver

from notifications import clock, incoming, webhooks
from notifications.enums import AuditAction, DeliveryStatus, EventOutcome
from notifications.models import AuditEvent, CarrierEvent, Delivery
from notifications.providers import twilio_calls, twin
from tests.clinic import wall
from tests.crowd import patients_with_phones
from tests.engine import NOON, delivery_of, phone_of, run, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "noon")]
FORM = "application/x-www-form-urlencoded"
SITE = "https://notify.example.com"
DELIVERED, ACCEPTED = DeliveryStatus.DELIVERED, DeliveryStatus.ACCEPTED


@pytest.fixture(autouse=True)
def site(settings):
    """The public address, which carriers sign; the test client calls behind it, as a proxy."""
    settings.PUBLIC_URL = SITE
    return settings


@pytest.fixture
def text(ana):
    phone_of(ana)
    made = send(ana)
    run()
    return delivery_of(made, "sms")


def callback(row, status="delivered", **said) -> dict[str, str]:
    return {
        "AccountSid": "AC" + "0" * 32,
        "ApiVersion": "2010-04-01",
        "From": "+15005550006",
        "To": "+12125550142",
        "MessageSid": row.provider_id,
        "SmsSid": row.provider_id,
        "MessageStatus": status,
        "SmsStatus": status,
        **said,
    }


def post(path: str, params: dict[str, str], *, url: str = "", token: str = "", signature=None):
    """Post a form as Twilio does, signed for the public address unless told otherwise."""
    if signature is None:
        signature = twilio_calls.signature(
            url=url or f"{SITE}{path}", params=params, token=token or twin.key("sms")
        )
    headers = {"X-Twilio-Signature": signature} if signature else {}
    client = Client(enforce_csrf_checks=True)
    return client.post(path, urlencode(params), content_type=FORM, headers=headers)


def path_of(row) -> str:
    return f"/webhooks/sms/{row.pk}/"


def now(row) -> str:
    row.refresh_from_db()
    return row.status


# -- let in -------------------------------------------------------------------------------------


@pytest.mark.req("R-12")
def test_a_signed_receipt_is_kept_and_counts_at_once(text):
    answer = post(path_of(text), callback(text))
    assert (answer.status_code, answer.content) == (200, b"")
    assert now(text) == DELIVERED
    kept = CarrierEvent.objects.get()
    assert (kept.channel, kept.delivery_id, kept.outcome) == ("sms", text.pk, EventOutcome.APPLIED)
    assert kept.content["raw"]["MessageStatus"] == "delivered"


@pytest.mark.req("R-12")
def test_replayed_a_hundred_times_it_is_one_event(text):
    for _again in range(100):
        assert post(path_of(text), callback(text)).status_code == 200
    assert CarrierEvent.objects.count() == 1


def test_a_message_we_do_not_know_gets_the_same_answer_and_is_kept(text):
    known, unknown = post(path_of(text), callback(text)), f"/webhooks/sms/{uuid4()}/"
    stranger = post(unknown, callback(text, MessageSid="SM1"))
    assert (stranger.status_code, stranger.content) == (known.status_code, known.content)
    assert stranger.headers.items() == known.headers.items()
    outcomes = set(CarrierEvent.objects.values_list("outcome", flat=True))
    assert outcomes == {EventOutcome.APPLIED, EventOutcome.UNKNOWN_DELIVERY}


def test_a_receipt_costs_few_statements(text):
    with CaptureQueriesContext(connection) as captured:
        post(path_of(text), callback(text))
    said = [each for each in captured if "SAVEPOINT" not in each["sql"]]
    assert len(said) <= 12


@pytest.mark.req("W7")
def test_w7_what_could_not_be_settled_is_answered_with_200_and_settled_later(text, monkeypatch):
    def breaks(event):
        raise RuntimeError("cut")

    with monkeypatch.context() as patched:
        patched.setitem(incoming.SETTLERS, "receipt", breaks)
        assert post(path_of(text), callback(text)).status_code == 200
    assert (now(text), CarrierEvent.objects.get().settled_at) == (ACCEPTED, None)
    run()
    assert now(text) == DELIVERED


# -- kept out -----------------------------------------------------------------------------------

FORGERIES = {
    "no signature": {"signature": ""},
    "nonsense": {"signature": "AAAA"},
    "another account's token": {"token": "somebody else's"},
    "another delivery's address": {"url": f"{SITE}/webhooks/sms/{uuid4()}/"},
    "plain http": {"url": "http://notify.example.com/webhooks/sms/"},
    "another host": {"url": "https://evil.example.com/webhooks/sms/"},
}


@pytest.mark.req("S-13")
@pytest.mark.req("R-12")
@pytest.mark.parametrize("how", FORGERIES)
def test_a_forged_receipt_changes_nothing_and_is_told_nothing(text, how):
    answer = post(path_of(text), callback(text), **FORGERIES[how])
    assert (answer.status_code, answer.content) == (403, b"")
    assert now(text) == ACCEPTED
    assert not CarrierEvent.objects.exists()


@pytest.mark.req("S-13")
def test_what_was_signed_cannot_be_changed_on_the_way(text):
    signature = twilio_calls.signature(
        url=f"{SITE}{path_of(text)}", params=callback(text, "sent"), token=twin.key("sms")
    )
    assert post(path_of(text), callback(text), signature=signature).status_code == 403
    assert now(text) == ACCEPTED


@pytest.mark.req("S-13")
def test_a_stranger_cannot_ask_which_messages_exist(text):
    answers = [
        post(path, callback(text), signature="AAAA")
        for path in (path_of(text), f"/webhooks/sms/{uuid4()}/")
    ]
    assert len({(each.status_code, each.content, str(each.headers)) for each in answers}) == 1


@pytest.mark.req("H-06")
def test_forged_calls_are_one_row_a_route_and_minute_without_ids_or_words(text):
    for _each in range(5):
        post(path_of(text), callback(text), signature="AAAA")
        post("/webhooks/sms/replies/", {"Body": "stop"}, signature="AAAA")
    rows = AuditEvent.objects.filter(action=AuditAction.DENIED)
    assert 1 <= rows.count() <= 2  # two where the minute turns over in between
    assert {row.actor for row in rows} == {"system:webhooks"}
    assert {str(row.details) for row in rows} == {"{'route': 'webhooks/sms'}"}


@pytest.mark.req("S-13")
@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
@pytest.mark.parametrize("path", ["/webhooks/email/", "/webhooks/sms/replies/", "one"])
def test_only_posting_is_understood(text, method, path):
    path = path_of(text) if path == "one" else path
    assert getattr(Client(), method)(path).status_code == 405
    assert now(text) == ACCEPTED


@pytest.mark.req("S-13")
@pytest.mark.parametrize("path", ["/webhooks/email/", "/webhooks/sms/replies/", "/webhooks/sms/"])
def test_more_than_a_megabyte_is_not_read(path):
    answer = Client().post(path, b"x" * (webhooks.LARGEST + 1), content_type="application/json")
    assert (answer.status_code, answer.content) == (413, b"")
    assert not AuditEvent.objects.filter(action=AuditAction.DENIED).exists()


FORMS_NOBODY_CAN_READ = {
    "in another alphabet": (f"{FORM}; charset=utf-16", b"a=1"),
    "of five thousand fields": (FORM, b"a=1&" * 5000),
}


@pytest.mark.req("S-13")
@pytest.mark.parametrize("how", FORMS_NOBODY_CAN_READ)
@pytest.mark.parametrize("path", ["email/", "sms/", "sms/replies/"])
def test_a_form_nobody_can_read_is_refused_without_a_word(path, how):
    kind, body = FORMS_NOBODY_CAN_READ[how]
    signed = {"X-Twilio-Signature": "AAAA"}
    answer = Client().post(f"/webhooks/{path}", body, content_type=kind, headers=signed)
    assert (answer.status_code, answer.content) == (400, b"")


@pytest.mark.parametrize("path", ["fax/", "in_app/", "push/", "push/replies/", "email/replies/"])
def test_a_channel_nobody_calls_for_is_not_there(path):
    answer = Client().post(f"/webhooks/{path}", "{}", content_type="application/json")
    assert answer.status_code == 404


@pytest.mark.parametrize("path", ["sms/", "sms/replies/", f"sms/{UUID(int=1)}/"])
def test_where_texts_are_switched_off_nobody_calls_for_them(site, path):
    site.NOTIFICATIONS_SMS_PROVIDER = ""
    answer = Client().post(f"/webhooks/{path}", {"Body": "STOP"})
    assert answer.status_code == 404


def test_an_email_has_no_address_of_its_own_to_call():
    answer = Client().post(f"/webhooks/email/{uuid4()}/", "{}", content_type="application/json")
    assert answer.status_code == 404


@pytest.mark.req("R-12")
def test_a_thousand_calls_in_disorder_among_forgeries_end_as_the_true_ones_say(location):
    """Each true call comes twice, half of all a day late; none of the forged counts."""
    dice = random.Random(12)
    for patient in patients_with_phones(location, 40):
        send(patient)
    run()
    texts = list(Delivery.objects.filter(channel="sms"))
    true = {
        row: {"sent", *dice.sample(["delivered", "undelivered"], row_ends(dice))} for row in texts
    }
    calls = [(row, said, {}) for row, told in true.items() for said in sorted(told)] * 2
    forged = [dice.choice(list(FORGERIES.values())) for _each in range(1000 - len(calls))]
    calls += [(dice.choice(texts), dice.choice(["delivered", "failed"]), how) for how in forged]
    dice.shuffle(calls)
    for place, (row, said, how) in enumerate(calls):
        with clock.at(NOON + timedelta(hours=24 * (place >= 500))):
            answer = post(path_of(row), callback(row, said), **how)
        assert answer.status_code == (403 if how else 200)
    assert {row.pk: now(row) for row in texts} == {row.pk: end_of(true[row]) for row in texts}
    assert CarrierEvent.objects.count() == sum(len(told) for told in true.values())


def row_ends(dice) -> int:
    """How many ends a carrier reports of one text: none, one, or both."""
    return dice.choice([0, 1, 1, 2])


def end_of(told: set[str]) -> str:
    if "delivered" in told:
        return DELIVERED
    return DeliveryStatus.FAILED if "undelivered" in told else ACCEPTED


@pytest.mark.req("S-13")
def test_a_monitor_sees_in_how_many_minutes_calls_were_refused(text, settings, monkeypatch):
    settings.NOTIFICATIONS_METRICS_TOKEN = "t" * 32
    began, headers = clock.real_now(), {"Authorization": f"Bearer {'t' * 32}"}
    for hours in (25, 2, 1, 0):
        moment = began - timedelta(hours=hours)
        with monkeypatch.context() as patched:
            patched.setattr(clock, "real_now", lambda moment=moment: moment)
            for _again in range(3):
                post(path_of(text), callback(text), signature="AAAA")
    post(path_of(text), callback(text))
    measured = Client().get("/metrics", headers=headers).content.decode()
    assert "dentamind_refused_calls 3.0" in measured.splitlines()


# -- what needs no token of a form --------------------------------------------------------------


def routes(patterns=None, prefix="") -> dict[str, URLPattern]:
    """Every address of the site and what is called there."""
    found = {}
    for each in get_resolver().url_patterns if patterns is None else patterns:
        here = f"{prefix}{each.pattern}"
        found |= routes(each.url_patterns, here) if isinstance(each, URLResolver) else {here: each}
    return found


@pytest.mark.req("S-05")
def test_what_takes_posts_without_a_csrf_token_is_this_list():
    exempt = {
        route
        for route, each in routes().items()
        if getattr(each.callback, "csrf_exempt", False) and not route.startswith("api/")
    }
    assert exempt == {
        "unsubscribe/<str:token>/",  # RFC 8058: signed, and turns one kind of mail off
        "webhooks/<slug:channel>/",
        "webhooks/<slug:channel>/<uuid:delivery_id>/",
        "webhooks/<slug:channel>/replies/",
    }


def test_the_hour_of_a_receipt_is_when_it_came(text):
    post(path_of(text), callback(text))
    assert CarrierEvent.objects.get().received_at == wall("2026-11-24 12:00")

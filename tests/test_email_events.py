"""What e-mail services tell of our mail: each in its own form, verified, and made one story."""

import hashlib
import hmac
import json
from base64 import b64encode
from pathlib import Path

import pytest
from django.test import Client

from dentamind import settings as house
from notifications.checks.production import check_mail
from notifications.enums import AuditAction, ContactStatus, DeliveryStatus, Reason
from notifications.models import AuditEvent, CarrierEvent, ContactPoint, Delivery
from tests.engine import delivery_of, email_of, run, send, status_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
DATA = Path(__file__).parent / "data"
URL = "/webhooks/email/"
SECRET, SIGNING_KEY = "notify:correct-horse", "key-of-our-mailgun-account"
DELIVERED, FAILED = DeliveryStatus.DELIVERED, DeliveryStatus.FAILED
SERVICES = ["mailgun", "mailjet", "postmark", "sparkpost"]


@pytest.fixture
def mail(ana):
    """An e-mail to Ana that her carrier has taken."""
    email_of(ana)
    made = send(ana)
    run()
    return delivery_of(made, "email")


@pytest.fixture
def service(settings):
    """Choose the e-mail service; the messages before went out through the tests' own."""

    def choose(name: str) -> None:
        settings.EMAIL_BACKEND = f"anymail.backends.{name}.EmailBackend"
        settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET, "MAILGUN_WEBHOOK_SIGNING_KEY": SIGNING_KEY}

    choose("mailgun")
    return choose


def payload(name: str, event: str, mail: Delivery, *, token: str = "") -> str:
    """Return an event as the service would send it of this mail, signed where it signs."""
    said = json.dumps(json.loads((DATA / f"{name}_events.json").read_text())[event])
    token = token or hashlib.sha256(event.encode()).hexdigest()[:50]
    signed = hmac.new(SIGNING_KEY.encode(), f"1795536000{token}".encode(), "sha256").hexdigest()
    replaced = {
        "DELIVERY": str(mail.pk),
        "MESSAGE": mail.provider_id.strip("<>"),
        "TOKEN": token,
        "SIGNATURE": signed,
    }
    for word, value in replaced.items():
        said = said.replace(word, value)
    return said


def post(body: str, *, secret: str = SECRET):
    headers = {"Authorization": f"Basic {b64encode(secret.encode()).decode()}"} if secret else {}
    return Client().post(URL, body, content_type="application/json", headers=headers)


def known_as(mail: Delivery, provider_id: str) -> None:
    Delivery.objects.filter(pk=mail.pk).update(provider_id=provider_id)
    mail.refresh_from_db()


def address_of(mail: Delivery) -> ContactPoint:
    return ContactPoint.objects.get(pk=mail.contact_id)


def now(mail: Delivery) -> tuple[str, str]:
    mail.refresh_from_db()
    return mail.status, mail.reason


# -- each service's own words -------------------------------------------------------------------


@pytest.mark.parametrize("name", SERVICES)
def test_a_mail_that_arrived_is_delivered_whichever_service_says_so(mail, service, name):
    service(name)
    if name != "mailgun":
        known_as(mail, "20547674933128000")
    assert post(payload(name, "delivered", mail)).status_code == 200
    assert now(mail) == (DELIVERED, "")


@pytest.mark.req("M-14")
@pytest.mark.parametrize("name", SERVICES)
def test_a_mail_that_bounced_for_good_asks_for_another_address(mail, service, name, ana):
    service(name)
    if name != "mailgun":
        known_as(mail, "20547674933128000")
    assert post(payload(name, "bounced", mail)).status_code == 200
    assert now(mail) == (FAILED, Reason.BOUNCED_HARD)
    assert address_of(mail).status == ContactStatus.NEEDS_UPDATE
    later = send(ana)
    run()
    assert status_of(later, "email") == (DeliveryStatus.SKIPPED, Reason.BOUNCED_HARD)


@pytest.mark.req("M-14")
@pytest.mark.parametrize("name", SERVICES)
def test_a_complaint_ends_marketing_and_leaves_the_address_in_use(mail, service, name):
    service(name)
    if name != "mailgun":
        known_as(mail, "20547674933128000")
    assert post(payload(name, "complained", mail)).status_code == 200
    assert address_of(mail).status == ContactStatus.ACTIVE
    last_word = address_of(mail).consents.latest("recorded_at", "id")
    assert (last_word.purpose, last_word.granted) == ("marketing", False)
    assert now(mail)[0] == DeliveryStatus.ACCEPTED


@pytest.mark.req("H-19")
@pytest.mark.parametrize("name", SERVICES)
def test_who_opened_a_mail_is_nobodys_business(mail, service, name, caplog):
    service(name)
    assert post(payload(name, "opened", mail)).status_code == 200
    assert CarrierEvent.objects.count() == 0
    assert now(mail)[0] == DeliveryStatus.ACCEPTED
    assert "turn its tracking off" in caplog.text
    assert AuditEvent.objects.get(action=AuditAction.DENIED).details == {"route": "email/tracking"}
    assert "ana@" not in caplog.text


@pytest.mark.req("H-19")
def test_a_click_is_dropped_too(mail, service):
    post(payload("mailgun", "clicked", mail))
    assert CarrierEvent.objects.count() == 0


@pytest.mark.parametrize(
    ("event", "status", "reason", "address"),
    [
        ("queued", DeliveryStatus.ACCEPTED, "", ContactStatus.ACTIVE),
        ("deferred", DeliveryStatus.ACCEPTED, "", ContactStatus.ACTIVE),
        ("bounced_before", FAILED, Reason.BOUNCED_HARD, ContactStatus.NEEDS_UPDATE),
        ("refused_for_its_contents", FAILED, Reason.PROVIDER_ERROR, ContactStatus.ACTIVE),
    ],
)
def test_what_the_receiving_server_said_decides(mail, service, event, status, reason, address):
    assert post(payload("mailgun", event, mail)).status_code == 200
    assert now(mail) == (status, reason)
    assert address_of(mail).status == address


def test_a_full_mailbox_is_not_a_dead_address(mail, service):
    service("postmark")
    known_as(mail, "883953f4-6105-42a2-a16a-77a8eac79483")
    post(payload("postmark", "soft", mail))
    assert now(mail) == (FAILED, Reason.PROVIDER_ERROR)
    assert address_of(mail).status == ContactStatus.ACTIVE


def test_leaving_by_the_services_own_link_turns_this_kind_of_mail_off(mail, service, ana):
    post(payload("mailgun", "unsubscribed", mail))
    later = send(ana)
    run()
    assert status_of(later, "email") == (DeliveryStatus.SKIPPED, Reason.PREF_OFF)


@pytest.mark.req("R-12")
def test_bounced_and_delivered_in_either_order_end_alike(mail, service, settings, ben):
    email_of(ben)
    other = delivery_of(send(ben), "email")
    run_in_tests_own(service, settings)
    other.refresh_from_db()
    for said in ("delivered", "bounced", "delivered"):
        post(payload("mailgun", said, mail))
    for said in ("bounced", "delivered", "bounced"):
        post(payload("mailgun", said, other, token=f"other-{said}"))
    assert now(mail) == now(other) == (DELIVERED, "")
    assert address_of(mail).status == address_of(other).status == ContactStatus.NEEDS_UPDATE


def run_in_tests_own(service, settings) -> None:
    settings.EMAIL_BACKEND = "tests.engine.ToldMail"
    run()
    service("mailgun")


# -- who may say so -----------------------------------------------------------------------------


def is_refused(answer) -> bool:
    return (answer.status_code, answer.content) == (403, b"") and not CarrierEvent.objects.exists()


@pytest.mark.req("S-13")
@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("secret", ["", "notify:wrong", "notify", ":"])
def test_without_the_secret_nobody_is_believed(mail, service, name, secret):
    service(name)
    assert is_refused(post(payload(name, "delivered", mail), secret=secret))
    assert now(mail)[0] == DeliveryStatus.ACCEPTED


@pytest.mark.req("S-13")
@pytest.mark.parametrize("name", ["mailjet", "postmark", "sparkpost"])
def test_where_no_secret_is_set_nobody_is_believed_either(mail, service, settings, name):
    service(name)
    settings.ANYMAIL = {}
    assert is_refused(post(payload(name, "delivered", mail), secret=""))


@pytest.mark.req("S-13")
@pytest.mark.parametrize(
    "forged",
    [
        lambda body: body.replace("1795536000", "1795536001"),
        lambda body: body.replace('"signature": "', '"signature": "0'),
        lambda body: json.dumps({"event-data": json.loads(body)["event-data"]}),
        *(lambda body, said=said: said for said in ("", "[]", "not json", "[" * 100_000)),
    ],
)
def test_a_mailgun_event_that_is_not_signed_is_refused(mail, service, forged):
    assert is_refused(post(forged(payload("mailgun", "delivered", mail))))


def test_a_signing_key_that_is_missing_refuses_everybody(mail, service, settings):
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET}
    assert is_refused(post(payload("mailgun", "delivered", mail)))


@pytest.mark.req("R-12")
def test_an_overheard_mailgun_token_cannot_be_used_for_another_event(mail, service):
    """Its signature is of the token and the time alone: a second event with it is a repeat."""
    post(payload("mailgun", "queued", mail, token="overheard"))
    assert post(payload("mailgun", "bounced", mail, token="overheard")).status_code == 200
    assert now(mail) == (DeliveryStatus.ACCEPTED, "")
    assert CarrierEvent.objects.count() == 1


def test_a_mail_server_calls_nobody(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert post("{}").status_code == 404


NONSENSE = {
    "mailgun": {"event-data": {"event": ["delivered"], "recipient": "ana@example.com"}},
    "mailjet": [{"email": "ana@example.com"}],
    "postmark": {"Email": "ana@example.com", "RecordType": "Inbound"},
    "sparkpost": [{"msys": {"message_event": {"rcpt_to": "ana@example.com"}}}],
}


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_verified_and_makes_no_sense_is_counted_and_not_asked_for_again(
    mail, service, name, caplog
):
    service(name)
    told = NONSENSE[name]
    if name == "mailgun":
        told |= {"signature": json.loads(payload("mailgun", "delivered", mail))["signature"]}
    answer = post(json.dumps(told))
    assert (answer.status_code, answer.content) == (200, b"")
    assert CarrierEvent.objects.count() == 0
    assert now(mail)[0] == DeliveryStatus.ACCEPTED
    [counted] = AuditEvent.objects.filter(action=AuditAction.DENIED)
    assert counted.details == {"route": "email/unreadable"}
    assert "could not be read" in caplog.text
    assert "ana@" not in caplog.text


@pytest.mark.parametrize(
    "odd",
    [
        {"user-variables": "a word"},
        {"user-variables": ["DELIVERY"]},
        {"delivery-status": {"message": ["550"], "code": "a word"}},
        {"message": {"headers": {"message-id": ["MESSAGE"]}}},
        {"message": {"headers": {"message-id": "\ud800"}}},
        {"reason": {"a": 1}},
        {"recipient": "\ud800\u0000"},
        {"timestamp": 1e300},
        {"timestamp": "yesterday"},
    ],
)
def test_no_verified_event_however_odd_makes_the_service_call_again(mail, service, odd):
    told = json.loads(payload("mailgun", "bounced", mail))
    told["event-data"] |= odd
    assert post(json.dumps(told)).status_code == 200


def test_an_event_without_our_id_is_kept_and_moves_nothing(mail, service):
    body = payload("mailgun", "bounced", mail).replace(str(mail.pk), "somebody else's")
    assert post(body).status_code == 200
    assert CarrierEvent.objects.get().outcome == "unknown_delivery"
    assert now(mail)[0] == DeliveryStatus.ACCEPTED


@pytest.mark.req("H-19")
def test_no_mail_asks_to_be_watched():
    assert house.ANYMAIL["SEND_DEFAULTS"] == {"track_opens": False, "track_clicks": False}


# -- what production must have ------------------------------------------------------------------


def complaints() -> str:
    return " ".join(f"{each.msg} {each.hint}" for each in check_mail())


@pytest.mark.req("R-13")
@pytest.mark.parametrize("name", ["mailersend", "resend", "brevo"])
def test_a_service_whose_calls_nothing_verifies_is_named_before_it_starts(service, name):
    service(name)
    assert f"{name} calls us with cannot be verified" in complaints()
    assert "postmark" in complaints()


@pytest.mark.req("S-13")
def test_a_missing_signing_key_is_named_before_it_starts(service, settings):
    assert complaints() == ""
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET}
    assert "ANYMAIL_MAILGUN_WEBHOOK_SIGNING_KEY is not set" in complaints()

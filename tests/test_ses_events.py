"""What Amazon SES tells of our mail: signed by SNS, for a topic of ours, or not believed."""

import json
from base64 import b64encode
from datetime import timedelta

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from requests.adapters import HTTPAdapter

from notifications.enums import AuditAction, ContactStatus, DeliveryStatus, Reason
from notifications.models import AuditEvent, CarrierEvent, ContactPoint, Delivery
from notifications.providers import sns
from tests import amazon
from tests.amazon import CERTIFICATE, HOST, SUBSCRIBE, TOPIC, Amazon, certificate, post
from tests.engine import delivery_of, email_of, run, send, status_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
ACCEPTED, DELIVERED, FAILED = (
    DeliveryStatus.ACCEPTED,
    DeliveryStatus.DELIVERED,
    DeliveryStatus.FAILED,
)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def sns_itself(monkeypatch):
    """SNS, as far as this machine can tell; what it said before is forgotten."""
    there = Amazon()
    monkeypatch.setattr(
        HTTPAdapter, "send", lambda adapter, request, **rest: there.send(request, **rest)
    )
    monkeypatch.setattr(sns, "_certificates", {})
    return there


@pytest.fixture
def mails(ana, ben, settings):
    """An e-mail to Ana and one to Ben, which the carrier has taken; from now on it is SES."""
    for patient in (ana, ben):
        email_of(patient)
    made = [send(patient) for patient in (ana, ben)]
    run()
    settings.EMAIL_BACKEND = "anymail.backends.amazon_ses.EmailBackend"
    settings.NOTIFICATIONS_SNS_TOPICS = f" {TOPIC} ,arn:aws:sns:eu-west-1:123456789012:other"
    return [known_to_ses(delivery_of(each, "email")) for each in made]


def known_to_ses(mail: Delivery) -> Delivery:
    """Give a mail an id as SES gives it."""
    Delivery.objects.filter(pk=mail.pk).update(provider_id=f"0100019ab0c1d2e3-{mail.pk}-000000")
    mail.refresh_from_db()
    return mail


@pytest.fixture
def mail(mails):
    return mails[0]


def now(mail: Delivery) -> tuple[str, str]:
    mail.refresh_from_db()
    return mail.status, mail.reason


def address_of(mail: Delivery) -> ContactPoint:
    return ContactPoint.objects.get(pk=mail.contact_id)


def told(name: str, mail: Delivery | None, **options) -> dict:
    """Return an event as SNS posts it; each name has an id of its own, as each message has."""
    options.setdefault("MessageId", f"id-of-{name}")
    return amazon.notification(amazon.event(name, mail), **options)


def is_refused(answer) -> bool:
    """Whether a call got a bare no, left nothing behind and was counted."""
    [denied] = AuditEvent.objects.filter(action=AuditAction.DENIED)
    assert denied.details == {"route": "webhooks/email"}
    return (answer.status_code, answer.content) == (403, b"") and not CarrierEvent.objects.exists()


# -- what SES says ------------------------------------------------------------------------------


@pytest.mark.req("R-13")
@pytest.mark.parametrize("version", ["1", "2"])
def test_what_sns_signed_is_believed(mail, version):
    answer = post(told("delivered", mail, version=version))
    assert (answer.status_code, answer.content) == (200, b"")
    assert now(mail) == (DELIVERED, "")


@pytest.mark.req("R-13")
def test_a_message_without_a_subject_is_signed_without_one(mail):
    message = told("delivered", mail)
    del message["Subject"]
    assert post(amazon.signed(message)).status_code == 200
    assert now(mail) == (DELIVERED, "")


@pytest.mark.req("M-14")
def test_a_mail_that_bounced_for_good_asks_for_another_address(mail, ana, settings):
    assert post(told("bounced", mail)).status_code == 200
    assert now(mail) == (FAILED, Reason.BOUNCED_HARD)
    assert address_of(mail).status == ContactStatus.NEEDS_UPDATE
    settings.EMAIL_BACKEND = "tests.engine.ToldMail"
    later = send(ana)
    run()
    assert status_of(later, "email") == (DeliveryStatus.SKIPPED, Reason.BOUNCED_HARD)


@pytest.mark.req("M-14")
@pytest.mark.parametrize(
    ("event", "status", "reason", "address"),
    [
        ("sent", ACCEPTED, "", ContactStatus.ACTIVE),
        ("delayed", ACCEPTED, "", ContactStatus.ACTIVE),
        ("bounced_before", FAILED, Reason.BOUNCED_HARD, ContactStatus.NEEDS_UPDATE),
        ("refused_for_its_contents", FAILED, Reason.PROVIDER_ERROR, ContactStatus.ACTIVE),
        ("full", FAILED, Reason.PROVIDER_ERROR, ContactStatus.ACTIVE),
        ("expired", FAILED, Reason.PROVIDER_ERROR, ContactStatus.ACTIVE),
        ("unclear", FAILED, Reason.PROVIDER_ERROR, ContactStatus.ACTIVE),
        ("rejected", FAILED, Reason.PROVIDER_ERROR, ContactStatus.ACTIVE),
    ],
)
def test_only_a_bounce_for_good_is_the_addresss_fault(mail, event, status, reason, address):
    assert post(told(event, mail)).status_code == 200
    assert now(mail) == (status, reason)
    assert address_of(mail).status == address


def test_a_delay_is_no_end(mail):
    post(told("delayed", mail))
    kept = CarrierEvent.objects.get().content
    assert (kept["status"], kept["code"]) == (ACCEPTED, "deferred")


@pytest.mark.req("M-14")
@pytest.mark.parametrize(
    ("event", "status"), [("complained", ACCEPTED), ("complained_before", FAILED)]
)
def test_a_complaint_ends_marketing_and_leaves_the_address_in_use(mail, event, status):
    assert post(told(event, mail)).status_code == 200
    assert address_of(mail).status == ContactStatus.ACTIVE
    last_word = address_of(mail).consents.latest("recorded_at", "id")
    assert (last_word.purpose, last_word.granted) == ("marketing", False)
    assert now(mail)[0] == status


@pytest.mark.req("H-19")
@pytest.mark.parametrize("event", ["opened", "clicked"])
def test_who_opened_a_mail_is_nobodys_business(mail, event, caplog):
    assert post(told(event, mail)).status_code == 200
    assert CarrierEvent.objects.count() == 0
    assert "turn its tracking off" in caplog.text
    assert "ana@" not in caplog.text


@pytest.mark.req("R-12")
def test_late_twice_or_in_any_order_the_end_is_the_same(mails):
    ana, ben = mails
    for name in ("delivered", "bounced", "delivered", "bounced"):
        assert post(told(name, ana, MessageId=f"ana-{name}")).status_code == 200
    for name in ("bounced", "delivered", "bounced", "delivered"):
        assert post(told(name, ben, MessageId=f"ben-{name}")).status_code == 200
    assert now(ana) == now(ben) == (DELIVERED, "")
    assert address_of(ana).status == address_of(ben).status == ContactStatus.NEEDS_UPDATE
    assert CarrierEvent.objects.count() == 4


@pytest.mark.req("R-12")
def test_a_replay_of_last_years_message_changes_nothing(mail):
    old = told("bounced", mail, Timestamp="2025-11-24T17:00:03.655Z")
    assert post(old).status_code == 200
    contact = address_of(mail)
    ContactPoint.objects.filter(pk=contact.pk).update(status=ContactStatus.ACTIVE)
    assert post(old).status_code == 200
    assert address_of(mail).status == ContactStatus.ACTIVE
    assert CarrierEvent.objects.count() == 1


def test_what_became_of_anas_mail_says_nothing_of_bens(mails):
    ana, ben = mails
    post(told("bounced", ana))
    post(told("complained", ana))
    assert now(ben) == (ACCEPTED, "")
    assert address_of(ben).status == ContactStatus.ACTIVE
    assert not address_of(ben).consents.filter(purpose="marketing").exists()


def test_an_event_without_our_id_is_kept_and_moves_nothing(mail):
    assert post(told("bounced", None)).status_code == 200
    assert CarrierEvent.objects.get().outcome == "unknown_delivery"
    assert now(mail) == (ACCEPTED, "")


def test_the_first_greeting_of_a_topic_is_heard_and_not_kept(mail):
    text = "Successfully validated SNS topic for Amazon SES event publishing."
    assert post(amazon.notification(text)).status_code == 200
    assert CarrierEvent.objects.count() == 0


@pytest.mark.parametrize("text", ["", "[]", "no JSON", "{}", '{"eventType": "Bounce"}', "[" * 9999])
def test_what_is_signed_and_makes_no_sense_is_counted_and_let_go(mail, text, caplog):
    assert post(amazon.notification(text)).status_code == 200
    assert CarrierEvent.objects.count() == 0
    assert now(mail) == (ACCEPTED, "")
    if text != "{}":  # an event about nothing is no fault
        [counted] = AuditEvent.objects.filter(action=AuditAction.DENIED)
        assert counted.details == {"route": "email/unreadable"}


# -- who may say so -----------------------------------------------------------------------------

FORGED = {
    "another event": {"Message": '{"eventType": "Bounce"}'},
    "another id": {"MessageId": "id-of-another"},
    "another time": {"Timestamp": "2026-11-24T17:00:04.655Z"},
    "another subject": {"Subject": "Hello"},
    "no subject": {"Subject": None},
    "half a character": {"Subject": "\ud800"},
    "no signature": {"Signature": None},
    "an empty signature": {"Signature": ""},
    "no base64": {"Signature": "é%"},
    "a signature of something else": {"Signature": "AAAA"},
    "a list for a signature": {"Signature": []},
    "a number for a message": {"Message": 1},
    "another version": {"SignatureVersion": "2"},
    "a version nobody knows": {"SignatureVersion": "3"},
    "no version": {"SignatureVersion": None},
    "another type": {"Type": "UnsubscribeConfirmation"},
    "a type nobody knows": {"Type": "Hello"},
    "a list for a type": {"Type": ["Notification"]},
    "no topic": {"TopicArn": None},
    "a list for a topic": {"TopicArn": [TOPIC]},
}


@pytest.mark.req("R-13")
@pytest.mark.req("S-13")
@pytest.mark.parametrize("how", FORGED)
def test_one_word_that_was_not_signed_and_nothing_is_believed(mail, how):
    assert is_refused(post(told("bounced", mail) | FORGED[how]))
    assert now(mail) == (ACCEPTED, "")


@pytest.mark.req("R-13")
def test_a_forger_with_a_key_of_his_own_is_refused(mail):
    assert is_refused(post(told("bounced", mail, sign="a forger")))


@pytest.mark.req("R-13")
@pytest.mark.parametrize("secret", ["notify:correct-horse", ""])
def test_the_right_password_is_no_signature(mail, settings, secret):
    settings.ANYMAIL = {"WEBHOOK_SECRET": "notify:correct-horse"}
    message = told("bounced", mail)
    del message["Signature"]
    given = f"Basic {b64encode(secret.encode()).decode()}"
    assert is_refused(post(message, authorization=given))


@pytest.mark.req("R-13")
@pytest.mark.parametrize("body", ["", "[]", "null", "{}", "not json", "[" * 99_999])
def test_what_is_no_message_of_sns_is_refused(mail, sns_itself, body):
    assert is_refused(post(body))
    assert sns_itself.asked == []


@pytest.mark.parametrize("header", ["x-amz-sns-message-type", "x-amz-sns-message-id"])
def test_a_header_that_says_otherwise_is_refused(mail, header):
    assert is_refused(post(told("delivered", mail), **{header: "another"}))


NAME = CERTIFICATE.rpartition("/")[2]
ELSEWHERE = [
    f"https://evil.com/{NAME}",
    f"https://{HOST}.evil.com/{NAME}",
    f"https://evil.com/{HOST}/{NAME}",
    f"https://evil{HOST}/{NAME}",
    f"https://sns.evil.com/{NAME}",
    f"https://sns.us-east-1.amazonaws.com.cn/{NAME}",
    f"https://sns.us-west-2.amazonaws.com/{NAME}",
    f"https://s3.us-east-1.amazonaws.com/{NAME}",
    f"http://{HOST}/{NAME}",
    f"HTTPS://{HOST}/{NAME}",
    f"//{HOST}/{NAME}",
    f"https://evil.com@{HOST}/{NAME}",
    f"https://{HOST}@evil.com/{NAME}",
    f"https://{HOST}:443/{NAME}",
    f"https://{HOST}:8443/{NAME}",
    f"https://{HOST}\\@evil.com/{NAME}",
    f"https://{HOST}/{NAME}\n",
    f"https://{HOST}/../{NAME}",
    f"https://{HOST}/bucket/{NAME}",
    f"https://{HOST}/?x={NAME}",
    f"https://{HOST}/SimpleNotificationService-0.pem",
    f"https://{HOST}/{NAME}.txt",
    f"https://{HOST}/{NAME}?another",
    f"https://{HOST}/{NAME}#another",
    f"https://{HOST.replace('s', 'ſ', 1)}/{NAME}",
    "file:///etc/passwd",
    "",
    None,
    [CERTIFICATE],
]


@pytest.mark.req("R-13")
@pytest.mark.parametrize("url", ELSEWHERE)
def test_a_certificate_from_anywhere_else_is_not_even_fetched(mail, sns_itself, url):
    if isinstance(url, str):
        sns_itself.pages[url] = certificate(key=amazon.key_of("a forger"))
    assert is_refused(post(told("bounced", mail, sign="a forger", SigningCertURL=url)))
    assert sns_itself.asked == []


CERTIFICATES = {
    "expired": lambda: certificate(begins=-2 * DAY, ends=-DAY),
    "not valid yet": lambda: certificate(begins=DAY, ends=2 * DAY),
    "somebody else's": lambda: certificate("evil.com", "sns.amazonaws.com.evil.com"),
    "of another region": lambda: certificate("sns.us-west-2.amazonaws.com"),
    "of another key": lambda: certificate(key=amazon.key_of("another")),
    "of another kind of key": lambda: certificate(key=ec.generate_private_key(ec.SECP256R1())),
    "huge": lambda: certificate() + b"\n" * 65536,
    "no certificate": lambda: b"<html>",
    "empty": lambda: b"",
    "missing": lambda: 404,
    "a redirect": lambda: f"https://{HOST}/elsewhere.pem",
}


@pytest.mark.req("R-13")
@pytest.mark.parametrize("what", CERTIFICATES)
def test_a_certificate_that_is_not_snss_own_proves_nothing(mail, sns_itself, what):
    sns_itself.pages[CERTIFICATE] = CERTIFICATES[what]()
    sns_itself.pages[f"https://{HOST}/elsewhere.pem"] = certificate()
    assert is_refused(post(told("bounced", mail)))
    assert sns_itself.asked == [CERTIFICATE]
    assert now(mail) == (ACCEPTED, "")


@pytest.mark.parametrize(
    ("region", "name"),
    [
        ("us-east-1", "sns.amazonaws.com"),
        ("us-east-1", "sns.us-east-1.amazonaws.com"),
        ("me-south-1", "sns-signing.me-south-1.amazonaws.com"),
        ("us-gov-east-1", "sns-us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "sns-cn-north-1.amazonaws.com.cn"),
    ],
)
def test_sns_is_known_by_the_names_it_has_in_its_regions(mail, sns_itself, settings, region, name):
    partition = {"us-gov-east-1": "aws-us-gov", "cn-north-1": "aws-cn"}.get(region, "aws")
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    url = f"https://sns.{region}.{suffix}/{NAME}"
    topic = f"arn:{partition}:sns:{region}:123456789012:mail"
    settings.NOTIFICATIONS_SNS_TOPICS = topic
    sns_itself.pages[url] = certificate("Amazon", name)
    answer = post(told("delivered", mail, SigningCertURL=url, TopicArn=topic))
    assert answer.status_code == 200
    assert now(mail) == (DELIVERED, "")


@pytest.mark.req("R-13")
def test_a_certificate_that_expires_while_we_know_it_is_believed_no_more(mail, sns_itself):
    assert post(told("sent", mail)).status_code == 200
    sns._certificates[CERTIFICATE] = sns.x509.load_pem_x509_certificate(
        certificate(begins=-2 * DAY, ends=-DAY)
    )
    assert post(told("bounced", mail)).status_code == 403
    assert now(mail) == (ACCEPTED, "")


def test_a_certificate_is_fetched_once_in_bounded_time_and_past_no_proxy(
    mail, sns_itself, monkeypatch
):
    monkeypatch.setenv("HTTPS_PROXY", "http://evil.com:3128")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/tmp/evil.pem")
    for name in ("sent", "delivered", "bounced"):
        post(told(name, mail))
    assert sns_itself.asked == [CERTIFICATE]
    [options] = sns_itself.options
    assert (options["timeout"], options["verify"], options["stream"]) == ((5, 10), True, True)
    assert options["proxies"] == {}


def test_who_forges_calls_holds_one_thread_of_ours_at_most(mail, sns_itself, monkeypatch):
    assert post(told("sent", mail)).status_code == 200
    monkeypatch.setattr(sns, "TIMEOUT", (0.01, 10))
    with sns._one_at_a_time:  # as while a certificate is on its way
        another = CERTIFICATE.replace("0", "f")
        assert post(told("bounced", mail, SigningCertURL=another)).status_code == 503
        assert post(told("delivered", mail)).status_code == 200
    assert sns_itself.asked == [CERTIFICATE]
    assert now(mail) == (DELIVERED, "")


def test_a_certificate_that_trickles_in_is_not_waited_for(mail, monkeypatch):
    seconds = iter([0.0, 20.0])
    monkeypatch.setattr(sns, "monotonic", lambda: next(seconds))
    assert post(told("delivered", mail)).status_code == 503
    assert now(mail) == (ACCEPTED, "")


def test_no_more_certificates_are_kept_than_amazon_has_at_a_time(mail, sns_itself):
    for number in range(20):
        url = f"https://{HOST}/SimpleNotificationService-{number:032x}.pem"
        sns_itself.pages[url] = certificate()
        post(told("sent", mail, MessageId=f"id-{number}", SigningCertURL=url))
    assert len(sns_itself.asked) == 20
    assert len(sns._certificates) == sns.KEPT


@pytest.mark.parametrize("trouble", [requests.ConnectTimeout(), requests.ConnectionError(), 503])
def test_where_amazon_cannot_be_asked_it_may_call_again(mail, sns_itself, trouble, caplog):
    sns_itself.pages[CERTIFICATE] = trouble
    assert post(told("delivered", mail)).status_code == 503
    assert CarrierEvent.objects.count() == 0
    assert not AuditEvent.objects.filter(action=AuditAction.DENIED).exists()
    sns_itself.pages[CERTIFICATE] = certificate()
    assert post(told("delivered", mail)).status_code == 200
    assert now(mail) == (DELIVERED, "")


@pytest.mark.req("R-13")
@pytest.mark.parametrize("topics", ["", "arn:aws:sns:us-east-1:999999999999:mail-events", HOST])
def test_a_topic_that_is_not_ours_is_refused_however_well_it_is_signed(
    mail, sns_itself, settings, topics
):
    settings.NOTIFICATIONS_SNS_TOPICS = topics
    assert is_refused(post(told("bounced", mail)))
    assert sns_itself.asked == []


@pytest.mark.req("R-13")
def test_a_topic_that_is_none_is_refused_even_where_it_is_set(mail, sns_itself, settings):
    settings.NOTIFICATIONS_SNS_TOPICS = topic = "arn:aws:sns:evil.com/:123456789012:mail"
    assert is_refused(post(told("bounced", mail, TopicArn=topic)))
    assert sns_itself.asked == []


# -- may the topic call us ----------------------------------------------------------------------


@pytest.mark.req("R-13")
def test_the_subscription_of_our_topic_is_confirmed(mail, sns_itself):
    assert post(amazon.subscription()).status_code == 200
    assert sns_itself.asked == [CERTIFICATE, SUBSCRIBE]
    assert sns_itself.options[1]["timeout"] == (5, 10)


@pytest.mark.req("R-13")
@pytest.mark.parametrize(
    "forged",
    [
        {"sign": "a forger"},
        {"TopicArn": "arn:aws:sns:us-east-1:999999999999:mail-events"},
    ],
)
def test_anybody_elses_topic_is_not_confirmed(mail, sns_itself, forged):
    assert is_refused(post(amazon.subscription(**forged)))
    assert SUBSCRIBE not in sns_itself.asked


@pytest.mark.req("R-13")
@pytest.mark.parametrize(
    "url",
    [
        SUBSCRIBE.replace(HOST, "evil.com"),
        SUBSCRIBE.replace(HOST, f"{HOST}.evil.com"),
        SUBSCRIBE.replace(HOST, f"{HOST}@evil.com"),
        SUBSCRIBE.replace("https:", "http:"),
        SUBSCRIBE.replace(HOST, f"{HOST}:8443"),
        SUBSCRIBE.replace(HOST, "169.254.169.254"),
    ],
)
def test_no_address_but_snss_own_is_visited(mail, sns_itself, url):
    assert post(amazon.subscription(SubscribeURL=url)).status_code == 503
    assert sns_itself.asked == [CERTIFICATE]


@pytest.mark.parametrize("trouble", [requests.ReadTimeout(), 403, 500, "https://evil.com/"])
def test_a_subscription_that_could_not_be_confirmed_is_asked_for_again(mail, sns_itself, trouble):
    sns_itself.pages[SUBSCRIBE] = trouble
    assert post(amazon.subscription()).status_code == 503
    assert sns_itself.asked == [CERTIFICATE, SUBSCRIBE]
    sns_itself.pages[SUBSCRIBE] = b""
    assert post(amazon.subscription()).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_nothing_waits_in_the_database_while_amazon_is_asked(mail, sns_itself):
    post(amazon.subscription())
    post(told("delivered", mail))
    assert sns_itself.in_transaction == [False, False]


def test_the_end_of_a_subscription_is_an_alarm(mail, sns_itself, caplog):
    ended = amazon.subscription(kind="UnsubscribeConfirmation")
    assert post(ended).status_code == 200
    assert "no receipts of e-mail come any more" in caplog.text
    assert sns_itself.asked == [CERTIFICATE]  # to confirm it would be to subscribe again


@pytest.mark.req("H-18")
def test_what_is_kept_of_a_call_is_the_event_without_the_way_to_unsubscribe(mail):
    post(told("delivered", mail))
    raw = CarrierEvent.objects.get().content["raw"]
    assert raw["eventType"] == "Delivery"
    assert "UnsubscribeURL" not in json.dumps(raw)

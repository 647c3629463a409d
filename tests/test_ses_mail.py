"""Mail through Amazon SES: what leaves, what its refusals mean, and what it must have."""

import email
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest

from notifications.channels.email import Email
from notifications.checks.production import check_carriers, check_mail
from notifications.crypto import new_id
from notifications.enums import ContactEffect, ErrorKind, Level
from notifications.providers import mail, ses
from notifications.types import AnswerLost, ChannelError, Envelope
from tests.amazon import TOPIC

BACKEND = "anymail.backends.amazon_ses"
WORDS = {"subject": "You have a new message", "text": "Sign in.", "html": "<p>Sign in.</p>"}


class ClientError(Exception):
    """SES' no, as botocore tells it."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__(f"{code} for ana@example.com")
        answer = {"HTTPStatusCode": status}
        self.response = {"Error": {"Code": code}, "ResponseMetadata": answer}


def lost(name: str) -> Exception:
    """Return an error of botocore's own, by its name: there was no answer."""
    return type(name, (ses.BotoCoreError,), {})("for ana@example.com")


class Library:
    """boto3 as Anymail uses it, which sends nothing anywhere: answers as it is told."""

    answers: ClassVar[list[Any]] = []
    sent: ClassVar[list[dict[str, Any]]] = []
    made_with: ClassVar[list[dict[str, Any]]] = []

    def client(self, name: str, **options: Any) -> "Library":
        Library.made_with.append({"name": name, **options})
        first = Library.answers[0]
        if type(first).__name__ == "NoRegionError":  # the one that shows before anything is sent
            raise first
        return self

    def send_email(self, **params: Any) -> dict[str, Any]:
        Library.sent.append(params)
        answer = Library.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"MessageId": answer}

    def close(self) -> None: ...


class Config(SimpleNamespace):
    def merge(self, other: "Config") -> "Config":
        return Config(**vars(self) | vars(other))


def module(name: str, **contents: Any) -> ModuleType:
    made = ModuleType(name)
    made.__spec__ = ModuleSpec(name, None)
    vars(made).update(contents)
    return made


@pytest.fixture
def amazon(monkeypatch, settings):
    """Mail goes through SES, with a library that is not installed everywhere."""
    Library.answers, Library.sent, Library.made_with = ["0100019ab0c1d2e3"], [], []
    errors = {"BotoCoreError": ses.BotoCoreError, "ClientError": ClientError}
    for made in (
        module("boto3", session=SimpleNamespace(Session=Library)),
        module("botocore"),
        module("botocore.client", Config=Config),
        module("botocore.exceptions", ConnectionError=OSError, **errors),
    ):
        monkeypatch.setitem(sys.modules, made.__name__, made)
    settings.EMAIL_BACKEND = f"{BACKEND}.EmailBackend"
    settings.NOTIFICATIONS_SNS_TOPICS = TOPIC
    known = sys.modules.pop(BACKEND, None)
    yield Library
    sys.modules.pop(BACKEND, None)
    if known:
        sys.modules[BACKEND] = known


def envelope() -> Envelope:
    to = {"address": "ana@example.com"}
    return Envelope(delivery_id=new_id(), level=Level.L0, sender="Main Street Dental", to=to)


def posted(envelope: Envelope) -> str:
    return mail.send(mail.build(envelope=envelope, **WORDS))


# -- what leaves --------------------------------------------------------------------------------


@pytest.mark.req("H-18")
def test_beside_the_address_and_the_words_amazon_gets_our_id_alone(amazon):
    to = envelope()
    assert posted(to) == "0100019ab0c1d2e3"
    [params] = amazon.sent
    raw = params.pop("Content")["Raw"]["Data"]
    assert params == {"Destination": {"ToAddresses": ["ana@example.com"]}}
    headers = dict(email.message_from_bytes(raw).items())
    assert headers["X-Metadata"] == f'{{"delivery_id": "{to.delivery_id}"}}'
    assert [name for name, value in headers.items() if "ana" in value.lower()] == ["To"]
    assert not {name for name in headers if name.startswith(("X-Tag", "X-SES"))}


@pytest.mark.req("H-19")
def test_no_mail_names_a_configuration_unless_the_practice_does(amazon, settings):
    settings.ANYMAIL = settings.ANYMAIL | {"AMAZON_SES_CONFIGURATION_SET_NAME": "dentamind"}
    posted(envelope())
    assert amazon.sent[0]["ConfigurationSetName"] == "dentamind"


def test_the_library_may_neither_hang_nor_send_twice(amazon):
    posted(envelope())
    [made] = amazon.made_with
    assert made["name"] == "sesv2"
    config = made["config"]
    assert (config.connect_timeout, config.read_timeout) == (5, 10)
    assert config.retries == {"total_max_attempts": 1}


# -- what a no means ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (ClientError("MessageRejected", 400), ErrorKind.PERMANENT, "MessageRejected"),
        (ClientError("BadRequestException", 400), ErrorKind.PERMANENT, "BadRequestException"),
        (ClientError("TooManyRequestsException", 429), ErrorKind.THROTTLED, ""),
        (ClientError("Throttling", 400), ErrorKind.THROTTLED, "Throttling"),
        (ClientError("AccountSuspendedException", 400), ErrorKind.CONFIGURATION, ""),
        (ClientError("NewKindOfDenial", 403), ErrorKind.CONFIGURATION, "NewKindOfDenial"),
        (lost("EndpointConnectionError"), ErrorKind.TRANSIENT, "EndpointConnectionError"),
        (lost("NoCredentialsError"), ErrorKind.CONFIGURATION, "NoCredentialsError"),
        (lost("NoRegionError"), ErrorKind.CONFIGURATION, "NoRegionError"),
    ],
)
def test_a_no_is_judged_by_its_name_and_names_nobody(amazon, answer, kind, code):
    amazon.answers[:] = [answer]
    with pytest.raises(ChannelError) as refused:
        posted(envelope())
    error = refused.value
    assert not isinstance(error, AnswerLost)
    assert (error.kind, error.contact) == (kind, ContactEffect.NONE)
    assert not code or error.code == code
    assert "ana@" not in str(error)


@pytest.mark.parametrize("answer", [ClientError("InternalFailure", 500), lost("ReadTimeoutError")])
def test_where_the_answer_was_lost_nobody_says_it_was_a_no(amazon, answer):
    amazon.answers[:] = [answer]
    with pytest.raises(AnswerLost):
        posted(envelope())


# -- what it must have --------------------------------------------------------------------------


def complaints() -> list[str]:
    return [f"{each.msg} {each.hint}" for each in (*check_carriers(), *check_mail())]


@pytest.mark.req("R-13")
def test_with_a_topic_and_the_library_nothing_is_wrong(amazon, settings):
    settings.ANYMAIL = {}  # no secret: SNS signs
    assert not [said for said in complaints() if "outbox" not in said]


@pytest.mark.req("R-13")
def test_amazon_without_a_topic_is_named_before_it_starts(amazon, settings):
    settings.NOTIFICATIONS_SNS_TOPICS = " , "
    [said] = [said for said in complaints() if "outbox" not in said]
    assert "NOTIFICATIONS_SNS_TOPICS is empty" in said
    assert "NOTIFICATIONS_SNS_TOPICS=arn:aws:sns:" in said


@pytest.mark.req("R-13")
@pytest.mark.parametrize(
    "name",
    [
        "mail-events",
        "arn:aws:sqs:us-east-1:123456789012:mail-events",
        "arn:aws:sns:us-east-1:1234:mail-events",
        "arn:aws:sns:evil.com/:123456789012:mail-events",
        "arn:aws:sns:us-east-1:123456789012:mail events",
        "arn:aws:sns:us-east-1:123456789012:mail.fifo",  # those call no addresses
        f"{TOPIC}:subscription",
    ],
)
def test_what_is_no_topic_is_named_before_it_starts(amazon, settings, name):
    settings.NOTIFICATIONS_SNS_TOPICS = f"{TOPIC},{name}"
    [said] = [said for said in complaints() if "outbox" not in said]
    assert f"{name} is no ARN" in said


def test_amazon_without_its_library_is_named_with_the_command(amazon, monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)  # as where it is not installed
    [said] = [said for said in complaints() if "outbox" not in said]
    assert "needs boto3" in said
    assert "pip install --require-hashes -r requirements-ses.txt" in said


def test_where_the_library_is_missing_nothing_but_e_mail_stops(amazon, monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert not Email().is_rehearsal()
    with pytest.raises(ChannelError) as refused:
        posted(envelope())
    assert refused.value.kind == ErrorKind.CONFIGURATION

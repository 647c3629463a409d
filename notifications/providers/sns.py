"""Amazon SNS over HTTP: whether it is Amazon that calls, and about a topic of ours.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html has the rule: the
signature is over some of the fields, its certificate comes over TLS from SNS's own host, and it
names SNS. Anybody's topic is signed by the same key: which topics are ours is for
NOTIFICATIONS_SNS_TOPICS to say, and the region in a topic's name says which host is asked.

An old message is no worse than a new one, so no age is refused: SNS goes on for an hour, from a
dead-letter queue for days, and a message's id is in the key its event is kept under, so that a
replay is a repeat.
"""

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from time import monotonic
from typing import Any

import requests
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from django.conf import settings

from notifications import clock
from notifications.enums import ErrorKind
from notifications.types import ChannelError

TOPIC = re.compile(
    r"arn:aws(?:-cn|-us-gov)?:sns:([a-z]{2}(?:-[a-z]+)+-\d):\d{12}:[\w-]{1,256}", re.A
)
CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9a-f]{32}\.pem")
NOTIFICATION, UNSUBSCRIBED = "Notification", "UnsubscribeConfirmation"
SUBSCRIPTION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
SIGNED: dict[str, tuple[str, ...]] = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": SUBSCRIPTION,
    UNSUBSCRIBED: SUBSCRIPTION,
}
HASHES = {"1": hashes.SHA1(), "2": hashes.SHA256()}
TIMEOUT = (5, 10)  # seconds to connect, and between two bytes of an answer
LONGEST = 15.0  # seconds for the whole of a certificate; SNS waits that long for our answer
LARGEST = 64 * 1024  # bytes; a certificate with its chain is a tenth of it
KEPT = 8  # certificates; Amazon changes a region's about once a year

_certificates: dict[str, x509.Certificate] = {}
_one_at_a_time = Lock()


def topics() -> list[str]:
    """Return the names (ARNs) of the topics that are ours, as they are set."""
    named = settings.NOTIFICATIONS_SNS_TOPICS.split(",")
    return [name.strip() for name in named if name.strip()]


def is_topic(name: str) -> bool:
    """Return whether a text is the ARN of a topic SNS can call us about."""
    return TOPIC.fullmatch(name) is not None


def is_genuine(message: Mapping[str, Any]) -> bool:
    """Return whether SNS itself wrote a message, about a topic of ours.

    Raises ChannelError, transient, when its certificate cannot be had: nobody can tell then.
    """
    said = _said(message)
    url = str(message.get("SigningCertURL"))
    if not said or message["TopicArn"] not in topics() or not is_topic(message["TopicArn"]):
        return False
    host = _host(message["TopicArn"])
    if not (_is_at(url, host=host) and CERTIFICATE.fullmatch(url.removeprefix(f"https://{host}"))):
        return False
    certificate = _certificate(url)
    return (
        certificate is not None
        and _is_of_sns(certificate, host=host)
        and _has_signed(certificate, said=said, message=message)
    )


def confirm(message: Mapping[str, Any]) -> None:
    """Accept a topic's subscription by visiting the address in a genuine message.

    For outside a transaction: up to 15 s. Raises ChannelError, transient, when that did not work:
    SNS asks again.
    """
    url = str(message.get("SubscribeURL"))
    if not _is_at(url, host=_host(message["TopicArn"])):
        raise ChannelError(code="not_at_sns", kind=ErrorKind.CONFIGURATION)
    with _answer(url) as answer:
        if answer.status_code != requests.codes.ok:
            raise ChannelError(code=str(answer.status_code), kind=ErrorKind.TRANSIENT)


# -- what is signed, and by whom ----------------------------------------------------------------


def _said(message: Mapping[str, Any]) -> bytes:
    """Return what the signature is over; nothing where a field is missing or is no text."""
    names = SIGNED.get(str(message.get("Type")), ())
    if names and message.get("Subject") is None:
        names = tuple(name for name in names if name != "Subject")
    if not all(isinstance(message.get(name), str) for name in names):
        return b""
    try:
        return "".join(f"{name}\n{message[name]}\n" for name in names).encode()
    except UnicodeEncodeError:  # half a character is valid JSON and no text
        return b""


def _has_signed(certificate: x509.Certificate, *, said: bytes, message: Mapping[str, Any]) -> bool:
    key, chosen = certificate.public_key(), HASHES.get(str(message.get("SignatureVersion")))
    if not isinstance(key, rsa.RSAPublicKey) or chosen is None:
        return False
    try:
        signature = b64decode(str(message.get("Signature")), validate=True)
        key.verify(signature, said, padding.PKCS1v15(), chosen)
    except (ValueError, InvalidSignature):
        return False
    return True


def _is_of_sns(certificate: x509.Certificate, *, host: str) -> bool:
    """Return whether a certificate is valid today and names SNS, or SNS in this region."""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return begins <= clock.real_now() <= ends and bool(_names(certificate) & _names_of_sns(host))


def _names(certificate: x509.Certificate) -> set[str]:
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    names = {str(name.value) for name in common}
    try:
        other = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return names | set(other.value.get_values_for_type(x509.DNSName))
    except (x509.ExtensionNotFound, ValueError):
        return names


def _names_of_sns(host: str) -> set[str]:
    """Return what Amazon's own libraries accept: see SnsHostProvider in aws-sdk-java-v2."""
    region = host.removeprefix("sns.")
    names = {"sns.amazonaws.com", host, f"sns-signing.{region}", f"sns-{region}"}
    return names | ({"sns-us-gov-west-1.amazonaws.com"} if region.startswith("us-gov-") else set())


# -- the way to SNS -----------------------------------------------------------------------------


def _host(topic: str) -> str:
    """Return where a topic lives: in China under a name of its own."""
    region = TOPIC.fullmatch(topic)[1]
    suffix = "amazonaws.com.cn" if topic.startswith("arn:aws-cn:") else "amazonaws.com"
    return f"sns.{region}.{suffix}"


def _is_at(url: str, *, host: str) -> bool:
    """Return whether an address is at this host over TLS, in no other spelling.

    A user, a port or a capital in it is no fault of ours to understand: it is not Amazon's.
    """
    return url.isascii() and url.isprintable() and url.startswith(f"https://{host}/")


def _certificate(url: str) -> x509.Certificate | None:
    """Return a certificate of SNS's, fetched once; None where there is none at this address.

    One is fetched at a time: who forges calls must not be able to hold every thread of ours.
    """
    if url in _certificates:
        return _certificates[url]
    if not _one_at_a_time.acquire(timeout=TIMEOUT[0]):
        raise ChannelError(code="busy", kind=ErrorKind.TRANSIENT)
    try:
        found = _certificates.get(url) or _fetched(url)
        if found is not None:
            _keep(url, found)
    finally:
        _one_at_a_time.release()
    return found


def _keep(url: str, certificate: x509.Certificate) -> None:
    _certificates[url] = certificate
    while len(_certificates) > KEPT:
        del _certificates[next(iter(_certificates))]


def _fetched(url: str) -> x509.Certificate | None:
    with _answer(url) as answer:
        if answer.status_code >= 500:
            raise ChannelError(code=str(answer.status_code), kind=ErrorKind.TRANSIENT)
        raw = _body(answer) if answer.status_code == requests.codes.ok else b""
    try:
        return x509.load_pem_x509_certificate(raw)
    except ValueError:
        return None


def _body(answer: requests.Response) -> bytes:
    """Return a body; nothing of one that is too large for a certificate."""
    body, until = b"", monotonic() + LONGEST
    for chunk in answer.iter_content(8192):
        body += chunk
        if len(body) > LARGEST:
            return b""
        if monotonic() > until:
            raise ChannelError(code="too_slow", kind=ErrorKind.TRANSIENT)
    return body


class Straight(requests.Session):
    """Goes where it was sent: no redirects, and no proxies or passwords of the environment."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


@contextmanager
def _answer(url: str) -> Iterator[requests.Response]:
    """Ask SNS; the body is left unread. Raises ChannelError, transient, if it is out of reach."""
    try:
        with Straight() as session, session.get(url, timeout=TIMEOUT, stream=True) as answer:
            yield answer
    except requests.RequestException as error:
        raise ChannelError(code=type(error).__name__, kind=ErrorKind.TRANSIENT) from None

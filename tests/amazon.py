"""What the tests of Amazon SES share: SNS with a key and a certificate of its own, behind the
adapter of `requests`, which signs as Amazon does and serves its certificate.
"""

import io
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from django.db import connection
from django.test import Client

from notifications.models import Delivery

HOST = "sns.us-east-1.amazonaws.com"
TOPIC = "arn:aws:sns:us-east-1:123456789012:mail-events"
CERTIFICATE = f"https://{HOST}/SimpleNotificationService-{'0123456789abcdef' * 2}.pem"
SUBSCRIBE = f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37fb"
URL = "/webhooks/email/"
EVENTS = Path(__file__).parent / "data" / "amazon_ses_events.json"
HASHES = {"1": hashes.SHA1(), "2": hashes.SHA256()}


@cache
def key_of(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(
    *names: str,
    key: CertificateIssuerPrivateKeyTypes | None = None,
    begins: timedelta = -timedelta(hours=1),
    ends: timedelta = timedelta(hours=1),
) -> bytes:
    """Return a certificate in PEM: the first name in its subject, others beside."""
    key, now = key or key_of("Amazon"), datetime.now(UTC)
    common, *others = names or ("sns.amazonaws.com",)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    made = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now + begins).not_valid_after(now + ends)
    if others:
        beside = x509.SubjectAlternativeName([x509.DNSName(name) for name in others])
        made = made.add_extension(beside, critical=False)
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


class Amazon:
    """SNS at its own host: says what `pages` holds, and keeps what it was asked and how."""

    def __init__(self) -> None:
        self.pages: dict[str, Any] = {CERTIFICATE: certificate(), SUBSCRIBE: b"<Confirmed/>"}
        self.asked: list[str] = []
        self.options: list[dict[str, Any]] = []
        self.in_transaction: list[bool] = []

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        self.asked.append(request.url)
        self.options.append(options)
        self.in_transaction.append(connection.in_atomic_block)
        page = self.pages.get(request.url, 404)
        if isinstance(page, Exception):
            raise page
        return said(page, url=request.url)


def said(page: bytes | int | str, *, url: str) -> requests.Response:
    """Return an answer: a body, a bare status, or a redirect to an address."""
    answer = requests.Response()
    answer.url, answer.status_code = url, 200
    answer.raw = io.BytesIO(page if isinstance(page, bytes) else b"")
    if isinstance(page, int):
        answer.status_code = page
    elif isinstance(page, str):
        answer.status_code, answer.headers["Location"] = 302, page
    return answer


# -- its messages -------------------------------------------------------------------------------


def event(name: str, mail: Delivery | None, **changes: Any) -> dict[str, Any]:
    """Return an event of SES about a mail of ours, or about one we know nothing of."""
    text = json.dumps(json.loads(EVENTS.read_text())[name] | changes)
    text = text.replace("MESSAGE", mail.provider_id if mail else "another")
    return json.loads(text.replace("DELIVERY", str(mail.pk) if mail else "somebody else's"))


def notification(told: Any, *, version: str = "1", sign: str = "Amazon", **changes: Any) -> dict:
    """Return what SNS posts about an event; `sign`: whose key, so that forgers have one too."""
    text = told if isinstance(told, str) else json.dumps(told)
    message = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Subject": "Amazon SES Email Event Notification",
        "Message": text,
        "Timestamp": "2026-11-24T17:00:03.655Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE,
        "UnsubscribeURL": f"https://{HOST}/?Action=Unsubscribe",
    }
    return signed(message | changes, sign=sign)


def subscription(*, kind: str = "SubscriptionConfirmation", sign: str = "Amazon", **changes: Any):
    """Return SNS' question whether a topic may call us, or its word that it calls no more."""
    message = {
        "Type": kind,
        "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
        "Token": "2336412f37fb",
        "TopicArn": TOPIC,
        "Message": "You have chosen to subscribe to the topic.",
        "SubscribeURL": SUBSCRIBE,
        "Timestamp": "2026-11-24T16:00:00.000Z",
        "SignatureVersion": "1",
        "SigningCertURL": CERTIFICATE,
    }
    return signed(message | changes, sign=sign)


def signed(message: dict[str, Any], *, sign: str = "Amazon") -> dict[str, Any]:
    """Sign by the list in Amazon's guide, written out here once more on purpose."""
    is_event = message["Type"] == "Notification"
    event_names = "Message MessageId Subject Timestamp TopicArn Type"
    asked_names = "Message MessageId SubscribeURL Timestamp Token TopicArn Type"
    names = (event_names if is_event else asked_names).split()
    text = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
    chosen = HASHES.get(message["SignatureVersion"], hashes.SHA256())
    raw = key_of(sign).sign(text.encode(), padding.PKCS1v15(), chosen)
    return message | {"Signature": b64encode(raw).decode()}


def post(message: dict[str, Any] | str, **headers: str):
    """Post as SNS does: JSON by the name of plain text, its type and id in headers too."""
    body = message if isinstance(message, str) else json.dumps(message)
    given = message if isinstance(message, dict) else {}
    names = {
        "x-amz-sns-message-type": str(given.get("Type", "Notification")),
        "x-amz-sns-message-id": str(given.get("MessageId", "1")),
    }
    kind = "text/plain; charset=UTF-8"
    return Client().post(URL, body, content_type=kind, headers=names | headers)

"""What the tests of web push share: believable devices, and name servers that say what they are
told. The network itself is only touched at its edge: the resolver and the adapter of `requests`.
"""

import base64
import os
from collections.abc import Iterable
from typing import Any, ClassVar

import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from requests.adapters import HTTPAdapter

from notifications.crypto import new_id
from notifications.enums import Level
from notifications.providers import vapid
from notifications.types import Envelope

MOZILLA = "updates.push.services.mozilla.com"
PUBLIC = "34.117.188.166"  # any address of the open internet


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def browser_keys() -> dict[str, str]:
    """Return the keys a browser makes up when it subscribes."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    raw = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return {"p256dh": encoded(raw), "auth": encoded(os.urandom(16))}


def device(endpoint: str = f"https://{MOZILLA}/wpush/v2/one", **keys: Any) -> dict[str, str]:
    return {"address": endpoint, **browser_keys(), **keys}


def envelope(to: dict[str, str] | None = None, **options: Any) -> Envelope:
    given = {"delivery_id": new_id(), "level": Level.L0, "sender": "Main Street Dental"}
    return Envelope(to=to or device(), **{**given, **options})


SENTENCE = {"push.txt": "You have a new message from Main Street Dental. Sign in to read it."}


class Names:
    """A name server: says what it is told, the last answer for ever, and counts who asked."""

    def __init__(self, *answers: str | Iterable[str]) -> None:
        self.answers = [[each] if isinstance(each, str) else list(each) for each in answers]
        self.asked: list[str] = []

    def getaddrinfo(self, host: str, port: int, *_args: Any, **_options: Any) -> list[tuple]:
        self.asked.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [(None, None, None, "", (address, port)) for address in found]


def resolve(really):
    """Answer for push services as on the open internet, and leave this machine's names alone."""

    def answer(host, port, *args, **options):
        if host.endswith((".com", ".net")):
            return Names(PUBLIC).getaddrinfo(host, port)
        return really(host, port, *args, **options)

    return answer


class Service(HTTPAdapter):
    """A push service behind the adapter: keeps what it is sent, answers as it was told."""

    reached: ClassVar[list[tuple[str, str]]] = []  # name and pinned address
    taken: ClassVar[list[requests.PreparedRequest]] = []
    options: ClassVar[list[dict[str, Any]]] = []
    answers: ClassVar[list[Any]] = []

    def __init__(self, *, host: str, address: str) -> None:
        super().__init__()
        Service.reached.append((host, address))

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        Service.taken.append(request)
        Service.options.append(options)
        answer = Service.answers.pop(0) if Service.answers else 201
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, requests.Response) else said(answer)

    @classmethod
    def reset(cls) -> type["Service"]:
        cls.reached, cls.taken, cls.options, cls.answers = [], [], [], []
        return cls


def said(status: int, **headers: str) -> requests.Response:
    """Return an answer with a status, headers and a body that must go nowhere."""
    response = requests.Response()
    response.status_code, response.url = status, f"https://{MOZILLA}/"
    response._content = SECRET_BODY
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response


SECRET_BODY = b"the answer's body with ana@example.com in it"


def with_key(settings: Any) -> str:
    """Give the site a key for push and let it use the real carrier; returns the public half."""
    private = vapid.new_key()
    settings.NOTIFICATIONS_VAPID_PRIVATE_KEY = private
    settings.NOTIFICATIONS_PUSH_PROVIDER = "notifications.providers.webpush.WebPush"
    return vapid.public_key(private)

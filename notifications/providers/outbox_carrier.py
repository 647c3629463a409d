"""The stand-in for a carrier at work: reports what became of what is in the outbox.

It posts to this machine and nowhere else, and only where nothing real is sent.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID
from xml.etree import ElementTree

import requests
from django.conf import settings

from notifications import clock, providers
from notifications.providers import mail, outbox_calls
from notifications.providers.outbox import OutboxMessage
from notifications.providers.outbox_calls import Call

logger = logging.getLogger(__name__)

LOOPBACK = ("localhost", "127.0.0.1", "::1")
TIMEOUT = (2.0, 10.0)  # seconds to connect, to answer
OLDEST = timedelta(hours=24)  # carriers do not come back to what is older
KNOWN = 1000  # the newest messages looked at after a start
BATCH = 200
LOOK_BACK = 40  # messages: another process may commit an older one after a newer one
Post = Callable[..., Any]  # (url, body, content_type=, headers=) -> something with a status_code


class NotHere(RuntimeError):
    """A call that would leave this machine."""


class NotTaken(RuntimeError):
    """A text from a patient that the site did not take. The text is the status of its answer."""


def why_not() -> str:
    """Return why the stand-in must not run here; empty where it may."""
    if not settings.DEBUG:
        return "DEBUG is off: this stands in for carriers in development only."
    texts = settings.NOTIFICATIONS_SMS_PROVIDER
    if (texts and not providers.is_outbox(texts)) or not mail.is_twin():
        return "A real carrier is set up: it reports by itself."
    if not _is_here(settings.PUBLIC_URL):
        return "PUBLIC_URL is not on this machine, and nothing is posted anywhere else."
    return ""


def _is_here(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK


def post_here(
    url: str, body: bytes, *, content_type: str, headers: dict[str, str]
) -> requests.Response:
    """Post to this machine, by no proxy. Raises NotHere, and what requests raises."""
    if not _is_here(url):
        raise NotHere(urlsplit(url).hostname)
    with requests.Session() as session:
        session.trust_env = False
        return session.post(
            url,
            data=body,
            headers=headers | {"Content-Type": content_type},
            timeout=TIMEOUT,
            allow_redirects=False,
        )


class Carrier:
    """Looks for messages it has not reported on yet. What it has told survives in each row."""

    def __init__(self, *, post: Post) -> None:
        self._post = post
        self._done: set[UUID] = set()
        newest = OutboxMessage.objects.order_by("-id").values_list("id", flat=True)
        self._floor = next(iter(newest[KNOWN : KNOWN + 1]), None)

    def look(self) -> int:
        """Report on what is new; return how many calls were made. One query when nothing is."""
        rows = OutboxMessage.objects.order_by("id")
        if self._floor is not None:
            rows = rows.filter(id__gt=self._floor)
        ids = list(rows.values_list("id", flat=True)[:BATCH])
        fresh = [pk for pk in ids if pk not in self._done]
        calls = sum(self._report(row) for row in rows.filter(id__in=fresh)) if fresh else 0
        self._move_on(ids)
        return calls

    def _move_on(self, ids: list[UUID]) -> None:
        """Forget what lies far enough back and is all reported."""
        waiting = next((place for place, pk in enumerate(ids) if pk not in self._done), len(ids))
        place = min(waiting, len(ids) - LOOK_BACK) - 1
        if place >= 0:
            self._floor = ids[place]
            self._done = {pk for pk in self._done if pk > self._floor}

    def _report(self, message: OutboxMessage) -> int:
        """Make a message's calls, from the first that was not taken on; return how many."""
        if not outbox_calls.is_due(message):
            return 0
        told = before = message.content.get("told", 0)
        is_old = message.created_at < clock.now() - OLDEST  # as in a demo that begins last month
        calls = [] if is_old else outbox_calls.calls_about(message)
        while told < len(calls) and self._is_taken(calls[told]):
            told += 1
        if told != before:
            message.content = message.content | {"told": told}
            message.save(update_fields=["content"])
        if told >= len(calls):
            self._done.add(message.pk)
        return told - before

    def _is_taken(self, call: Call) -> bool:
        """Whether the site has answered; a refusal is an answer, a fault is worth another try."""
        try:
            answer = _made(call, self._post)
        except requests.RequestException:
            return False
        if answer.status_code >= 400:
            logger.warning("the site answered %s to a report of ours", answer.status_code)
        elif call.answers_to:
            _keep_answer(answer, number=call.answers_to)
        return answer.status_code < 500


def report_all(post: Post) -> int:
    """Report on everything in the outbox at once; return how many calls were made."""
    carrier, calls = Carrier(post=post), 0
    while made := carrier.look():
        calls += made
    return calls


def send_reply(*, number: str, text: str, post: Post = post_here) -> str:
    """Post a text from a number as Twilio would, and keep the site's answer as a text to it.

    Raises NotTaken when the site does not take it.
    """
    answer = _made(outbox_calls.reply(number=number, text=text), post)
    if not 200 <= answer.status_code < 300:
        raise NotTaken(str(answer.status_code))
    return _keep_answer(answer, number=number)


def _keep_answer(answer: Any, *, number: str) -> str:
    """Keep what the site answers a patient's text with as a text to them, and return it."""
    said = [each.text or "" for each in _twiml(answer.content).iter("Message")]
    for words in said:
        OutboxMessage.objects.create(channel="sms", to=number, content={"text": words})
    return "\n".join(said)


def _twiml(content: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(content or b"<Response/>")


def _made(call: Call, post: Post) -> Any:
    return post(call.url, call.body, content_type=call.content_type, headers=call.headers)

"""Asking Twilio what it has: https://www.twilio.com/docs/messaging/api/message-resource

A Message does not say where its status callbacks go, so one whose answer was lost is known by its
number, its words and its time. Messages that are not sent yet have no DateSent, so the list is
asked by number alone: it comes newest first. What went to the number and is not recognised is
returned as well, without a status: it is no proof of anything, and neither is it nothing.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from twilio.base import values
from twilio.rest import Client
from twilio.rest.api.v2010.account.message import MessageInstance

from notifications.providers.twilio_calls import receipt
from notifications.types import OTHER_WORDS, AnswerLost, ChannelError, Receipt, Reply

CLOCKS_DIFFER = timedelta(minutes=10)  # Twilio's and ours; others' messages are known by their ids
PAGE, MOST = 50, 1000  # messages of one number
INBOUND = "inbound"
LARGEST_PAGE, MOST_WRITTEN = 1000, 20_000  # messages of everybody


def found(client: Client, *, number: str, text: str, since: datetime, sid: str) -> list[Receipt]:
    """Return the message of an id, or what went to a number since a moment (aware), newest first.

    Raises ChannelError where Twilio gives no answer.
    """
    if sid:
        return [_receipt(message) for message in _the_one(client, sid)]
    return [_recognised(message, text) for message in _sent_to(client, number, since)]


def _the_one(client: Client, sid: str) -> list[MessageInstance]:
    try:
        return [client.messages(sid).fetch()]
    except ChannelError as error:
        if error.code in ("20404", "404"):
            return []
        raise


def _sent_to(client: Client, number: str, since: datetime) -> list[MessageInstance]:
    """Return what went to a number. Raises AnswerLost where more went than is read."""
    sent: list[MessageInstance] = []
    asked = client.messages.stream(to=number, page_size=PAGE, limit=MOST)
    for count, message in enumerate(asked, start=1):
        if message.date_created < since - CLOCKS_DIFFER:
            break
        if count == MOST:
            raise AnswerLost(code="too_many")
        if message.direction != INBOUND:
            sent.append(message)
    return sent


def _recognised(message: MessageInstance, text: str) -> Receipt:
    """Return what a message is to us. A trial account writes words of its own before ours."""
    said = _receipt(message)
    if message.body and message.body.endswith(text):
        return said
    return replace(said, status=None, code=OTHER_WORDS if message.body else "", meaning=None)


def written(client: Client, *, to: str, since: datetime) -> list[Reply]:
    """Return what was written to our number since a moment (aware), oldest first.

    `to` "": to any of our numbers. What came in was sent when it was made, so it can be asked for
    by its date. Raises ChannelError where Twilio gives no answer, or more than is read.
    """
    since = (since - CLOCKS_DIFFER).astimezone(UTC)  # the SDK writes "Z" behind any zone's time
    listed = client.messages.stream(
        to=to or values.unset,
        date_sent_after=since,
        page_size=LARGEST_PAGE,
        limit=MOST_WRITTEN,
    )
    messages = list(listed)
    if len(messages) == MOST_WRITTEN:
        raise AnswerLost(code="too_many")
    came = [each for each in reversed(messages) if each.direction == INBOUND]
    return [_reply(each) for each in sorted(came, key=lambda each: each.date_created)]


def _reply(message: MessageInstance) -> Reply:
    return Reply(
        event_key=message.sid,
        sender=message.from_,
        text=message.body or "",
        written_at=message.date_created,
        raw={"MessageSid": message.sid, "From": message.from_, "Body": message.body or ""},
    )


def _receipt(message: MessageInstance) -> Receipt:
    code = str(message.error_code or "")
    raw = {"sid": message.sid, "status": message.status, "error_code": code}
    return receipt(message.sid, said=message.status, code=code, delivery_id=None, raw=raw)

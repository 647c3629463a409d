"""Asking Twilio what it has: https://www.twilio.com/docs/messaging/api/message-resource

A Message does not say where its status callbacks go, so one whose answer was lost is known by its
number, its words and its time. Messages that are not sent yet have no DateSent, so the list is
asked by number alone: it comes newest first.
"""

from datetime import UTC, datetime, timedelta

from twilio.base import values
from twilio.rest import Client
from twilio.rest.api.v2010.account.message import MessageInstance

from notifications.providers.twilio_calls import receipt
from notifications.types import AnswerLost, ChannelError, Receipt, Reply

CLOCKS_DIFFER = timedelta(minutes=1)  # Twilio's and ours
PAGE, MOST = 50, 1000  # messages of one number
INBOUND = "inbound"
LARGEST_PAGE, MOST_WRITTEN = 1000, 20_000  # messages of everybody


def found(client: Client, *, number: str, text: str, since: datetime, sid: str) -> list[Receipt]:
    """Return the message of an id, or those with these words since a moment (aware), newest first.

    Raises ChannelError where Twilio gives no answer.
    """
    messages = _the_one(client, sid) if sid else _alike(client, number, text, since)
    return [_receipt(message) for message in messages]


def _the_one(client: Client, sid: str) -> list[MessageInstance]:
    try:
        return [client.messages(sid).fetch()]
    except ChannelError as error:
        if error.code in ("20404", "404"):
            return []
        raise


def _alike(client: Client, number: str, text: str, since: datetime) -> list[MessageInstance]:
    """Return what may be the text. Raises AnswerLost where it may lie beyond what is read."""
    alike: list[MessageInstance] = []
    asked = client.messages.stream(to=number, page_size=PAGE, limit=MOST)
    for count, message in enumerate(asked, start=1):
        if message.date_created < since - CLOCKS_DIFFER:
            break
        if message.body == text and message.direction != INBOUND:
            alike.append(message)
        if count == MOST and not alike:
            raise AnswerLost(code="too_many")
    return alike


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

"""Asking Twilio what it has: https://www.twilio.com/docs/messaging/api/message-resource

A Message does not say where its status callbacks go, so one whose answer was lost is known by its
number, its words and its time. Messages that are not sent yet have no DateSent, so the list is
asked by number alone: it comes newest first.
"""

from datetime import datetime, timedelta

from twilio.rest import Client
from twilio.rest.api.v2010.account.message import MessageInstance

from notifications.providers.twilio_calls import receipt
from notifications.types import AnswerLost, ChannelError, Receipt

CLOCKS_DIFFER = timedelta(minutes=1)  # Twilio's and ours
PAGE, MOST = 50, 1000  # messages of one number
INBOUND = "inbound"


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


def _receipt(message: MessageInstance) -> Receipt:
    code = str(message.error_code or "")
    raw = {"sid": message.sid, "status": message.status, "error_code": code}
    return receipt(message.sid, said=message.status, code=code, delivery_id=None, raw=raw)

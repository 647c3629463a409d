"""What patients wrote to us, asked of Twilio afterwards: as its list of messages tells it."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from notifications.channels.sms import Sms
from notifications.providers import twilio_look_ups
from notifications.types import AnswerLost, NotSupported
from tests.engine import ANAS_NUMBER, BENS_NUMBER
from tests.switchboard import OUR_NUMBER, SID, TOKEN, LocalHttp, switchboard

SINCE = datetime(2026, 11, 24, 3, tzinfo=timezone(timedelta(hours=-5)))
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def account(settings):
    settings.NOTIFICATIONS_SMS_PROVIDER = "tests.switchboard.LocalTwilio"
    settings.NOTIFICATIONS_TWILIO_ACCOUNT_SID = SID
    settings.NOTIFICATIONS_TWILIO_AUTH_TOKEN = TOKEN
    settings.NOTIFICATIONS_TWILIO_FROM = OUR_NUMBER
    return settings


@pytest.fixture
def twilio_here(monkeypatch):
    with switchboard() as board:
        monkeypatch.setattr(LocalHttp, "port", board.server_port)
        yield board


def message(sid, words, *, number=ANAS_NUMBER, minutes=0, direction="inbound"):
    made = format_datetime((SINCE + minutes * MINUTE).astimezone(UTC))
    return {
        "sid": sid,
        "body": words,
        "from": number,
        "to": OUR_NUMBER,
        "direction": direction,
        "date_created": made,
        "date_sent": made,
        "status": "received",
    }


def listing(*messages):
    return {"messages": messages, "next_page_uri": None, "page": 0, "page_size": 1000}


@pytest.mark.req("H-20")
def test_what_came_in_is_told_oldest_first_and_what_we_sent_is_not(twilio_here):
    listed = [
        message("SM4", "We sent this", direction="outbound-api", minutes=4),
        message("SM3", "START", minutes=3),
        message("SM2", "STOP", minutes=3),
        message("SM1", None, number=BENS_NUMBER, minutes=1),
    ]
    twilio_here.will_say(200, listing(*listed))
    heard = Sms().replies_since(since=SINCE)
    assert [(each.event_key, each.sender, each.text) for each in heard] == [
        ("SM1", BENS_NUMBER, ""),
        ("SM2", ANAS_NUMBER, "STOP"),
        ("SM3", ANAS_NUMBER, "START"),
    ]
    assert heard[0].written_at == SINCE + MINUTE


@pytest.mark.req("H-20")
def test_it_is_asked_by_our_number_and_from_a_moment_in_utc(twilio_here, settings):
    twilio_here.will_say(200, listing())
    twilio_here.will_say(200, listing())
    Sms().replies_since(since=SINCE)
    settings.NOTIFICATIONS_TWILIO_FROM = ""  # a messaging service has several numbers
    Sms().replies_since(since=SINCE)
    first, second = twilio_here.asked
    assert first["DateSent>"] == second["DateSent>"] == "2026-11-24T07:50:00Z"
    assert (first["To"], second.get("To")) == (OUR_NUMBER, None)


def test_a_list_too_long_to_read_is_no_answer(twilio_here, monkeypatch):
    monkeypatch.setattr(twilio_look_ups, "MOST_WRITTEN", 1)
    twilio_here.will_say(200, listing(message("SM1", "STOP")))
    with pytest.raises(AnswerLost, match="too_many"):
        Sms().replies_since(since=SINCE)


def test_where_the_words_are_not_kept_it_cannot_be_asked(settings):
    settings.NOTIFICATIONS_TWILIO_REDACTION = "true"
    with pytest.raises(NotSupported):
        Sms().replies_since(since=SINCE)


def test_a_no_is_no_empty_list(twilio_here):
    twilio_here.will_say(503, {"code": 20503})
    with pytest.raises(AnswerLost):
        Sms().replies_since(since=SINCE)

"""Lost answers, with Twilio's own SDK against the stand-in over the wire: its book is the judge."""

from datetime import datetime, timedelta

import pytest

from notifications import clock
from notifications.crypto import new_id
from notifications.enums import AttemptResult, DeliveryStatus, Level, Reason
from notifications.providers import twilio_look_ups
from notifications.types import AnswerLost, ChannelError, Envelope, NotSupported
from tests.clinic import wall
from tests.engine import delivery_of, phone_of, run, send, status_of
from tests.standins import StandIns, soon, stand_ins
from tests.switchboard import LocalHttp, LocalTwilio

pytestmark = [
    pytest.mark.servers,
    pytest.mark.django_db,
    pytest.mark.usefixtures("note", "carrier"),
]
Status = DeliveryStatus
MINUTE = timedelta(minutes=1)
CUT_AFTER, CUT_BEFORE, ERROR_AFTER = "+12125550188", "+12125550189", "+12125550190"
NO_SUCH_NUMBER, NOBODYS = "+12125550199", "+12125550143"
LOST = (Status.UNKNOWN, Reason.ANSWER_UNKNOWN)


@pytest.fixture(scope="module")
def carriers(tmp_path_factory) -> StandIns:
    with stand_ins(tmp_path_factory.mktemp("carriers"), "--only", "twilio") as here:
        yield here


@pytest.fixture(autouse=True)
def account(settings, carriers, carrier, monkeypatch):
    carriers.control(lag=0, callbacks=False, callback_delay=0.01)
    settings.NOTIFICATIONS_SMS_PROVIDER = "tests.switchboard.LocalTwilio"
    settings.NOTIFICATIONS_TWILIO_ACCOUNT_SID = carriers.ports["account"]
    settings.NOTIFICATIONS_TWILIO_AUTH_TOKEN = carriers.ports["token"]
    settings.NOTIFICATIONS_TWILIO_FROM = carriers.ports["sender"]
    settings.NOTIFICATIONS_AGREEMENTS = "sms"
    monkeypatch.setattr(LocalHttp, "port", carriers.ports["twilio"])
    monkeypatch.setattr("notifications.providers.twilio.READ_SECONDS", 2.0)
    return settings


@pytest.fixture
def yesterday() -> datetime:
    """Noon where Ana lives, the day before: the carrier's own clock is the real one, and ahead."""
    return wall(f"{clock.real_now() - timedelta(days=1):%Y-%m-%d} 12:00")


def text_to(patient, number: str, *, at: datetime):
    phone_of(patient, number)
    with clock.at(at):
        made = send(patient)
        run()
    return made


def booked(carriers, made) -> list[str]:
    """Return the ids under which the carrier has a message: one for each time it was taken."""
    delivery = str(delivery_of(made, "sms").pk)
    return [entry.id for entry in carriers.books("twilio") if entry.delivery == delivery]


# -- from end to end ----------------------------------------------------------------------------


@pytest.mark.req("W5")
@pytest.mark.parametrize("number", [CUT_AFTER, ERROR_AFTER], ids=["cut", "error 500"])
def test_a_text_that_was_taken_is_found_and_not_sent_again(ana, ben, carriers, yesterday, number):
    made = text_to(ana, number, at=yesterday)
    assert status_of(made, "sms") == LOST
    bens = text_to(ben, NOBODYS, at=yesterday)
    for minute in range(1, 9):
        run(at=yesterday + minute * MINUTE)
    for each in (made, bens):
        [sid] = booked(carriers, each)
        assert delivery_of(each, "sms").provider_id == sid
        assert status_of(each, "sms")[0] in (Status.ACCEPTED, Status.DELIVERED)


@pytest.mark.req("W4")
def test_a_text_that_never_came_is_looked_for_twice_and_goes_once_more(ana, carriers, yesterday):
    before = len(carriers.refusals())
    made = text_to(ana, CUT_BEFORE, at=yesterday)
    run(at=yesterday + MINUTE)
    assert status_of(made, "sms") == LOST
    assert len(carriers.refusals()) == before + 1
    run(at=yesterday + 4 * MINUTE)
    assert len(carriers.refusals()) == before + 2
    first = delivery_of(made, "sms").tries.order_by("number").first()
    assert first.result == AttemptResult.NEVER_ARRIVED
    assert booked(carriers, made) == []


@pytest.mark.req("W5")
def test_a_list_that_lags_behind_is_asked_again_before_it_is_believed(ana, carriers, yesterday):
    carriers.control(lag=60)
    made = text_to(ana, CUT_AFTER, at=yesterday)
    run(at=yesterday + MINUTE)
    assert status_of(made, "sms") == LOST
    assert delivery_of(made, "sms").look_ups == 1
    carriers.control(lag=0)
    run(at=yesterday + 4 * MINUTE)
    assert [delivery_of(made, "sms").provider_id] == booked(carriers, made)


@pytest.mark.req("H-18")
def test_an_account_that_keeps_no_texts_is_not_asked_by_their_words(
    ana, carriers, account, yesterday
):
    made = text_to(ana, CUT_AFTER, at=yesterday)
    account.NOTIFICATIONS_TWILIO_REDACTION = "true"
    run(at=yesterday + 20 * MINUTE)
    assert status_of(made, "sms") == (Status.UNKNOWN, Reason.ANSWER_UNSETTLED)
    assert len(booked(carriers, made)) == 1


# -- the look-up itself -------------------------------------------------------------------------


def hand_over(number: str, words: str) -> str:
    """Hand a text over; return its id, or "" where the answer was lost."""
    envelope = Envelope(delivery_id=new_id(), to={"address": number}, level=Level.L1)
    try:
        return (
            LocalTwilio(channel="sms")
            .send(envelope=envelope, content={"sms.txt": words})
            .provider_id
        )
    except ChannelError:
        return ""


def asked(number: str, words: str = "", *, since: datetime, sid: str = ""):
    """Ask what the carrier has; return what is recognised."""
    envelope = Envelope(delivery_id=new_id(), to={"address": number}, level=Level.L1)
    content = {"sms.txt": words}
    found = LocalTwilio(channel="sms").look_up(
        envelope=envelope, content=content, since=since, provider_id=sid
    )
    return [each for each in found if each.status is not None]


def test_a_text_is_found_behind_more_than_a_page_of_others(carriers):
    since = clock.real_now()
    first = hand_over("+12125550144", "The first")
    others = [hand_over("+12125550144", f"Another, {number}") for number in range(120)]
    [found] = asked("+12125550144", "The first", since=since)
    assert found.provider_id == first
    assert asked("+12125550144", "Never sent", since=since) == []
    assert asked("+12125550145", "The first", since=since) == []
    assert len(set(others)) == 120


def test_a_list_too_long_to_read_is_no_proof_that_a_text_never_came(carriers, monkeypatch):
    monkeypatch.setattr(twilio_look_ups, "MOST", 5)
    before = clock.real_now()
    for number in range(5):
        hand_over("+12125550147", f"Another, {number}")
    with pytest.raises(AnswerLost, match="too_many"):
        asked("+12125550147", "Long ago", since=before)


def test_the_same_words_to_one_number_are_all_found_newest_first(carriers):
    since = clock.real_now()
    sids = [hand_over("+12125550146", "The same") for _each in range(3)]
    found = asked("+12125550146", "The same", since=since)
    assert [each.provider_id for each in found] == sids[::-1]
    assert asked("+12125550146", "The same", since=since + 15 * MINUTE) == []


def test_a_text_is_known_by_its_id_with_what_became_of_it(carriers, account):
    since = clock.real_now()
    sid = hand_over(NO_SUCH_NUMBER, "To nobody")
    account.NOTIFICATIONS_TWILIO_REDACTION = "true"

    def ended():
        [found] = asked(NO_SUCH_NUMBER, since=since, sid=sid)
        return found if found.status == Status.FAILED else None

    found = soon(ended)
    assert (found.status, found.code, found.provider_id) == (Status.FAILED, "30005", sid)
    assert asked(NO_SUCH_NUMBER, since=since, sid="SM" + "f" * 32) == []
    with pytest.raises(NotSupported):
        asked(NO_SUCH_NUMBER, "To nobody", since=since)


def test_a_carrier_that_is_down_gives_no_answer_which_is_not_nothing(carriers):
    carriers.control(mode="down")
    try:
        with pytest.raises(ChannelError):
            asked(NOBODYS, "Anything", since=clock.real_now())
    finally:
        carriers.control(mode="ok")

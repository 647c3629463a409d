"""An outage, a carrier in a hurry, one bad number: what waits, waits, and then everything goes."""

from collections import Counter
from datetime import timedelta

import pytest

from notifications import clock, delivery, switches
from notifications.delivery.claim import claim
from notifications.enums import AttemptResult, DeliveryStatus, ErrorKind
from notifications.models import Delivery, DeliveryAttempt
from notifications.types import ChannelError
from tests.crowd import NUMBER, only_texts, patients_with_phones
from tests.engine import NOON, NotePayload, delivery_of, phone_of, run, send
from tests.weather import AWAY, LOST, Weather, texts, ticks

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
BUSY = ChannelError(code="20429", kind=ErrorKind.THROTTLED, retry_after=SECOND)
LATER = ChannelError(code="451", kind=ErrorKind.TRANSIENT, retry_after=SECOND)
Status = DeliveryStatus


@pytest.fixture(autouse=True)
def weather(settings, carrier):
    settings.NOTIFICATIONS_SMS_PROVIDER = "tests.weather.Weather"
    Weather.fresh()
    return Weather


def text_to(patient, **options):
    """Make a message that goes as a text alone."""
    note = NotePayload(good_until=options.pop("good_until", None))
    made = send(patient, note, **options)
    only_texts()
    return made


# -- an outage ----------------------------------------------------------------------------------


@pytest.mark.req("R-09")
@pytest.mark.parametrize("trouble", [AWAY, LOST], ids=["no connection", "no answer"])
def test_an_outage_costs_few_calls_and_no_message(location, weather, trouble):
    """Fifty texts a second as it begins; once the carrier is left alone, what comes costs no call.

    So the calls of the half hour do not depend on the rate, and a text every twenty seconds
    afterwards shows as much as fifty a second, which would make 90,000 rows.
    """
    people = patients_with_phones(location, 50)
    weather.away_from, weather.back_at, weather.trouble = NOON, NOON + 30 * MINUTE, trouble
    for number, patient in enumerate(people):
        text_to(patient, priority="urgent" if number % 5 == 0 else "medium")
    short_lived = []
    for number, _at in enumerate(ticks(NOON, weather.back_at, every=20 * SECOND)):
        person = people[number % len(people)]
        if number % 9 == 0 and number < 60:
            short_lived.append(text_to(person, good_until=clock.now() + 5 * MINUTE))
        else:
            text_to(person, priority="urgent" if number % 3 == 1 else "medium")
    in_outage = list(weather.calls)
    for _at in ticks(weather.back_at, weather.back_at + 5 * MINUTE, every=20 * SECOND):
        pass
    too_late = {str(delivery_of(each, "sms").pk) for each in short_lived}
    rows = texts()
    assert len(in_outage) <= 70
    assert {rows[pk].status for pk in too_late} == {Status.EXPIRED}
    assert {row.status for pk, row in rows.items() if pk not in too_late} == {Status.ACCEPTED}
    assert Counter(each.delivery for each in weather.book) == dict.fromkeys(set(rows) - too_late, 1)
    assert sum(row.setbacks for row in rows.values()) <= switches.IN_A_ROW
    assert_urgent_first(weather, rows)


def assert_urgent_first(weather, rows):
    """The first text tells that the carrier answers again; from then on, urgent ones first."""
    order = [rows[each.delivery].rank for each in weather.book[1:] if not was_lost(each.delivery)]
    assert order == sorted(order)
    assert order[0] == 0


def was_lost(pk):
    return DeliveryAttempt.objects.filter(
        delivery_id=pk, result=AttemptResult.NEVER_ARRIVED
    ).exists()


@pytest.mark.req("R-09")
@pytest.mark.parametrize("trouble", [AWAY, LOST], ids=["no connection", "no answer"])
def test_a_small_practice_loses_nothing_in_two_hours(location, weather, trouble):
    people = patients_with_phones(location, 12)
    weather.away_from, weather.back_at = NOON, NOON + 2 * HOUR
    weather.trouble = trouble
    for minute, _at in enumerate(ticks(NOON, weather.back_at, every=MINUTE)):
        if minute % 10 == 0:
            text_to(people[minute // 10])
    assert not Delivery.objects.filter(status=Status.FAILED).exists()
    for _at in ticks(weather.back_at, weather.back_at + 10 * MINUTE, every=MINUTE):
        pass
    assert {row.status for row in texts().values()} == {Status.ACCEPTED}
    assert Counter(each.number for each in weather.book) == {
        NUMBER.format(n + 100): 1 for n in range(12)
    }


@pytest.mark.req("R-09")
def test_a_worker_killed_in_the_try_does_not_leave_the_channel_shut(ana, location, weather):
    phone_of(ana)
    weather.away_from, weather.back_at = NOON, NOON + MINUTE
    for patient in patients_with_phones(location, 8):
        text_to(patient)
    run(at=NOON)
    assert switches.read().shut() == ["sms"]
    with clock.at(NOON + MINUTE):
        [parcel] = claim(limit=1, report=delivery.Report())
    assert parcel.is_a_try
    Delivery.objects.filter(pk=parcel.delivery.pk).update(lease_until=clock.real_now())
    for _at in ticks(NOON + MINUTE, NOON + 8 * MINUTE, every=MINUTE):
        pass
    assert {row.status for row in texts().values()} == {Status.ACCEPTED}
    assert switches.read().shut() == []


# -- a carrier that asks for patience -----------------------------------------------------------


@pytest.mark.req("R-09")
def test_a_backlog_is_drained_at_the_carriers_rate_and_the_urgent_go_first(location, weather):
    people = patients_with_phones(location, 40)
    weather.away_from, weather.back_at, weather.per_moment = NOON, NOON + HOUR, 2
    for minute, _at in enumerate(ticks(NOON, weather.back_at, every=MINUTE)):
        if minute < len(people):
            text_to(people[minute], priority="urgent" if minute >= 30 else "medium")
    weather.calls.clear()
    for _at in ticks(weather.back_at, weather.back_at + 4 * MINUTE, every=2 * SECOND):
        pass
    rows = texts()
    assert {row.status for row in rows.values()} == {Status.ACCEPTED}
    assert set(Counter(each.delivery for each in weather.book).values()) == {1}
    assert max(Counter(call.at for call in weather.calls if call.taken).values()) == 2
    refused = [call for call in weather.calls if not call.taken]
    assert 0 < len(refused) <= len(rows)
    assert_urgent_first(weather, rows)


@pytest.mark.req("R-09")
@pytest.mark.parametrize("answer", [BUSY, LATER], ids=["429", "451"])
def test_one_number_that_is_always_refused_keeps_nobody_waiting(ana, location, weather, answer):
    """Hers is urgent, and so always the first that is due."""
    phone_of(ana, "+12125550142")
    weather.poisoned = {"+12125550142": answer}
    text_to(ana, priority="urgent")
    people = patients_with_phones(location, 30)
    waited = {}
    for minute, at in enumerate(ticks(NOON, NOON + 62 * MINUTE, every=MINUTE)):
        if minute == 0:
            for patient in people[:10]:
                waited[str(delivery_of(text_to(patient), "sms").pk)] = at
        elif minute % 2 == 0 and minute // 2 < 20:
            waited[str(delivery_of(text_to(people[9 + minute // 2]), "sms").pk)] = at
    sent = {each.delivery: each.at for each in weather.book}
    assert set(sent) == set(waited)
    assert max(sent[pk] - at for pk, at in waited.items()) <= 5 * MINUTE


@pytest.mark.req("R-09")
def test_one_number_that_always_fails_is_not_taken_for_an_outage_for_long(ana, location, weather):
    """Nobody else wrote for a while, so its failures alone say that the carrier does not work."""
    phone_of(ana, "+12125550142")
    weather.poisoned = {"+12125550142": LATER}
    text_to(ana, priority="urgent")
    people, waited = patients_with_phones(location, 6), {}
    for minute, at in enumerate(ticks(NOON, NOON + HOUR, every=MINUTE)):
        if minute % 10 == 9:
            waited[str(delivery_of(text_to(people[minute // 10]), "sms").pk)] = at
        elif minute == 8:
            assert switches.read().shut() == ["sms"]
    sent = {each.delivery: each.at for each in weather.book}
    assert set(sent) == set(waited)
    assert max(sent[pk] - at for pk, at in waited.items()) <= 5 * MINUTE

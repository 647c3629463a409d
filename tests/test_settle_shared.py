"""Lost answers where the words alone do not tell whose text it is, and where two workers ask."""

from collections import Counter
from datetime import timedelta

import pytest

from notifications import clock, delivery, incoming
from notifications.enums import DeliveryStatus
from notifications.models import Delivery
from notifications.providers import twilio_calls
from tests.crowd import NUMBER, only_texts, patients_with_phones, side_by_side
from tests.engine import (
    NOON,
    delivery_of,
    phone_of,
    run,
    send,
)
from tests.forgetful import Fate, Forgetful

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
Status = DeliveryStatus


@pytest.fixture(autouse=True)
def forgetful(settings, carrier):
    settings.NOTIFICATIONS_SMS_PROVIDER = "tests.forgetful.Forgetful"
    Forgetful.fresh()
    return Forgetful


def after(*spans: timedelta):
    return NOON + sum(spans, timedelta(0))


def ask_for_an_hour():
    for minute in range(1, 60, 2):
        run(at=after(minute * MINUTE))


# -- one number, two patients, the same words ---------------------------------------------------


def household(ana, ben, fates, *, apart=timedelta(0)):
    """The same text to a mother and her son at one number; what became of each call."""
    phone_of(ana)
    phone_of(ben)
    Forgetful.fates = list(fates)
    return tuple(sent_only(patient, at) for patient, at in ((ana, NOON), (ben, NOON + apart)))


def sent_only(patient, at):
    """Send to a patient, and ask about nothing yet."""
    with clock.at(at):
        made = send(patient)
        delivery.run_due()
    return delivery_of(made, "sms")


def settle_in_turn(*rows):
    """Ask about one after the other: the other's question is not due yet."""
    Delivery.objects.filter(status=Status.UNKNOWN).update(settle_at=after(HOUR))
    for row in rows:
        Delivery.objects.filter(pk=row.pk).update(settle_at=NOON)
        delivery.settle()


@pytest.mark.req("W5")
@pytest.mark.parametrize("first", ["ana", "ben"])
@pytest.mark.parametrize("apart", [timedelta(0), 5 * MINUTE], ids=["at once", "minutes apart"])
def test_of_two_lost_texts_to_one_number_each_adopts_its_own(ana, ben, forgetful, first, apart):
    anas, bens = household(ana, ben, [Fate.LOST_AFTER] * 2, apart=apart)
    assert {row.status for row in (anas, bens)} == {Status.UNKNOWN}
    settle_in_turn(*((anas, bens) if first == "ana" else (bens, anas)))
    for row in (anas, bens):
        row.refresh_from_db()
        assert row.status == Status.ACCEPTED
        assert row.provider_id == forgetful.text_of(row.pk).sid


@pytest.mark.req("W5")
@pytest.mark.parametrize("lost", ["ana", "ben"])
def test_the_text_of_another_that_was_answered_is_not_adopted(ana, ben, forgetful, lost):
    fates = [Fate.LOST_BEFORE, Fate.ANSWERED]
    anas, bens = household(ana, ben, fates if lost == "ana" else fates[::-1])
    mine, other = (anas, bens) if lost == "ana" else (bens, anas)
    known = other.provider_id
    assert known == forgetful.text_of(other.pk).sid
    ask_for_an_hour()
    mine.refresh_from_db()
    assert mine.status == Status.ACCEPTED
    assert mine.provider_id == forgetful.text_of(mine.pk).sid != known
    assert len(forgetful.book) == 2


@pytest.mark.req("W5")
@pytest.mark.parametrize("lost", ["ana", "ben"])
def test_of_two_lost_texts_to_one_number_the_one_that_never_came_goes_once_more(
    ana, ben, forgetful, lost
):
    fates = [Fate.LOST_BEFORE, Fate.LOST_AFTER]
    household(ana, ben, fates if lost == "ana" else fates[::-1])
    ask_for_an_hour()
    texts = Delivery.objects.filter(channel="sms")
    assert set(texts.values_list("status", flat=True)) == {Status.ACCEPTED}
    assert sorted(texts.values_list("provider_id", flat=True)) == [
        each.sid for each in forgetful.book
    ]
    assert len(forgetful.book) == 2


@pytest.mark.req("W5")
def test_the_carriers_own_call_puts_right_whose_text_was_whose(ana, ben, forgetful):
    """Texts of one moment and of the same words differ only in the address the carrier calls."""
    anas, bens = household(ana, ben, [Fate.LOST_AFTER] * 2)
    run(at=NOON)
    forgetful.book[0].status, forgetful.book[1].status = "delivered", "undelivered"
    for row in (anas, bens):
        kept = forgetful.text_of(row.pk)
        wrong = next(each.sid for each in forgetful.book if each is not kept)
        Delivery.objects.filter(pk=row.pk).update(provider_id=wrong)
        row.tries.update(provider_id=wrong)
    for row, said, code in ((anas, "delivered", ""), (bens, "undelivered", "30005")):
        kept = forgetful.text_of(row.pk)
        heard = twilio_calls.receipt(kept.sid, said=said, code=code, delivery_id=row.pk, raw={})
        incoming.take_receipts(channel="sms", receipts=[heard])
        row.refresh_from_db()
        assert row.provider_id == kept.sid
    assert (anas.status, bens.status) == (Status.DELIVERED, Status.FAILED)


# -- two at once --------------------------------------------------------------------------------


@pytest.mark.req("R-03")
@pytest.mark.django_db(transaction=True)
def test_two_workers_that_settle_at_once_ask_each_question_once(location, forgetful):
    people = patients_with_phones(location, 12)
    forgetful.fates = [Fate.LOST_AFTER, Fate.LOST_BEFORE, Fate.ANSWERED] * 4
    for patient in people:
        send(patient)
    only_texts()
    run()
    side_by_side(*[delivery.settle] * 3)
    assert Counter(number for number, _sid in forgetful.asked) == {
        NUMBER.format(n + 100): 1 for n in range(12) if n % 3 != 2
    }
    assert Delivery.objects.filter(status=Status.ACCEPTED).count() == 8

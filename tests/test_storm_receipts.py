"""A thousand receipts in any order, with repeats and forgeries, end as those told in order."""

from itertools import permutations

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as some

from notifications import clock, consent
from notifications.enums import ContactStatus, DeliveryStatus, Purpose
from notifications.models import CarrierEvent, ContactPoint
from tests import stormwork
from tests.engine import delivery_of, email_of, run, send
from tests.forgetful import Forgetful
from tests.test_email_events import SECRET, SIGNING_KEY, payload, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
CALLS, SEEDS, EXAMPLES = 1000, 3, 60


@pytest.fixture
def told(settings, location):
    """All that is told of the texts of this clinic."""
    settings.NOTIFICATIONS_SMS_PROVIDER = "tests.forgetful.Forgetful"
    settings.NOTIFICATIONS_TWILIO_AUTH_TOKEN = stormwork.TOKEN
    Forgetful.fresh()
    return stormwork.world(location)


def tried(play, told):
    """Play in a world that is as before afterwards; return how it ended."""
    with transaction.atomic():
        play()
        ended = stormwork.state(told), set(CarrierEvent.objects.values_list("key", "outcome"))
        transaction.set_rollback(True)
    return ended


@pytest.mark.req("R-12")
@pytest.mark.req("S-13")
def test_a_thousand_receipts_in_any_order_end_in_the_same_state_as_in_order(told):
    in_order, heard = tried(lambda: stormwork.in_order(told), told)
    assert {standing[0] for standing in in_order["deliveries"].values()} == {
        DeliveryStatus.ACCEPTED,
        DeliveryStatus.DELIVERED,
        DeliveryStatus.FAILED,
        DeliveryStatus.PLANNED,
    }
    for seed in range(SEEDS):
        calls = stormwork.stormy(told, seed=seed, count=CALLS)
        assert len(calls) == CALLS
        ended, kept = tried(lambda calls=calls: stormwork.tell(calls), told)
        for part, wanted in in_order.items():
            assert ended[part] == wanted, part
        assert {key for key, _outcome in kept} == {key for key, _outcome in heard}
        assert "" not in {outcome for _key, outcome in kept}


@pytest.mark.req("R-12")
def test_what_is_told_of_one_text_ends_alike_in_any_order_and_however_often(told):
    """The storm in small: whatever breaks it is shrunk to the fewest calls that do."""
    ended = {}

    @examples(max_examples=EXAMPLES, deadline=None, database=None)
    @given(some.data())
    def any_order(data):
        about = data.draw(some.sampled_from(told[: -len(stormwork.TWO_TEXTS) * 2]))
        mine = [about]
        if about.name not in ended:
            ended[about.name], _kept = tried(lambda: stormwork.in_order(mine), mine)
        again = data.draw(some.lists(some.sampled_from(about.calls), max_size=3))
        repeats = [call for call in again if call.answers is None]
        calls = data.draw(some.permutations([*about.calls, *repeats]))
        assert tried(lambda: stormwork.tell(calls), mine)[0] == ended[about.name]

    any_order()


@pytest.mark.req("R-12")
@pytest.mark.req("M-07")
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["failure first", "stop first"])
def test_a_stop_the_carrier_tells_of_counts_though_the_number_was_found_dead(told, order):
    two = told[-2:]
    with clock.at(stormwork.HEARD):
        for place in order:
            two[place].calls[0].make()
    assert ContactPoint.objects.get(pk=two[0].row.contact_id).status == ContactStatus.OPTED_OUT


@pytest.mark.req("R-12")
@pytest.mark.req("M-14")
@pytest.mark.parametrize(
    "order", list(permutations(["delivered", "complained", "bounced"])), ids=str
)
def test_a_complaint_and_a_bounce_count_whenever_they_are_heard_of(ana, settings, order):
    email_of(ana)
    made = send(ana)
    run()
    settings.EMAIL_BACKEND = "anymail.backends.mailgun.EmailBackend"
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET, "MAILGUN_WEBHOOK_SIGNING_KEY": SIGNING_KEY}
    mail = delivery_of(made, "email")
    for event in (*order, *order):
        post(payload("mailgun", event, mail))
    mail.refresh_from_db()
    address = mail.contact
    assert (mail.status, mail.reason) == (DeliveryStatus.DELIVERED, "")
    assert address.status == ContactStatus.NEEDS_UPDATE
    said = address.consents.filter(purpose=Purpose.MARKETING).values_list("granted", flat=True)
    assert list(said) == [False]
    assert consent.is_granted(contact=address)

"""Many workers at once, on real transactions: each message is taken by one of them, once."""

import threading
import time
from collections import Counter

import pytest
from django.db import connection, transaction

from notifications import contacts, delivery
from notifications.delivery.claim import claim
from notifications.enums import ContactStatus, DeliveryStatus
from notifications.models import ContactPoint, Delivery, DeliveryAttempt
from notifications.types import SendResult
from tests.clinic import DESK
from tests.crowd import NUMBER, only_texts, patients_with_phones, side_by_side
from tests.engine import email_of, phone_of, run, say, send, status_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("note", "carrier", "noon"),
]


# -- who takes what -----------------------------------------------------------------------------


@pytest.mark.req("R-03")
def test_eight_workers_claim_every_text_once(location):
    for patient in patients_with_phones(location, 20):
        for _each in range(4):
            send(patient)
    only_texts()

    def worker():
        taken = []
        while parcels := claim(limit=3, report=delivery.Report()):
            taken += [parcel.delivery.pk for parcel in parcels]
        return taken

    taken = Counter(pk for worker_took in side_by_side(*[worker] * 8) for pk in worker_took)
    assert set(taken.values()) == {1}
    assert len(taken) == 80
    assert DeliveryAttempt.objects.count() == 80


@pytest.mark.req("R-03")
def test_four_schedulers_at_once_send_every_text_once(location, carrier, settings):
    settings.NOTIFICATIONS_SEND_SLOTS = "4"
    people = patients_with_phones(location, 15)
    for patient in people:
        send(patient)
    only_texts()
    side_by_side(*[run] * 4)
    assert Counter(carrier.numbers()) == {NUMBER.format(n + 100): 1 for n in range(15)}
    assert set(Delivery.objects.values_list("status", flat=True)) == {DeliveryStatus.ACCEPTED}


@pytest.mark.req("R-03")
def test_a_second_worker_passes_by_what_the_first_holds_and_does_not_wait(ana, ben, carrier):
    """PostgreSQL skips locked rows; SQLite lets one claim at a time, which has the same end."""
    phone_of(ana)
    phone_of(ben, NUMBER.format(143))
    send(ana), send(ben)
    only_texts()
    with transaction.atomic():
        [first] = claim(limit=1, report=delivery.Report())
        if connection.vendor == "postgresql":
            [[second]] = side_by_side(lambda: claim(limit=5, report=delivery.Report()))
            assert second.delivery.pk != first.delivery.pk
    assert Delivery.objects.get(pk=first.delivery.pk).status == DeliveryStatus.SENDING


# -- nothing is held during the call ------------------------------------------------------------


@pytest.mark.req("R-03")
@pytest.mark.parametrize("slots", ["1", "4"])
def test_no_transaction_is_open_while_a_carrier_is_spoken_to(ana, ben, carrier, settings, slots):
    settings.NOTIFICATIONS_SEND_SLOTS = slots
    email_of(ana)
    phone_of(ana)
    phone_of(ben, NUMBER.format(143))
    seen = []

    def looks_around():
        seen.append(connection.in_atomic_block)
        side_by_side(lambda: ContactPoint.objects.update(label="still free"))
        return SendResult()

    carrier.answers = [looks_around] * 3
    send(ana), send(ben)
    run()
    assert seen == [False] * 3
    assert set(ContactPoint.objects.values_list("label", flat=True)) == {"still free"}


def test_a_slow_carrier_holds_up_only_its_own_message(location, carrier, settings):
    settings.NOTIFICATIONS_SEND_SLOTS = "4"
    released = threading.Event()

    def waits_for_the_others():
        return SendResult(provider_id="late" if released.wait(timeout=30) else "never released")

    people = patients_with_phones(location, 12)
    for patient in people:
        send(patient)
    only_texts()

    def lets_go_when_all_others_are_recorded():
        until = time.monotonic() + 30
        while time.monotonic() < until:
            if Delivery.objects.filter(status=DeliveryStatus.ACCEPTED).count() == 11:
                released.set()
                return True
            time.sleep(0.05)
        return False

    carrier.answers = [waits_for_the_others]
    _report, others_were_done = side_by_side(run, lets_go_when_all_others_are_recorded)
    assert others_were_done
    assert Delivery.objects.filter(status=DeliveryStatus.ACCEPTED).count() == 12


# -- STOP at the same moment --------------------------------------------------------------------


def replies_stop(number):
    number = ContactPoint.objects.select_for_update().get(pk=number.pk)
    contacts.set_status(contact=number, status=ContactStatus.OPTED_OUT, reason="stop", actor=DESK)


def withdraws_consent(number):
    say(number, granted=False)


@pytest.mark.req("M-07")
@pytest.mark.parametrize("revoke", [replies_stop, withdraws_consent])
def test_no_attempt_begins_after_a_stop_is_committed(location, revoke):
    people = patients_with_phones(location, 40)
    for patient in people:
        send(patient)
    only_texts()
    begun_at_commit = {}

    def begun(patient):
        return DeliveryAttempt.objects.filter(patient_id=patient.pk).count()

    def people_revoke():
        for patient in people:
            with transaction.atomic():
                revoke(ContactPoint.objects.get(patient=patient))
                begun_at_commit[patient.pk] = begun(patient)

    side_by_side(people_revoke, run)
    assert {patient.pk: begun(patient) for patient in people} == begun_at_commit
    assert Delivery.objects.filter(status=DeliveryStatus.PLANNED).count() == 0


# -- the end of a run ---------------------------------------------------------------------------


def test_a_worker_that_runs_out_of_time_begins_nothing_more(ana, carrier):
    phone_of(ana)
    made = send(ana)
    delivery.run_due(seconds=0)
    assert status_of(made, "sms")[0] == DeliveryStatus.PLANNED
    run()
    assert status_of(made, "sms")[0] == DeliveryStatus.ACCEPTED


def test_what_was_under_way_when_something_broke_is_recorded_all_the_same(
    ana, ben, carrier, settings
):
    settings.NOTIFICATIONS_SEND_SLOTS = "4"
    phone_of(ana)
    phone_of(ben, NUMBER.format(143))
    send(ana), send(ben)
    only_texts()
    is_broken = threading.Event()

    def breaks_the_next_claim():
        settings.NOTIFICATIONS_PROFILES = "tests.engine.gone"
        is_broken.set()
        return SendResult(provider_id="left")

    def is_under_way_meanwhile():
        is_broken.wait(timeout=30)
        time.sleep(0.3)
        return SendResult(provider_id="left")

    carrier.answers = [is_under_way_meanwhile, breaks_the_next_claim]
    send(ana)
    with pytest.raises(ImportError):
        run()
    texts = Delivery.objects.filter(channel="sms")
    assert sorted(texts.values_list("provider_id", flat=True)) == ["", "left", "left"]

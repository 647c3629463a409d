"""The inbox's log and its doorbell: numbered in order, rung once, and never the truth itself."""

import asyncio
import contextlib
import itertools
from uuid import uuid4

import pytest
from channels.layers import channel_layers
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError

from notifications import realtime
from notifications.enums import InboxEventKind
from notifications.models import InboxEvent, InboxState
from notifications.realtime import listening
from notifications.realtime.listening import RecentEvents
from tests.contract import send
from tests.line import in_database, live, play

CREATED, READ = InboxEventKind.CREATED, InboxEventKind.READ


class TrueLayer:
    """A bus that keeps what was sent, and fails as often as it is told to."""

    def __init__(self):
        self.sent = []
        self.failures = 0
        self.queue = None

    def fail_if_told(self):
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the bus is away")

    async def group_send(self, group, message):
        self.fail_if_told()
        self.sent.append((group, message))
        if self.queue is not None:
            self.queue.put_nowait(message)

    async def new_channel(self):
        self.fail_if_told()
        self.queue = asyncio.Queue()
        return "here"

    async def group_add(self, group, channel):
        self.fail_if_told()

    async def receive(self, channel):
        message = await self.queue.get()
        self.fail_if_told()
        return message


@pytest.fixture
def bus():
    layer = TrueLayer()
    usual = channel_layers.set("default", layer)
    yield layer
    channel_layers.backends.pop("default")
    if usual is not None:
        channel_layers.set("default", usual)


def record(patient, event=READ, **options):
    with transaction.atomic():
        return realtime.record(patient_id=patient.pk, event=event, **options)


# -- the log ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_each_patient_is_counted_for_themselves_without_gaps(ana, ben):
    assert [record(ana).seq for _ in range(3)] == [1, 2, 3]
    assert record(ben).seq == 1
    assert realtime.position(patient_id=ana.pk) == (3, 0)


@pytest.mark.django_db
def test_the_unread_count_goes_along_and_never_below_zero(ana):
    assert record(ana, unread_delta=-1).unread == 0
    assert [record(ana, unread_delta=step).unread for step in (1, 1, -1, -5)] == [1, 2, 1, 0]


@pytest.mark.django_db
def test_an_inbox_where_nothing_ever_happened_stands_at_zero(ana):
    assert realtime.position(patient_id=ana.pk) == (0, 0)
    assert not InboxState.objects.exists()


@pytest.mark.django_db
def test_locking_an_inbox_counts_nothing(ana):
    with transaction.atomic():
        realtime.lock(patient_id=ana.pk)
        realtime.lock_all(patient_ids=[ana.pk, ana.pk])
    assert realtime.position(patient_id=ana.pk) == (0, 0)
    assert record(ana).seq == 1


@pytest.mark.django_db
def test_a_rollback_takes_the_number_back(ana):
    record(ana)
    with pytest.raises(RuntimeError), transaction.atomic():
        realtime.record(patient_id=ana.pk, event=READ)
        raise RuntimeError
    assert record(ana).seq == 2


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_nothing_is_recorded(ana):
    for change in (
        lambda: realtime.record(patient_id=ana.pk, event=READ),
        lambda: realtime.record_created(rows=[(ana.pk, uuid4(), "low")]),
        lambda: realtime.lock(patient_id=ana.pk),
    ):
        with pytest.raises(TransactionManagementError):
            change()
    assert not InboxEvent.objects.exists()


@pytest.mark.django_db
def test_many_are_recorded_at_once_each_with_their_own_number(ana, ben):
    record(ben)
    named = {ana.pk: uuid4(), ben.pk: uuid4()}
    with transaction.atomic():
        events = realtime.record_created(rows=[(pk, row, "high") for pk, row in named.items()])
    assert (events[ana.pk].seq, events[ben.pk].seq) == (1, 2)
    assert {event.notification_id for event in events.values()} == set(named.values())
    assert {(event.kind, event.priority, event.unread) for event in events.values()} == {
        (CREATED, "high", 1)
    }


@pytest.mark.django_db
def test_a_broadcast_takes_a_fixed_number_of_statements(ana, ben, django_assert_num_queries):
    rows = [(patient.pk, uuid4(), "low") for patient in (ana, ben)]
    with transaction.atomic(), django_assert_num_queries(2):
        realtime.record_created(rows=rows)


@pytest.mark.django_db
def test_a_patient_named_twice_in_a_broadcast_is_refused(ana):
    with pytest.raises(ValueError, match="once"), transaction.atomic():
        realtime.record_created(rows=[(ana.pk, uuid4(), "low")] * 2)


# -- ringing ------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_one_transaction_rings_once_after_its_commit_with_ids_only(ana, ben, bus):
    record(ana)  # names that rollbacks left behind, in tests before this one, go with it
    bus.sent.clear()
    with transaction.atomic():
        for patient in (ana, ana, ben):
            with transaction.atomic():
                realtime.record(patient_id=patient.pk, event=READ, notification_id=uuid4())
        assert bus.sent == []
    ((group, message),) = bus.sent
    assert group == "inbox_news"
    assert message.keys() == {"type", "patients"}
    assert sorted(message["patients"]) == sorted([str(ana.pk), str(ben.pk)])


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_rings_nobody(ana, bus):
    with pytest.raises(RuntimeError), transaction.atomic():
        realtime.record(patient_id=ana.pk, event=READ)
        raise RuntimeError
    assert bus.sent == []


@pytest.mark.django_db(transaction=True)
def test_a_bus_that_is_away_stops_no_change(ana, bus, caplog):
    bus.failures = 1
    made = send(ana)
    assert InboxEvent.objects.get().notification_id == made.pk
    assert "doorbell was not rung" in caplog.text
    assert str(ana.pk) not in caplog.text


# -- listening ----------------------------------------------------------------------------------


async def rings(news, *, within=5):
    """Whether the doorbell rings; it is quiet again afterwards."""
    try:
        async with asyncio.timeout(within):
            await news.wait()
    except TimeoutError:
        return False
    news.clear()
    return True


@pytest.mark.django_db(transaction=True)
def test_the_doorbell_rings_for_whom_there_is_news_and_for_nobody_else(ana, ben, settings):
    settings.NOTIFICATIONS_POLL_SECONDS = "0.05"

    async def scenario():
        bell = realtime.doorbell
        async with bell.listening(ana.pk) as hers, bell.listening(ben.pk) as his:
            assert await rings(hers)  # at the start it rings for all
            assert await rings(his)
            await rings(hers, within=0.5), await rings(his, within=0.5)  # it looks back a little
            await in_database(record)(ana)
            assert await rings(hers)
            assert not await rings(his, within=0.5)

    play(scenario)


@pytest.mark.django_db(transaction=True)
def test_a_process_watches_once_for_all_sockets_and_stops_with_the_last(ana, ben, bus):
    async def scenario():
        bell, before = realtime.doorbell, asyncio.all_tasks()
        async with bell.listening(ana.pk):
            watching = asyncio.all_tasks() - before
            async with bell.listening(ana.pk), bell.listening(ben.pk):
                assert asyncio.all_tasks() - before == watching
        assert asyncio.all_tasks() == before

    play(scenario)
    play(scenario)  # another loop, as in a restarted server


@pytest.mark.django_db(transaction=True)
def test_a_bus_that_ignores_the_end_is_asked_again(ana, bus):
    """Redis's client swallows a cancel that comes just as it has connected."""

    async def deaf_for_once(group, channel):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(1000)

    bus.group_add = deaf_for_once

    async def scenario():
        before = asyncio.all_tasks()
        async with asyncio.timeout(10), realtime.doorbell.listening(ana.pk):
            await asyncio.sleep(0.05)
        assert asyncio.all_tasks() == before

    play(scenario)


@pytest.mark.django_db(transaction=True)
def test_r14_a_bus_that_breaks_is_listened_to_again_and_everyone_looks(
    ana, bus, monkeypatch, caplog
):
    monkeypatch.setattr(listening, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(listening, "BESIDE_REDIS", 1000)
    bus.failures = 3

    async def scenario():
        async with realtime.doorbell.listening(ana.pk) as hers:
            assert await rings(hers)
            while bus.queue is None:
                await asyncio.sleep(0.01)
            await rings(hers, within=0.3)
            await in_database(record)(ana)
            assert await rings(hers)
            bus.failures = 1  # the next message is lost with the connection
            bus.queue.put_nowait({})
            assert await rings(hers)  # so it rings for all when it is back
            await in_database(record)(ana)
            assert await rings(hers)

    play(scenario)
    assert "doorbell is away" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_r14_a_message_the_bus_dropped_is_noticed_by_the_slow_poll(ana, bus, monkeypatch):
    monkeypatch.setattr(listening, "BESIDE_REDIS", 0.05)

    async def scenario():
        async with realtime.doorbell.listening(ana.pk) as hers:
            while await rings(hers, within=0.3):
                pass
            bus.group_send = silently_dropped
            await in_database(record)(ana)
            assert await rings(hers)

    play(scenario)


@pytest.mark.django_db(transaction=True)
def test_r14_with_half_the_doorbells_dropped_all_arrives_once_and_in_order(
    ana, ana_client, bus, monkeypatch
):
    monkeypatch.setattr(listening, "BESIDE_REDIS", 0.2)
    ring, rung = bus.group_send, itertools.count()

    async def ring_every_second_time(group, message):
        if next(rung) % 2:
            await ring(group, message)

    bus.group_send = ring_every_second_time

    async def scenario():
        async with live(ana_client, ana.pk) as line:
            for _ in range(40):
                await in_database(send)(ana)
            frames = await line.frames(40)
            assert await line.stays_quiet()
            return frames

    assert [frame["seq"] for frame in play(scenario)] == list(range(1, 41))


async def silently_dropped(group, message):
    """What a channel layer does when it is full."""


@pytest.mark.django_db
def test_an_event_that_becomes_visible_late_is_still_told_once(ana, ben):
    """PostgreSQL: a lower id may be committed after a higher one was read."""
    recent = RecentEvents()
    recent.look_back = 100
    assert recent.patient_ids() is None
    assert recent.patient_ids() == set()
    start = 1000 + (record(ana).pk)
    recent.patient_ids()
    InboxEvent.objects.create(pk=start + 2, patient=ana, seq=50, kind=READ, unread=0)
    assert recent.patient_ids() == {ana.pk}
    InboxEvent.objects.create(pk=start + 1, patient=ben, seq=50, kind=READ, unread=0)
    assert recent.patient_ids() == {ben.pk}
    assert recent.patient_ids() == set()


@pytest.mark.django_db
def test_sqlite_has_nothing_to_look_back_for():
    assert (RecentEvents().look_back == 0) is (connection.vendor == "sqlite")

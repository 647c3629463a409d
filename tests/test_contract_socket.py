"""The live line: what a client of /patient-notifications/ws/{patient_id} may count on."""

import asyncio
import json
import threading
from uuid import uuid4

import pytest
from django.db import connection

from notifications.models import InboxEvent
from notifications.services import patient_notification_service as service
from tests.contract import HOME, send
from tests.line import SOON, in_database, live, play, socket

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick_doorbell(settings):
    settings.NOTIFICATIONS_POLL_SECONDS = "0.05"


def change(verb, row):
    return in_database(getattr(service, verb))(patient_id=row.patient_id, notification_id=row.pk)


# -- what comes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["", "/api"])
def test_a_notification_arrives_when_it_exists_in_the_shape_of_the_list(ana, ana_client, start):
    async def scenario():
        async with live(ana_client, ana.pk, start=start) as line:
            await in_database(send)(ana)
            return await line.frame()

    frame = play(scenario)
    assert [frame] == ana_client.get(HOME).json()
    assert frame["seq"] == 1


def test_what_happens_right_after_the_line_is_up_is_not_missed(ana, ana_client):
    async def scenario():
        for number in range(1, 11):
            async with live(ana_client, ana.pk) as line:
                made = await in_database(send)(ana)
                assert (await line.frame())["seq"] == made.seq == number

    play(scenario)


def test_without_events_nothing_but_notifications_is_sent(ana, ana_client):
    async def scenario():
        async with live(ana_client, ana.pk) as line:
            made = await in_database(send)(ana)
            await change("mark_read", made)
            await change("dismiss", made)
            later = await in_database(send)(ana)
            frames = await line.frames(2)
            assert await line.stays_quiet()
            return frames, [made, later]

    frames, rows = play(scenario)
    assert [frame["id"] for frame in frames] == [str(row.pk) for row in rows]
    assert "unread" not in frames[0]


def test_with_all_events_the_line_also_says_what_became_of_them(ana, ana_client):
    async def scenario():
        async with live(ana_client, ana.pk, query="events=all") as line:
            made = await in_database(send)(ana)
            for verb in ("mark_read", "mark_unread", "archive", "restore", "dismiss"):
                await change(verb, made)
            await in_database(service.mark_all_read)(patient_id=ana.pk)
            return made, await line.frames(6)

    made, (first, *events) = play(scenario)
    assert (first["id"], first["seq"], first["unread"]) == (str(made.pk), 1, 1)
    assert events == [
        {"event": event, "unread": unread, "seq": seq, "id": str(made.pk)}
        for seq, (event, unread) in enumerate(
            [("read", 0), ("unread", 1), ("archived", 0), ("restored", 1), ("dismissed", 0)], 2
        )
    ]


def test_events_only_carry_no_text_and_at_most_200_bytes(ana, ana_client):
    async def scenario():
        async with live(ana_client, ana.pk, query="events=only") as line:
            made = await in_database(send)(ana, priority="urgent")
            await change("mark_read", made)
            return [await line.receive_from(timeout=SOON) for _ in range(2)]

    frames = play(scenario)
    assert [json.loads(frame) for frame in frames] == [
        {"event": "created", "unread": 1, "seq": 1, "priority": "urgent"},
        {"event": "read", "unread": 0, "seq": 2},
    ]
    assert max(map(len, frames)) <= 200


def test_two_sockets_of_one_patient_hear_the_same(ana, ana_client):
    async def scenario():
        async with live(ana_client, ana.pk) as one, live(ana_client, ana.pk) as two:
            await in_database(send)(ana)
            return await one.frame(), await two.frame()

    one, two = play(scenario)
    assert one == two


def test_each_patient_hears_only_their_own(ana, ben, ana_client, ben_client):
    async def scenario():
        async with live(ana_client, ana.pk) as hers, live(ben_client, ben.pk) as his:
            made = await in_database(send)(ben)
            assert (await his.frame())["id"] == str(made.pk)
            assert await hers.stays_quiet()

    play(scenario)


# -- catching up --------------------------------------------------------------------------------


def test_since_replays_what_was_missed_in_order_and_then_goes_on(ana, ana_client):
    seen, *missed = (send(ana) for _ in range(4))

    async def scenario():
        async with live(ana_client, ana.pk, query=f"since={seen.seq}") as line:
            made = await in_database(send)(ana)
            frames = await line.frames(4)
            assert await line.stays_quiet()
            return frames, [*missed, made]

    frames, rows = play(scenario)
    assert [frame["id"] for frame in frames] == [str(row.pk) for row in rows]


def test_the_position_of_a_list_is_where_the_line_goes_on(ana, ana_client):
    send(ana)
    listed = ana_client.get(HOME).headers["X-Inbox-Seq"]
    missed = send(ana)

    async def scenario():
        async with live(ana_client, ana.pk, query=f"since={listed}") as line:
            return await line.frames(1)

    (frame,) = play(scenario)
    assert frame["id"] == str(missed.pk)


def test_without_since_the_past_is_not_told(ana, ana_client):
    send(ana)

    async def scenario():
        async with live(ana_client, ana.pk) as line:
            assert await line.stays_quiet()

    play(scenario)


@pytest.mark.parametrize("verb", ["dismiss", "archive"])
def test_what_was_put_away_meanwhile_does_not_come_back_by_replay(ana, ana_client, verb):
    gone, kept = send(ana), send(ana)
    getattr(service, verb)(patient_id=ana.pk, notification_id=gone.pk)

    async def scenario():
        async with live(ana_client, ana.pk, query="since=0") as line:
            frames = await line.frames(1)
            assert await line.stays_quiet()
            return frames

    (frame,) = play(scenario)
    assert frame["id"] == str(kept.pk)


def test_events_missed_are_replayed_as_events(ana, ana_client):
    made = send(ana)
    service.mark_read(patient_id=ana.pk, notification_id=made.pk)

    async def scenario():
        async with live(ana_client, ana.pk, query="events=only&since=0") as line:
            return await line.frames(2)

    assert [(frame["event"], frame["seq"]) for frame in play(scenario)] == [
        ("created", 1),
        ("read", 2),
    ]


@pytest.mark.parametrize("since", [0, 1, 99])
def test_a_position_that_is_no_longer_or_not_yet_known_means_resync(ana, ana_client, since):
    for _ in range(3):
        send(ana)
    InboxEvent.objects.filter(seq__lte=2).delete()

    async def scenario():
        async with live(ana_client, ana.pk, query=f"since={since}") as line:
            first = await line.frame()
            made = await in_database(send)(ana)
            then = await line.frame()
            assert await line.stays_quiet()
            return first, then, made

    first, then, made = play(scenario)
    assert first == {"event": "resync"}
    assert then["id"] == str(made.pk)


def test_up_to_the_last_event_kept_no_resync_is_needed(ana, ana_client):
    rows = [send(ana) for _ in range(3)]
    InboxEvent.objects.filter(seq__lte=2).delete()

    async def scenario():
        async with live(ana_client, ana.pk, query="since=2") as line:
            return await line.frame()

    assert play(scenario)["id"] == str(rows[2].pk)


@pytest.mark.parametrize("query", ["since=x", "since=-1", f"since={'9' * 30}", "events=some"])
def test_a_wish_nobody_understands_is_accepted_and_then_closed(ana, ana_client, query):
    async def scenario():
        async with live(ana_client, ana.pk, query=query) as line:
            return await line.closed_with()

    assert play(scenario) == 4400


# -- exactly once -------------------------------------------------------------------------------

EACH = 25


def write_many(patients, *, writers):
    """Write from several threads at once where the database can; SQLite takes one at a time."""

    def write():
        try:
            for _ in range(EACH * len(patients) // writers):
                for patient in patients:
                    send(patient)
        finally:
            if writers > 1:
                connection.close()

    threads = [threading.Thread(target=write) for _ in range(writers)]
    if writers == 1:
        return write()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return None


def test_concurrent_writers_reach_every_socket_once_and_in_order(ana, ben, ana_client, ben_client):
    writers = 4 if connection.vendor == "postgresql" else 1
    expected = EACH * 2 // writers * writers

    async def scenario():
        async with (
            live(ana_client, ana.pk) as one,
            live(ana_client, ana.pk) as two,
            live(ben_client, ben.pk) as his,
        ):
            writing = asyncio.create_task(
                in_database(write_many)([ana, ben], writers=writers)
                if writers == 1
                else asyncio.to_thread(write_many, [ana, ben], writers=writers)
            )
            heard = [await line.frames(expected) for line in (one, two, his)]
            await writing
            assert await one.stays_quiet()
            return heard

    for frames in play(scenario):
        assert [frame["seq"] for frame in frames] == list(range(1, expected + 1))
        assert len({frame["id"] for frame in frames}) == expected


# -- who may listen -----------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["", "/api"])
def test_without_a_session_the_line_is_accepted_and_closed_with_4401(ana, start):
    async def scenario():
        async with live(None, ana.pk, start=start) as line:
            return await line.closed_with()

    assert play(scenario) == 4401


def test_a_made_up_session_is_closed_with_4401(ana, client):
    client.cookies["sessionid"] = "x" * 32

    async def scenario():
        async with live(client, ana.pk) as line:
            return await line.closed_with()

    assert play(scenario) == 4401


@pytest.mark.parametrize("whose", ["bens", "unknown", "not-an-id", "%00"])
def test_s02_somebody_elses_id_and_one_of_nobody_are_closed_with_4403(ana, ben, ana_client, whose):
    send(ben)
    patient_id = {"bens": ben.pk, "unknown": uuid4()}.get(whose, whose)

    async def scenario():
        async with live(ana_client, patient_id, query="since=0") as line:
            return await line.closed_with()

    assert play(scenario) == 4403


def test_any_other_address_is_no_line(ana, ana_client):
    async def scenario():
        line = socket(ana_client, f"{ana.pk}/")
        return await line.connect()

    assert play(scenario)[0] is False


# -- what a client may say ----------------------------------------------------------------------


def test_a_ping_is_answered_and_anything_else_is_ignored(ana, ben, ana_client):
    async def scenario():
        async with live(ana_client, ana.pk) as line:
            for text in ('{"subscribe": "inbox_news"}', str(ben.pk), "{", "\x00"):
                await line.send_to(text_data=text)
            await line.send_to(bytes_data=b"\x00\xff")
            await in_database(send)(ben)
            assert await line.stays_quiet()
            await line.send_to(text_data="ping")
            return await line.frame()

    assert play(scenario) == {"event": "pong"}


def test_s04_a_client_that_talks_without_end_is_hung_up_on(ana, ana_client):
    async def scenario():
        async with live(ana_client, ana.pk) as line:
            for _ in range(30):
                await line.send_to(text_data="hello")
            return await line.closed_with()

    assert play(scenario) == 4429


@pytest.mark.parametrize("data", [{"text_data": "x" * 65_537}, {"bytes_data": b"x" * 65_537}])
def test_s04_a_message_above_64_kib_is_hung_up_on(ana, ana_client, data):
    async def scenario():
        async with live(ana_client, ana.pk) as line:
            await line.send_to(**data)
            return await line.closed_with()

    assert play(scenario) == 4413


def test_when_reading_fails_the_line_closes_so_that_the_client_comes_back(
    ana, ana_client, monkeypatch, caplog
):
    def broken(asks):
        raise RuntimeError("no news today")

    monkeypatch.setattr("notifications.api.newsroom.news_of", broken)

    async def scenario():
        async with live(ana_client, ana.pk) as line:
            return await line.closed_with()

    assert play(scenario) == 4500
    assert "a live line broke" in caplog.text

"""A live line ends with the session it was opened under, and never keeps one alive."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from notifications import consumers, realtime
from notifications.models import AuditEvent
from portal.models import Guardianship, User
from tests.contract import send
from tests.line import in_database, live, play

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick(settings, monkeypatch):
    """A look at the session every tenth of a second, instead of every 20 s or so."""
    settings.NOTIFICATIONS_POLL_SECONDS = "0.05"
    monkeypatch.setattr(consumers, "CHECK_SECONDS", 0.1)


@pytest.fixture
def sam(ana, location):
    """Ana's child, who cannot sign in."""
    child = User.objects.create(username="sam", home_location=location)
    Guardianship.objects.create(guardian=ana, patient=child)
    return child


@asynccontextmanager
async def deaf(doorbell, patient_id):
    """A doorbell that never rings."""
    yield asyncio.Event()


def log_out(ana, client):
    client.logout()


def change_password(ana, client):
    ana.set_password("a new horse battery")
    ana.save()


def deactivate(ana, client):
    User.objects.filter(pk=ana.pk).update(is_active=False)


def expire(ana, client):
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))


def test_h04_a_session_is_looked_at_every_30_s_at_most(monkeypatch):
    monkeypatch.undo()
    assert consumers.CHECK_SECONDS * 1.25 <= 30


@pytest.mark.parametrize("end", [log_out, change_password, deactivate, expire])
def test_h04_when_the_session_is_over_the_line_closes_with_4401(ana, ana_client, end):
    cookies = ana_client.cookies.copy()

    async def scenario():
        async with live(ana_client, ana.pk) as line:
            assert await line.stays_quiet()
            await in_database(end)(ana, ana_client)
            return await line.closed_with()

    assert play(scenario) == 4401
    ana_client.cookies = cookies

    async def again():
        async with live(ana_client, ana.pk) as line:
            return await line.closed_with()

    assert play(again) == 4401


def test_h04_neither_the_line_nor_its_pings_extend_the_session(ana, ana_client):
    before = Session.objects.get().expire_date

    async def scenario():
        async with live(ana_client, ana.pk) as line:
            await line.send_to(text_data="ping")
            await line.frame()
            assert await line.stays_quiet()

    play(scenario)
    assert Session.objects.get().expire_date == before


def test_a_guardian_hears_for_the_child_and_the_look_is_audited_once(ana, sam, ana_client):
    async def scenario():
        async with live(ana_client, sam.pk) as line:
            made = await in_database(send)(sam)
            assert (await line.frame())["id"] == str(made.pk)
            assert await line.stays_quiet()

    play(scenario)
    (look,) = AuditEvent.objects.filter(action="viewed")
    assert (look.actor, look.patient_id) == (f"user:{ana.pk}", sam.pk)


def test_a_guardian_who_only_wants_events_has_looked_at_nothing(ana, sam, ana_client):
    async def scenario():
        async with live(ana_client, sam.pk, query="events=only") as line:
            await in_database(send)(sam)
            assert (await line.frame())["event"] == "created"

    play(scenario)
    assert not AuditEvent.objects.filter(action="viewed").exists()


def test_h14_when_the_guardianship_ends_the_line_closes_with_4403(ana, sam, ana_client):
    def end():
        Guardianship.objects.update(ended_at=timezone.now())

    async def scenario():
        async with live(ana_client, sam.pk) as line:
            await in_database(end)()
            return await line.closed_with()

    assert play(scenario) == 4403


def test_a_refused_id_is_audited(ana, ben, ana_client):
    async def scenario():
        async with live(ana_client, ben.pk) as line:
            assert await line.closed_with() == 4403

    play(scenario)
    (denied,) = AuditEvent.objects.filter(action="denied")
    assert denied.actor == f"user:{ana.pk}"
    assert str(ben.pk) not in str(denied.details)


def test_r14_a_lost_doorbell_is_made_good_by_the_timer(ana, ana_client, monkeypatch):
    monkeypatch.setattr(realtime.Doorbell, "listening", deaf)

    async def scenario():
        async with live(ana_client, ana.pk) as line:
            made = await in_database(send)(ana)
            frame = await line.frame()
            assert await line.stays_quiet()
            return frame, made

    frame, made = play(scenario)
    assert frame["id"] == str(made.pk)


def test_h04_asking_for_news_never_makes_a_session_last_longer(ana_client):
    before = Session.objects.get().expire_date
    for _minute in range(3):
        assert (
            ana_client.get("/notifications/sync/", headers={"HX-Request": "true"}).status_code
            == 200
        )
    assert Session.objects.get().expire_date == before

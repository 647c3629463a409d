"""The live line as a browser meets it: a real server, other processes, real close codes."""

import asyncio
import json
from dataclasses import dataclass

import pytest
import websockets

from tests.rig.live import Site, live_site

pytestmark = pytest.mark.servers

DROPPED = 1006  # what a client notes when the connection ends without a word
SIGN_IN = """
from django.contrib.sessions.backends.db import SessionStore
from portal.models import User
for name in ("ana", "ben"):
    user = User.objects.create_user(username=f"{name}@example.com", password="x")
    session = SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session.save()
    print("person", user.pk, session.session_key)
"""
SEND = """
from uuid import UUID
from notifications.services import patient_notification_service
from portal.notification_types.lab_results import LabResultsPayload
for _ in range({count}):
    patient_notification_service.create_notification(
        patient_id=UUID("{patient_id}"), payload=LabResultsPayload.example()
    )
"""


@dataclass(frozen=True)
class Person:
    pk: str
    session_key: str


@pytest.fixture(scope="module")
def site():
    with live_site() as running:
        running.start("web")
        yield running
        assert "Traceback" not in running.log("web")


@pytest.fixture(scope="module")
def people(site):
    lines = site.manage("shell", "--verbosity", "0", "-c", SIGN_IN).stdout.splitlines()
    return [Person(*line.split()[1:]) for line in lines if line.startswith("person")]


def line(site: Site, person: Person, *, patient: str = "", query: str = "", **options):
    """Open a line to the site, as a page of its own would; `patient` may be somebody else's id."""
    place = f"{site.url}/patient-notifications/ws/{patient or person.pk}{query}"
    cookie = {"Cookie": f"sessionid={person.session_key}"}
    return websockets.connect(
        place.replace("http", "ws", 1),
        **{"origin": site.url, "additional_headers": cookie, **options},
    )


def send(site: Site, person: Person, *, count: int = 1) -> None:
    site.manage("shell", "-c", SEND.format(patient_id=person.pk, count=count))


async def closed_with(opening, *, says=()) -> int:
    """Return what the server hangs up with, after the client said something or nothing."""
    async with opening as client:
        with pytest.raises(websockets.ConnectionClosed) as closing:
            for text in says:
                await client.send(text)
            while True:
                await asyncio.wait_for(client.recv(), 20)
        return closing.value.rcvd.code if closing.value.rcvd else DROPPED


def test_what_another_process_writes_arrives_and_a_restart_loses_nothing(site, people):
    ana, _ben = people

    async def hear(count, since=0):
        async with line(site, ana, query=f"?since={since}") as client:
            if not since:
                await asyncio.to_thread(send, site, ana, count=count)
            return [json.loads(await asyncio.wait_for(client.recv(), 20)) for _ in range(count)]

    assert [frame["seq"] for frame in asyncio.run(hear(3))] == [1, 2, 3]
    site.kill("web")
    send(site, ana, count=2)
    site.start("web")
    assert [frame["seq"] for frame in asyncio.run(hear(2, since=3))] == [4, 5]


def test_a_client_really_gets_the_codes_the_contract_names(site, people):
    ana, ben = people
    stranger = Person(pk=ana.pk, session_key="x" * 32)
    assert asyncio.run(closed_with(line(site, stranger))) == 4401
    assert asyncio.run(closed_with(line(site, ana, patient=ben.pk))) == 4403
    assert asyncio.run(closed_with(line(site, ana, query="?events=some"))) == 4400
    assert asyncio.run(closed_with(line(site, ana), says=["hello"] * 30)) == 4429
    assert asyncio.run(closed_with(line(site, ana), says=["x" * 70_000])) == DROPPED


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://127.0.0.1:9", "http://[", "http://a:b"]
)
def test_s03_a_foreign_page_does_not_even_get_a_handshake(site, people, origin):
    async def scenario():
        with pytest.raises(websockets.InvalidStatus) as refused:
            await line(site, people[0], origin=origin)
        return refused.value.response.status_code

    assert asyncio.run(scenario()) in (400, 403)

"""Only our own pages may open a live line: scheme, host and port must all be right."""

import pytest
from django.conf import settings

from dentamind.asgi import TrustedOrigins, application
from tests.line import Socket, live, play

pytestmark = pytest.mark.django_db(transaction=True)

TRUSTED = "https://portal.example.com:8443"


async def open_to_all(scope, receive, send):
    """What stands behind the gate in these tests: a line that takes anybody."""
    await send({"type": "websocket.accept"})


def is_let_in(*headers, gate=None):
    async def scenario():
        line = Socket(gate or TrustedOrigins(open_to_all, [TRUSTED]), "/x", list(headers))
        accepted, _code = await line.connect()
        return accepted

    return play(scenario)


def test_our_own_page_is_let_in():
    assert is_let_in((b"origin", TRUSTED.encode()))


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://portal.example.com:8443",
        "https://portal.example.com",
        "https://portal.example.com:443",
        "https://portal.example.com:9999",
        "https://portal.example.com:8443.evil.example",
        "https://portal.example.com.evil.example:8443",
        "https://evil-portal.example.com:8443",
        "https://evil.portal.example.com:8443",
        "https://example.com:8443",
        "https://portal.example.com:8443@evil.example",
        "https://evil.example/https://portal.example.com:8443",
        "https://portal.example.com:port",
        "https://portal.example.com:99999",
        "https://[portal.example.com",
        "\u00ff\u00fe",
        "file://",
    ],
)
def test_s03_any_other_origin_is_refused_at_the_handshake(origin):
    assert not is_let_in((b"origin", origin.encode("latin1")))


def test_s03_no_origin_at_all_is_refused():
    assert not is_let_in()


def test_s03_two_origins_are_refused():
    foreign = (b"origin", b"https://evil.example")
    assert not is_let_in(foreign, (b"origin", TRUSTED.encode()))


def test_s03_the_line_itself_stands_behind_the_gate(ana, ana_client):
    cookie = f"sessionid={ana_client.cookies['sessionid'].value}".encode()

    async def scenario():
        path = f"/patient-notifications/ws/{ana.pk}"
        foreign = [(b"cookie", cookie), (b"origin", b"https://evil.example")]
        accepted, _code = await Socket(application, path, foreign).connect()
        assert not accepted
        async with live(ana_client, ana.pk, origin=settings.TRUSTED_ORIGINS[0]) as line:
            assert await line.stays_quiet()

    play(scenario)

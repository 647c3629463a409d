"""A device names where its pushes go, so anybody may name our own machines: none is ever called."""

import logging
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests

from notifications.channels.push import Push
from notifications.enums import ErrorKind
from notifications.providers import webpush
from notifications.providers.push_endpoints import is_public
from notifications.types import AnswerLost, ChannelError, Refused
from tests.certificates import certificate
from tests.pushing import (
    MOZILLA,
    PUBLIC,
    SECRET_BODY,
    SENTENCE,
    Names,
    Service,
    device,
    encoded,
    envelope,
    said,
    with_key,
)

GOOD = [
    f"https://{MOZILLA}/wpush/v2/gAAAAABk",
    f"https://{MOZILLA}:443/wpush/v2/gAAAAABk",
    "https://fcm.googleapis.com/fcm/send/c0ffee:APA91b",
    "https://web.push.apple.com/QGtq",
    "https://wns2-par02p.notify.windows.com/w/?token=BQYAAAD%2f",
]
BAD = [
    "https://127.0.0.1/x",
    "https://localhost/x",
    "https://10.0.0.1/x",
    "https://172.16.0.1/x",
    "https://192.168.1.1/x",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/x",
    "https://[::1]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[64:ff9b::7f00:1]/x",
    "https://2130706433/x",
    "https://0x7f000001/x",
    f"https://{MOZILLA}:22/x",
    f"https://{MOZILLA}:8443/x",
    f"https://user@{MOZILLA}/x",
    f"https://user:password@{MOZILLA}/x",
    f"https://{MOZILLA}@127.0.0.1/x",
    f"https://127.0.0.1\\@{MOZILLA}/x",
    f"https://127.0.0.1#@{MOZILLA}/x",
    f"https://127.0.0.1?@{MOZILLA}/x",
    f"http://{MOZILLA}/x",
    f"ftp://{MOZILLA}/x",
    f"//{MOZILLA}/x",
    f"https:{MOZILLA}/x",
    f"https://{MOZILLA}",
    f"https://{MOZILLA}./x",
    f"https://evil.example/{MOZILLA}",
    f"https://{MOZILLA}.evil.example/x",
    f"https://evil{MOZILLA}/x",
    f"https://evil.{MOZILLA}/x",
    "https://push.apple.com/x",
    "https://.push.apple.com/x",
    "https://a..push.apple.com/x",
    "https://evilpush.apple.com/x",
    f"https://{MOZILLA}/x\r\nHost: evil.example",
    f"https://{MOZILLA}/x y",
    f"https://{MOZILLA}/é",
    f"https://{MOZILLA}/x#fragment",
    f"https://{MOZILLA}/" + "x" * 2048,
    "file:///etc/passwd",
    "javascript:alert(1)",
    "",
    None,
    7,
]
PRIVATE = [
    "127.0.0.1",
    "0.0.0.0",
    "10.1.2.3",
    "172.31.255.255",
    "192.168.0.10",
    "169.254.169.254",
    "100.64.0.1",
    "100.127.255.255",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "::7f00:1",
    "fe80::1",
    "fd00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
]


@pytest.fixture(autouse=True)
def key(settings):
    return with_key(settings)


@pytest.fixture
def service(monkeypatch):
    """A push service nobody should reach."""
    monkeypatch.setattr(webpush, "Pinned", Service.reset())
    return Service


def resolves_to(monkeypatch, *answers) -> Names:
    names = Names(*answers)
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    return names


def send(to=None):
    return webpush.WebPush(channel="push").send(envelope=envelope(to), content=SENTENCE)


# -- what a browser may name --------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", GOOD)
def test_the_push_services_of_the_four_makers_are_taken(endpoint):
    assert Push().accept_address(device(endpoint))["address"] == endpoint


@pytest.mark.req("S-10")
@pytest.mark.parametrize("endpoint", BAD)
def test_any_other_place_is_refused_when_a_device_registers(endpoint):
    with pytest.raises(Refused, match="not one we work with") as refusal:
        Push().accept_address(device(endpoint))
    assert refusal.value.field == "endpoint"


@pytest.mark.req("S-10")
@pytest.mark.parametrize("endpoint", BAD)
def test_any_other_place_is_refused_again_before_a_push(endpoint, monkeypatch, service):
    names = resolves_to(monkeypatch, PUBLIC)
    with pytest.raises(ChannelError) as refusal:
        send(device(endpoint))
    assert (refusal.value.code, refusal.value.kind) == (
        "refused_endpoint",
        ErrorKind.PERMANENT,
    )
    assert names.asked == service.reached == []


def test_the_practice_may_name_a_push_service_of_its_own(settings):
    settings.NOTIFICATIONS_PUSH_HOSTS = " push.dental.example , *.push.dental.example"
    for host in ("push.dental.example", "eu.push.dental.example"):
        assert Push().accept_address(device(f"https://{host}/1"))
    with pytest.raises(Refused):
        Push().accept_address(device(GOOD[0]))


@pytest.mark.req("S-10")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("p256dh", ""),
        ("p256dh", "not base64!"),
        ("p256dh", encoded(b"\x04" + b"\x01" * 64)),  # no point of the curve
        ("p256dh", encoded(b"\x02" + b"\x01" * 32)),  # a point, but packed
        ("p256dh", encoded(b"\x04" * 64)),
        ("p256dh", None),
        ("auth", ""),
        ("auth", encoded(b"\x01" * 15)),
        ("auth", encoded(b"\x01" * 17)),
        ("auth", encoded(b"\x01" * 16) + "\n"),
        ("auth", 16),
    ],
)
def test_a_key_no_push_could_be_encrypted_with_is_refused(name, value):
    with pytest.raises(Refused, match="Turn notifications on once more") as refusal:
        Push().accept_address(device(**{name: value}))
    assert refusal.value.field == name


@pytest.mark.req("S-10")
def test_what_is_kept_of_a_device_is_its_address_and_two_keys():
    given = device(auth=encoded(b"\x01" * 16) + "==", label="x", more="y")
    assert Push().accept_address(given) == {
        "address": given["address"],
        "p256dh": given["p256dh"],
        "auth": encoded(b"\x01" * 16),
    }


# -- where its name leads -----------------------------------------------------------------------


@pytest.mark.req("S-10")
@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_into_our_own_network_is_not_called(address, monkeypatch, service):
    resolves_to(monkeypatch, address)
    with pytest.raises(ChannelError, match="private_address"):
        send()
    assert service.reached == []


@pytest.mark.req("S-10")
def test_one_private_address_among_public_ones_is_enough(monkeypatch, service):
    resolves_to(monkeypatch, [PUBLIC, "127.0.0.1"])
    with pytest.raises(ChannelError, match="private_address"):
        send()
    assert service.reached == []


@pytest.mark.req("S-10")
@pytest.mark.parametrize(
    "address", [PUBLIC, "2600:1901:0:92a9::", "64:ff9b::2275:bca6", "::ffff:34.117.188.166"]
)
def test_addresses_of_the_open_internet_are_called(address):
    assert is_public(address)


@pytest.mark.req("S-10")
def test_a_name_is_asked_for_once_and_the_connection_goes_where_it_led(monkeypatch, service):
    """A name server that answers otherwise the second time (rebinding) is not asked again."""
    names = resolves_to(monkeypatch, PUBLIC, "127.0.0.1")
    send()
    assert names.asked == [MOZILLA]
    assert service.reached == [(MOZILLA, PUBLIC)]


@pytest.mark.req("S-10")
def test_a_name_nobody_knows_is_tried_again_later(monkeypatch, service):
    def no_answer(*_args, **_options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_answer)
    with pytest.raises(ChannelError, match="no_such_host") as error:
        send()
    assert error.value.kind == ErrorKind.TRANSIENT


# -- the connection itself, to servers of our own -----------------------------------------------


class Recorder(BaseHTTPRequestHandler):
    """Answers a push as told, and keeps the names it was called by."""

    status, headers_said, body, delay = 201, {}, b"", 0.0

    def do_POST(self) -> None:
        self.server.hosts.append(self.headers["Host"])
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.delay)
        self.send_response(self.status)
        for name, value in self.headers_said.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.body)

    do_GET = do_POST

    def log_message(self, *_args) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path):
    """Serve pushes over TLS on this machine, as whoever the certificate names."""
    running = []

    def serve(name: str, **answer) -> HTTPServer:
        handler = type("Handler", (Recorder,), answer)
        made = HTTPServer(("127.0.0.1", 0), handler)
        made.hosts, made.asked_for, made.certificate = [], [], certificate(name, tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.certificate)
        context.sni_callback = lambda _socket, asked, _context: made.asked_for.append(asked)
        made.socket = context.wrap_socket(made.socket, server_side=True)
        threading.Thread(target=made.serve_forever, daemon=True).start()
        running.append(made)
        return made

    yield serve
    for each in running:
        each.shutdown()
        each.server_close()


def call(server, *, timeout=(5, 10)) -> requests.Response:
    """Post to Mozilla's name, pinned to the server on this machine."""
    session = webpush.Unbending()
    session.mount("https://", webpush.Pinned(host=MOZILLA, address="127.0.0.1"))
    session.verify = server.certificate
    return session.post(f"https://{MOZILLA}:{server.server_port}/x", data=b"x", timeout=timeout)


@pytest.mark.req("S-10")
def test_the_pinned_connection_still_asks_for_the_name_and_checks_its_certificate(server):
    mozilla = server(MOZILLA)
    assert call(mozilla).status_code == 201
    assert mozilla.asked_for == mozilla.hosts == [MOZILLA]


@pytest.mark.req("S-10")
def test_a_server_with_another_names_certificate_is_not_spoken_to(server):
    stranger = server("evil.example")
    with pytest.raises(requests.exceptions.SSLError):
        call(stranger)
    assert stranger.hosts == []


@pytest.mark.req("S-10")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server, status):
    elsewhere = server("localhost")
    where = {"Location": f"https://localhost:{elsewhere.server_port}/", "Content-Length": "0"}
    first = server(MOZILLA, status=status, headers_said=where)
    assert call(first).status_code == status
    assert elsewhere.hosts == []


@pytest.mark.req("S-10")
def test_a_proxy_named_in_the_environment_is_not_used(server, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert call(server(MOZILLA)).status_code == 201


@pytest.mark.req("S-10")
def test_no_answers_body_is_read(server):
    talkative = server(MOZILLA, status=400, body=SECRET_BODY)
    assert call(talkative).text == ""


@pytest.mark.req("S-10")
@pytest.mark.req("R-05")
def test_a_service_that_never_answers_holds_us_up_no_longer_than_the_time_out(server):
    silent = server(MOZILLA, delay=5.0)
    began = time.monotonic()
    with pytest.raises(requests.exceptions.ReadTimeout):
        call(silent, timeout=(0.5, 0.3))
    assert time.monotonic() - began < 4
    assert sum(webpush.TIMEOUT) <= 15


# -- what stays in the logs ---------------------------------------------------------------------


@pytest.mark.req("S-10")
@pytest.mark.parametrize("status", [302, 400, 401, 404, 410, 413, 429, 500])
def test_neither_the_logs_nor_the_error_hold_the_body_or_the_endpoint(
    status, monkeypatch, service, caplog
):
    caplog.set_level(logging.DEBUG)
    resolves_to(monkeypatch, PUBLIC)
    service.answers = [said(status)]
    with pytest.raises(ChannelError) as error:
        send(device(f"https://{MOZILLA}/wpush/v2/private-endpoint"))
    told = caplog.text + str(error.value) + repr(error.value)
    assert error.value.code == str(status)
    assert "ana@example.com" not in told
    assert "private-endpoint" not in told


@pytest.mark.req("S-10")
def test_a_redirect_is_a_refusal_for_good(monkeypatch, service):
    resolves_to(monkeypatch, PUBLIC)
    service.answers = [said(302, Location="https://127.0.0.1/")]
    with pytest.raises(ChannelError, match="302") as error:
        send()
    assert error.value.kind == ErrorKind.PERMANENT
    assert not isinstance(error.value, AnswerLost)
    assert len(service.taken) == 1

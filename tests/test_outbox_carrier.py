"""The stand-in for carriers: what leaves in the demo is reported as real carriers report it."""

import signal
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
import requests
from django.core.management import CommandError, call_command
from django.test import Client

from carriers import magic
from notifications import clock, contacts
from notifications.enums import ContactKind, ContactStatus, DeliveryStatus, Reason
from notifications.management.commands import outbox_carrier as command
from notifications.models import CarrierEvent, DeliveryAttempt
from notifications.providers import outbox_carrier
from notifications.providers.outbox import OutboxMessage
from notifications.providers.outbox_carrier import Carrier, NotHere, NotTaken, post_here, report_all
from tests.clinic import DESK
from tests.engine import email_of, phone_of, run, send, status_of
from tests.rig.environment import production
from tests.rig.processes import ROOT

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "noon")]
SENT, DELIVERED = (DeliveryStatus.ACCEPTED, ""), (DeliveryStatus.DELIVERED, "")
BOUNCED = (DeliveryStatus.FAILED, Reason.BOUNCED_HARD)
TROUBLE = (DeliveryStatus.FAILED, Reason.PROVIDER_ERROR)
AGAIN = (DeliveryStatus.PLANNED, Reason.SOFT_FAIL)
PAUSED = (DeliveryStatus.FAILED, Reason.CHANNEL_OFF)


@pytest.fixture(autouse=True)
def demo(settings):
    settings.DEBUG = True
    settings.PUBLIC_URL = "http://localhost:8000"
    return settings


def report() -> int:
    return report_all(Client().post)


class Line:
    """The way to the site, which may be down."""

    def __init__(self, *answers):
        self.answers, self.calls = list(answers), []

    def __call__(self, url, body, **said):
        self.calls.append(url)
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        response = requests.Response()
        response.status_code = answer
        return response


# -- what becomes of a message ------------------------------------------------------------------


def test_anas_text_and_mail_are_delivered_and_both_are_reported_once(ana):
    phone_of(ana)
    email_of(ana)
    made = send(ana)
    run()
    assert (status_of(made, "sms"), status_of(made, "email")) == (SENT, SENT)
    assert report() == 4  # queued, sent and delivered; the mail delivered
    assert (status_of(made, "sms"), status_of(made, "email")) == (DELIVERED, DELIVERED)
    assert report() == 0
    assert not CarrierEvent.objects.filter(settled_at=None).exists()


@pytest.mark.parametrize(
    ("number", "outcome", "address"),
    [
        ("+12125550199", BOUNCED, ContactStatus.NEEDS_UPDATE),
        ("+12125550198", AGAIN, ContactStatus.ACTIVE),
        ("+12125550197", BOUNCED, ContactStatus.NEEDS_UPDATE),
        ("+12125550196", PAUSED, ContactStatus.ACTIVE),
        ("+12125550195", SENT, ContactStatus.ACTIVE),
    ],
)
def test_each_magic_number_has_its_fate_and_bens_text_another(ana, ben, number, outcome, address):
    phone, bens = phone_of(ana, number), phone_of(ben, "+12125550143")
    made, other = send(ana), send(ben)
    run()
    report()
    phone.refresh_from_db()
    bens.refresh_from_db()
    assert (status_of(made, "sms"), phone.status) == (outcome, address)
    assert (status_of(other, "sms"), bens.status) == (DELIVERED, ContactStatus.ACTIVE)


@pytest.mark.parametrize(
    ("number", "reason", "address"),
    [
        ("+15005550001", Reason.BOUNCED_HARD, ContactStatus.NEEDS_UPDATE),
        ("+15005550004", Reason.OPTED_OUT_STOP, ContactStatus.OPTED_OUT),
        ("+15005550009", Reason.BOUNCED_HARD, ContactStatus.NEEDS_UPDATE),
    ],
)
def test_twilios_own_magic_numbers_are_refused_at_once(ana, number, reason, address):
    phone = phone_of(ana, number)
    made = send(ana)
    run()
    phone.refresh_from_db()
    assert status_of(made, "sms") == (DeliveryStatus.FAILED, reason)
    assert phone.status == address
    code = DeliveryAttempt.objects.get(delivery__channel="sms").code
    assert code == magic.TEXTS[number].code
    assert not OutboxMessage.objects.filter(channel="sms").exists()


@pytest.mark.parametrize(
    ("address", "outcome", "status"),
    [
        ("bounce@example.com", BOUNCED, ContactStatus.NEEDS_UPDATE),
        ("bounce+ana@example.com", BOUNCED, ContactStatus.NEEDS_UPDATE),
        ("rejected@example.com", TROUBLE, ContactStatus.ACTIVE),
        ("deferred@example.com", DELIVERED, ContactStatus.ACTIVE),
        ("complaint@example.com", DELIVERED, ContactStatus.ACTIVE),
        ("silent@example.com", SENT, ContactStatus.ACTIVE),
        ("bouncer@example.com", DELIVERED, ContactStatus.ACTIVE),
        ("bounce@practice.example", DELIVERED, ContactStatus.ACTIVE),
    ],
)
def test_each_magic_address_has_its_fate(ana, address, outcome, status):
    contact = email_of(ana, address)
    made = send(ana)
    run()
    report()
    contact.refresh_from_db()
    assert (status_of(made, "email"), contact.status) == (outcome, status)


def test_a_complaint_reaches_the_patients_settings(ana):
    contact = email_of(ana, "complaint@example.com")
    send(ana)
    run()
    report()
    assert contact.consents.filter(purpose="marketing", granted=False).count() == 1


@pytest.mark.req("H-19")
def test_a_mail_that_is_watched_raises_the_alarm(ana, caplog):
    email_of(ana, "opened@example.com")
    made = send(ana)
    run()
    report()
    assert status_of(made, "email") == DELIVERED
    assert "turn its tracking off" in caplog.text


def test_a_code_is_delivered_too_and_belongs_to_no_message(ana):
    new = contacts.add(patient_id=ana.pk, kind=ContactKind.EMAIL, value="n@example.com", actor=DESK)
    contacts.send_code(patient_id=ana.pk, contact_id=new.pk, actor=DESK)
    report()
    assert CarrierEvent.objects.get().outcome == "unknown_delivery"


# -- restarts and a site that is down -----------------------------------------------------------


def test_what_was_reported_is_known_after_a_restart(ana):
    phone_of(ana)
    send(ana)
    run()
    assert Carrier(post=Client().post).look() == 3
    again = Line()
    assert (Carrier(post=again).look(), again.calls) == (0, [])
    assert OutboxMessage.objects.get(channel="sms").content["told"] == 3


def test_while_the_site_is_down_nothing_is_lost(ana):
    phone_of(ana)
    made = send(ana)
    run()
    line = Line(200, requests.ConnectionError(), 503)
    carrier = Carrier(post=line)
    assert [carrier.look() for _look in range(3)] == [1, 0, 2]
    assert (carrier.look(), len(line.calls)) == (0, 5)
    assert status_of(made, "sms") == SENT  # nobody was at the other end


def test_what_the_site_refuses_is_not_said_for_ever(ana, caplog):
    phone_of(ana)
    send(ana)
    run()
    line = Line(403, 403, 403)
    carrier = Carrier(post=line)
    assert (carrier.look(), carrier.look(), len(line.calls)) == (3, 0, 3)
    assert "the site answered 403" in caplog.text


def test_what_is_older_than_a_day_is_left_as_it_was(ana, noon):
    phone_of(ana)
    made = send(ana)
    run()
    with clock.at(noon + timedelta(hours=25)):
        assert report() == 0
    assert status_of(made, "sms") == SENT


def test_looking_for_nothing_new_is_one_statement(ana, django_assert_num_queries):
    phone_of(ana)
    send(ana)
    run()
    carrier = Carrier(post=Client().post)
    carrier.look()
    with django_assert_num_queries(1):
        carrier.look()


def test_a_full_outbox_is_reported_in_parts_and_forgotten_behind(ana, monkeypatch):
    monkeypatch.setattr(outbox_carrier, "BATCH", 4)
    monkeypatch.setattr(outbox_carrier, "LOOK_BACK", 2)
    for number in range(9):
        OutboxMessage.objects.create(
            channel="sms",
            to="+12125550142",
            content={"callback_url": "http://localhost/x/", "provider_id": f"SM{number}"},
        )
    line = Line()
    carrier = Carrier(post=line)
    for _look in range(8):
        carrier.look()
    assert len(line.calls) == 9 * 3
    assert len(carrier._done) <= 4


# -- what patients write ------------------------------------------------------------------------


def test_what_is_written_on_the_outbox_page_comes_in_as_a_text_and_is_answered(ana, monkeypatch):
    heard = []
    monkeypatch.setattr(
        "notifications.incoming.take_reply",
        lambda *, channel, reply: heard.append((channel, reply.sender, reply.text)) or "Thanks.",
    )
    said = outbox_carrier.send_reply(number="+12125550142", text="1", post=Client().post)
    assert (said, heard) == ("Thanks.", [("sms", "+12125550142", "1")])
    kept = OutboxMessage.objects.get()
    assert (kept.to, kept.content["text"]) == ("+12125550142", "Thanks.")
    assert report() == 0


def test_a_reply_the_site_refuses_is_said(ana):
    with pytest.raises(NotTaken, match="403"):
        outbox_carrier.send_reply(number="+12125550142", text="1", post=Line(403))


# -- never outside, never for real --------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("DEBUG", False, "DEBUG is off"),
        ("NOTIFICATIONS_SMS_PROVIDER", "notifications.providers.twilio.Twilio", "real carrier"),
        ("EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend", "real carrier"),
        ("PUBLIC_URL", "https://notify.example.com", "not on this machine"),
        ("PUBLIC_URL", "http://localhost.example.com:8000", "not on this machine"),
        ("PUBLIC_URL", "http://localhost@192.0.2.7/", "not on this machine"),
    ],
)
def test_where_anything_is_real_it_does_not_run(demo, name, value, why):
    assert outbox_carrier.why_not() == ""
    setattr(demo, name, value)
    with pytest.raises(CommandError, match=why):
        call_command("outbox_carrier")


@pytest.mark.parametrize(
    "url", ["http://192.0.2.7/x", "https://notify.example.com/", "http://localhost@192.0.2.7/", "x"]
)
def test_nothing_is_posted_to_another_machine(url):
    with pytest.raises(NotHere):
        post_here(url, b"", content_type="text/plain", headers={})


def test_beside_real_carriers_it_stands_by_until_it_is_stopped():
    command = [sys.executable, "manage.py", "outbox_carrier", "--stand-by"]
    with subprocess.Popen(
        command, cwd=ROOT, env=production(), stdout=subprocess.PIPE, text=True
    ) as process:
        said = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        rest, _none = process.communicate(timeout=60)
    assert said.startswith("Nothing to do. DEBUG is off")
    assert (rest, process.returncode) == ("Stopped.\n", 0)


def stopped_after(commands: int) -> type:
    """An Event that says stop after so many looks, so that the command ends by itself."""

    class Stop(threading.Event):
        def wait(self, timeout=None):
            Stop.looks += 1
            if Stop.looks >= commands:
                self.set()
            return super().wait(0)

    Stop.looks = 0
    return Stop


@pytest.mark.django_db(transaction=True)
def test_the_command_reports_over_http_at_its_first_look(demo, live_server, ana, monkeypatch):
    demo.PUBLIC_URL = live_server.url
    monkeypatch.setattr(command.threading, "Event", stopped_after(1))
    phone_of(ana)
    email_of(ana)
    made = send(ana)
    run()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    call_command("outbox_carrier")
    for number, handler in before.items():
        signal.signal(number, handler)
    assert (status_of(made, "sms"), status_of(made, "email")) == (DELIVERED, DELIVERED)

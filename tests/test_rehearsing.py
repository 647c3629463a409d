"""The outbox at magic recipients: a clinic rehearses what carriers do when things go wrong."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client

from carriers import magic
from notifications import clock
from notifications.contacts import devices
from notifications.enums import ContactStatus, DeliveryStatus, Reason
from notifications.models import DeliveryAttempt, InboundText
from notifications.providers import push_endpoints
from notifications.providers.outbox import OutboxMessage
from notifications.providers.outbox_carrier import Carrier, report_all
from tests.clinic import DESK
from tests.engine import BENS_NUMBER, NOON, delivery_of, email_of, phone_of, run, send, status_of
from tests.pushing import MOZILLA, browser_keys, with_key

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "noon")]
SENT, DELIVERED = (DeliveryStatus.ACCEPTED, ""), (DeliveryStatus.DELIVERED, "")
UNKNOWN = (DeliveryStatus.UNKNOWN, Reason.ANSWER_UNKNOWN)
PAGE = Path(__file__).resolve().parent.parent / "docs/rehearsing.md"


@pytest.fixture(autouse=True)
def demo(settings):
    settings.DEBUG = True
    settings.PUBLIC_URL = "http://localhost:8000"
    return settings


def report() -> int:
    return report_all(Client().post)


def kept(channel: str) -> int:
    return OutboxMessage.objects.filter(channel=channel).count()


def code_of(notification, channel: str) -> str:
    return delivery_of(notification, channel).last_code


# -- texts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("+12125550190", "500"),
        ("+12125550188", "ConnectionError"),
        ("+12125550185", "ReadTimeout"),
    ],
)
def test_a_text_whose_answer_was_lost_is_unknown_until_the_carrier_reports(ana, number, code):
    phone_of(ana, number)
    made = send(ana)
    run()
    assert (status_of(made, "sms"), code_of(made, "sms"), kept("sms")) == (UNKNOWN, code, 1)
    report()
    assert status_of(made, "sms") == DELIVERED


@pytest.mark.parametrize("number", ["+12125550191", "+12125550189", "+12125550186"])
def test_a_text_that_never_arrived_stays_unknown_and_is_not_sent_twice(ana, number):
    phone_of(ana, number)
    made = send(ana)
    run()
    run(NOON + timedelta(minutes=30))
    report()
    assert (status_of(made, "sms"), kept("sms")) == (UNKNOWN, 0)
    assert DeliveryAttempt.objects.filter(delivery__channel="sms").count() == 1


def test_a_busy_carrier_takes_a_text_the_third_time(ana):
    phone_of(ana, "+12125550192")
    made = send(ana)
    for hour in range(3):
        assert kept("sms") == 0
        run(NOON + timedelta(hours=hour))
    assert (status_of(made, "sms"), kept("sms")) == (SENT, 1)
    codes = DeliveryAttempt.objects.filter(delivery__channel="sms").values_list("code", flat=True)
    assert sorted(codes) == ["", "20429", "20429"]


@pytest.mark.parametrize("number", ["+12125550183", "+12125550182"])
def test_reports_that_come_twice_or_in_any_order_come_to_the_same_end(ana, number):
    phone_of(ana, number)
    made = send(ana)
    run()
    report()
    assert status_of(made, "sms") == DELIVERED


def test_late_reports_come_in_the_end(ana):
    phone_of(ana, "+12125550184")
    made = send(ana)
    run()
    carrier = Carrier(post=Client().post)
    assert (carrier.look(), status_of(made, "sms")) == (0, SENT)
    with clock.at(NOON + timedelta(seconds=magic.LATE_SECONDS)):
        assert carrier.look() == 3
    assert status_of(made, "sms") == DELIVERED


def test_who_opts_out_at_a_magic_number_gets_no_more_texts_and_ben_does(ana, ben):
    phone, bens = phone_of(ana, "+12125550181"), phone_of(ben, BENS_NUMBER)
    made = send(ana)
    send(ben)
    run()
    report()
    phone.refresh_from_db()
    bens.refresh_from_db()
    assert status_of(made, "sms") == DELIVERED
    assert (phone.status, bens.status) == (ContactStatus.OPTED_OUT, ContactStatus.ACTIVE)


def test_who_answers_1_at_a_magic_number_is_heard_once_and_answered_in_the_outbox(ana):
    phone_of(ana, "+12125550180")
    send(ana)
    run()
    assert report() == 4
    assert report() == 0
    assert InboundText.objects.get().text == "1"
    answer = OutboxMessage.objects.exclude(delivery_id__gt="").get(channel="sms")
    assert answer.to == "+12125550180"
    assert answer.content["text"]


def test_a_reply_made_again_after_a_crash_is_one_reply(ana):
    phone_of(ana, "+12125550180")
    send(ana)
    run()
    report()
    message = OutboxMessage.objects.get(channel="sms", delivery_id__gt="")
    message.content = message.content | {"told": 3}  # as if the last was made and not written down
    message.save()
    assert Carrier(post=Client().post).look() == 1
    assert InboundText.objects.count() == 1


# -- mails --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "copies", "end"),
    [
        ("cut-after", 1, DELIVERED),
        ("silent-after", 1, DELIVERED),
        ("cut-before", 0, UNKNOWN),
    ],
)
def test_a_mail_whose_answer_was_lost_is_unknown_until_the_service_reports(ana, name, copies, end):
    email_of(ana, f"{name}+ana@example.com")
    made = send(ana)
    run()
    assert (status_of(made, "email"), kept("email")) == (UNKNOWN, copies)
    report()
    assert status_of(made, "email") == end


def test_a_full_mailbox_is_tried_again_and_the_address_stays_in_use(ana):
    contact = email_of(ana, "full@example.com")
    made = send(ana)
    run()
    contact.refresh_from_db()
    assert (delivery_of(made, "email").status, code_of(made, "email")) == ("planned", "452")
    assert (contact.status, kept("email")) == (ContactStatus.ACTIVE, 0)


def test_a_server_that_greylists_takes_a_mail_the_third_time(ana):
    email_of(ana, "greylist@example.com")
    made = send(ana)
    for hour in range(3):
        assert kept("email") == 0
        run(NOON + timedelta(hours=hour))
    assert (status_of(made, "email"), kept("email")) == (SENT, 1)


def test_a_slow_server_takes_a_mail(ana):
    email_of(ana, "slow@example.com")
    made = send(ana)
    run()
    assert status_of(made, "email") == SENT


# -- pushes -------------------------------------------------------------------------------------


@pytest.fixture
def phone(settings, ana):
    """Gives Ana a device whose pushes end as a magic endpoint says."""
    with_key(settings)
    settings.NOTIFICATIONS_PUSH_PROVIDER = "notifications.providers.outbox.Outbox"

    def registered(name: str):
        return devices.add_device(
            patient_id=ana.pk,
            endpoint=f"https://{MOZILLA}/wpush/v2/magic/{name}",
            **browser_keys(),
            label="",
            actor=DESK,
        )

    return registered


def test_a_device_that_is_gone_is_retired(ana, phone):
    device = phone("gone")
    made = send(ana)
    run()
    assert (delivery_of(made, "push").status, code_of(made, "push")) == ("failed", "410")
    device.refresh_from_db()
    assert device.status == ContactStatus.REMOVED


def test_a_busy_push_service_takes_a_push_the_third_time(ana, phone):
    phone("busy")
    made = send(ana)
    for hour in range(3):
        assert kept("push") == 0
        run(NOON + timedelta(hours=hour))
    assert (status_of(made, "push"), kept("push")) == (SENT, 1)


def test_a_push_whose_answer_was_lost_is_unknown(ana, phone):
    phone("lost")
    made = send(ana)
    run()
    assert (status_of(made, "push"), kept("push")) == (UNKNOWN, 1)


@pytest.mark.parametrize("name", ["one", "magic/", "magic/nothing", "xmagic/gone"])
def test_any_other_device_gets_its_pushes(name):
    endpoint = f"https://{MOZILLA}/wpush/v2/{name}"
    assert push_endpoints.host_of(endpoint) == MOZILLA
    assert magic.fate_of_push(endpoint) == magic.PUSH_TAKEN


# -- what is written about it -------------------------------------------------------------------


def test_the_page_has_every_magic_recipient():
    page = PAGE.read_text()
    numbers = {f"({each[2:5]}) {each[5:8]}-{each[8:]}" for each in magic.TEXTS}
    names = {f"`{name}@example.com`" for name in magic.MAILS}
    ends = {f"`/magic/{name}`" for name in magic.ENDPOINTS}
    fates = {f"`{name}`" for name in magic.PUSHES}
    assert not {each for each in numbers | names | ends | fates if each not in page}


def test_the_page_names_no_number_that_is_not_magic():
    page = PAGE.read_text()
    written = {line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| (")}
    assert written == {f"({each[2:5]}) {each[5:8]}-{each[8:]}" for each in magic.TEXTS}

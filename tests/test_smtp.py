"""E-mail over real SMTP: taken, refused, busy, cut off, silent."""

import time
from datetime import timedelta

import pytest

from notifications.enums import ContactStatus, DeliveryStatus, Reason
from notifications.models import DeliveryAttempt
from portal.models import Practice
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from tests.engine import NOON, delivery_of, email_of, run, send, status_of
from tests.postman import HOST, Postman, black_hole, post_office, refuses_everyone
from tests.rig.processes import free_port

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "noon")]
SENT, PLANNED = (DeliveryStatus.ACCEPTED, ""), DeliveryStatus.PLANNED
FAILED, UNKNOWN = DeliveryStatus.FAILED, (DeliveryStatus.UNKNOWN, Reason.ANSWER_UNKNOWN)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def smtp(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_TIMEOUT = HOST, 2
    settings.NOTIFICATIONS_AGREEMENTS = "email"
    return settings


@pytest.fixture
def postman(smtp):
    postman = Postman()
    with post_office(postman) as port:
        smtp.EMAIL_PORT = port
        yield postman


@pytest.fixture
def mail(ana):
    return email_of(ana)


def sent(patient, **options):
    made = send(patient, AppointmentReminderPayload.example(), **options)
    run()
    return made


def code_of(notification):
    return delivery_of(notification, "email").last_code


def status_after(contact):
    contact.refresh_from_db()
    return contact.status


# -- taken --------------------------------------------------------------------------------------


def test_a_mail_that_is_taken_counts_as_sent_and_never_as_delivered(ana, mail, postman):
    made = sent(ana)
    assert status_of(made, "email") == SENT
    assert postman.recipients == [["ana@example.com"]]


def test_the_carriers_name_for_a_mail_is_the_message_id_it_bears(ana, mail, postman):
    made = sent(ana)
    row = delivery_of(made, "email")
    assert row.provider_id == postman.mails[0]["Message-ID"] == f"<{row.pk.hex}@dentamind.example>"
    assert postman.mails[0]["X-Delivery-Id"] == str(row.pk)


# -- refused ------------------------------------------------------------------------------------


@pytest.mark.req("R-07")
@pytest.mark.parametrize(
    "answer",
    ["550 5.1.1 no such user", "551 not here", "553 bad name", "554 no", "550 5.2.1 disabled"],
)
def test_a_mailbox_that_does_not_exist_fails_at_once_and_needs_an_update(
    ana, mail, postman, answer
):
    postman.recipient = [answer]
    made = sent(ana)
    assert status_of(made, "email") == (FAILED, Reason.BOUNCED_HARD)
    assert code_of(made) == answer[:3]
    assert status_after(mail) == ContactStatus.NEEDS_UPDATE
    run(at=NOON + 60 * MINUTE)
    assert postman.mails == []


@pytest.mark.req("R-07")
@pytest.mark.parametrize(
    "answer", ["451 later", "452 full", "450 busy", "421 closing", "451 4.7.1 greylisted"]
)
def test_a_server_that_is_busy_is_asked_again(ana, mail, postman, answer):
    postman.recipient = [answer]
    made = sent(ana)
    assert status_of(made, "email") == (PLANNED, Reason.SOFT_FAIL)
    run(at=NOON + MINUTE)
    assert status_of(made, "email") == SENT
    assert len(postman.mails) == 1
    assert status_after(mail) == ContactStatus.ACTIVE


@pytest.mark.req("R-07")
@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("sender", "550 5.7.1 you may not send as that"),
        ("sender", "553 sender not owned by user"),
        ("data", "550 5.7.26 not authenticated: DMARC"),
        ("recipient", "550 5.7.1 relaying denied"),
        ("recipient", "530 authentication required"),
    ],
)
def test_what_our_own_set_up_causes_is_never_blamed_on_the_patients_address(
    ana, mail, postman, step, answer
):
    setattr(postman, step, [answer])
    made = sent(ana)
    assert status_of(made, "email")[1] != Reason.BOUNCED_HARD
    assert status_after(mail) == ContactStatus.ACTIVE


def test_a_text_that_is_taken_for_spam_fails_and_leaves_the_address_alone(ana, mail, postman):
    postman.data = ["554 5.7.1 rejected as spam"]
    made = sent(ana)
    assert status_of(made, "email") == (FAILED, Reason.PROVIDER_ERROR)
    assert status_after(mail) == ContactStatus.ACTIVE


def test_a_mailbox_refused_only_after_the_text_needs_an_update_too(ana, mail, postman):
    postman.data = ["550 5.1.1 no such user"]
    made = sent(ana)
    assert status_of(made, "email") == (FAILED, Reason.BOUNCED_HARD)
    assert status_after(mail) == ContactStatus.NEEDS_UPDATE


@pytest.mark.req("R-07")
def test_a_wrong_password_of_ours_is_our_set_up_and_not_the_patients_address(ana, mail, smtp):
    smtp.EMAIL_HOST_USER, smtp.EMAIL_HOST_PASSWORD = "us", "wrong"
    options = {"authenticator": refuses_everyone, "auth_require_tls": False}
    with post_office(Postman(), **options) as smtp.EMAIL_PORT:
        made = sent(ana)
        assert code_of(made) == "535"
        for tries in range(1, 8):
            run(at=NOON + 20 * tries * MINUTE)
    assert status_of(made, "email") == (PLANNED, Reason.CHANNEL_PAUSED)
    assert DeliveryAttempt.objects.count() == 1  # the channel waits for somebody to mend it
    assert status_after(mail) == ContactStatus.ACTIVE


# -- the line breaks ----------------------------------------------------------------------------


def test_nobody_listening_is_a_matter_of_time(ana, mail, smtp):
    smtp.EMAIL_PORT = free_port()
    made = sent(ana)
    assert status_of(made, "email") == (PLANNED, Reason.SOFT_FAIL)
    assert code_of(made) == "ConnectionRefusedError"


@pytest.mark.req("R-04")
@pytest.mark.parametrize("how", ["cut", "silence"])
def test_a_line_that_breaks_after_the_text_leaves_it_unknown_and_repeats_once(
    ana, mail, postman, how
):
    postman.data = [how]
    made = sent(ana)
    assert status_of(made, "email") == UNKNOWN
    run(at=NOON + 11 * MINUTE)
    assert status_of(made, "email") == SENT
    assert len({each["Message-ID"] for each in postman.mails}) == 1  # so that readers see one


@pytest.mark.req("R-05")
@pytest.mark.parametrize("greeting", [b"", b"220 good morning\r\n"])
def test_a_server_that_never_says_a_word_holds_us_up_no_longer_than_the_time_out(
    ana, mail, smtp, greeting
):
    smtp.EMAIL_TIMEOUT = 1
    with black_hole(greeting=greeting) as smtp.EMAIL_PORT:
        begun = time.monotonic()
        made = sent(ana)
    assert time.monotonic() - begun < 15
    assert status_of(made, "email") == (PLANNED, Reason.SOFT_FAIL)


@pytest.mark.req("H-09")
def test_a_server_without_encryption_gets_nothing_where_we_ask_for_it(ana, mail, postman, smtp):
    smtp.EMAIL_USE_TLS = True
    made = sent(ana)
    assert status_of(made, "email")[0] == PLANNED
    assert postman.mails == []


# -- who it goes to -----------------------------------------------------------------------------


@pytest.mark.req("S-12")
@pytest.mark.parametrize(
    "address",
    [
        "ana@example.com, ben@example.com",
        "ana@example.com\r\nBcc: ben@example.com",
        "ana@example.com\nben@example.com",
        "Ana <ana@example.com>",
        "",
    ],
)
def test_an_address_that_is_not_exactly_one_fails_and_nothing_leaves(
    ana, mail, postman, caplog, address
):
    mail.value = {"address": address}
    mail.save()
    made = sent(ana)
    assert status_of(made, "email") == (FAILED, Reason.BOUNCED_HARD)
    assert status_after(mail) == ContactStatus.NEEDS_UPDATE
    assert postman.mails == []
    assert "example.com" not in caplog.text


@pytest.mark.req("S-12")
def test_a_practice_name_cannot_add_a_header(ana, mail, postman, practice):
    Practice.objects.filter(pk=practice.pk).update(public_name="Evil\r\nBcc: ben@example.com")
    made = sent(ana)
    assert status_of(made, "email") == SENT
    assert postman.recipients == [["ana@example.com"]]
    assert "Bcc" not in postman.mails[0]


@pytest.mark.req("S-17")
def test_no_log_line_and_no_attempt_names_the_address(ana, mail, postman, caplog):
    caplog.set_level("DEBUG")
    caplog.set_level("CRITICAL", logger="mail.log")  # the postman's own
    postman.recipient = ["550 5.1.1 <ana@example.com> no such user"]
    sent(ana)
    tried = DeliveryAttempt.objects.get(delivery__channel="email")
    assert "ana@example.com" not in f"{tried.code} {tried.provider_id} {caplog.text}"

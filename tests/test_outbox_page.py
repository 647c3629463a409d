"""`/dev/outbox/`: whoever builds or shows the system sees each message as the patient would."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from notifications import clock, contacts
from notifications.enums import CarrierEventKind, ReplyMeaning
from notifications.incoming import keeping
from notifications.models import Delivery, InboundText
from notifications.providers import outbox_carrier
from notifications.providers.outbox import OutboxMessage
from portal.models import Appointment, User
from portal.notification_types._visit import SETTLES_FOR
from portal.services import default_reminder_rules
from tests.clinic import a_visit
from tests.conftest import signed_in
from tests.engine import (
    ANAS_NUMBER,
    BENS_NUMBER,
    NOON,
    delivery_of,
    device_of,
    email_of,
    phone_of,
    run,
    send,
)
from tests.pages import text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "noon")]
PAGE = "/dev/outbox/"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def staff(settings) -> User:
    settings.DEBUG = True
    return User.objects.create_user(username="desk@example.com", is_staff=True, is_superuser=True)


@pytest.fixture
def desk(staff) -> Client:
    return signed_in(staff)


def shown(client: Client, channel: str = "") -> str:
    response = client.get(PAGE, {"channel": channel} if channel else {})
    assert response.status_code == 200
    return text_of(response)


def pieces(page: str) -> list[str]:
    """Return what is on the page, a message or a conversation each, from the top."""
    return re.findall(r'<(?:article|section) class="sent.*?</(?:article|section)>', page, re.DOTALL)


def write(number: str, text: str, *, answer: str = "") -> InboundText:
    """Keep a text from a patient as the carrier's call would."""
    event = keeping.keep(
        channel="sms", kind=CarrierEventKind.REPLY, key=f"{number} {text}"[:200], content={}
    )
    return InboundText.objects.create(
        event=event,
        number=number,
        number_index="",
        text=text,
        answer=answer or None,
        meaning=ReplyMeaning.CONFIRM,
        received_at=clock.now(),
    )


# -- as the patient would get it ----------------------------------------------------------------


def test_an_email_has_its_frame_its_head_and_its_text_part(desk, ana):
    email_of(ana)
    send(ana)
    run()
    [letter] = pieces(shown(desk))
    message = OutboxMessage.objects.get()
    assert message.content["subject"] in letter
    assert "Main Street Dental &lt;notify@dentamind.example&gt;" in letter
    assert "<dd>ana@example.com</dd>" in letter
    assert f'src="/dev/outbox/{message.pk}/html/"' in letter and "<iframe sandbox" in letter
    assert "Text part and headers" in letter and "X-Delivery-Id" in letter
    framed = desk.get(f"/dev/outbox/{message.pk}/html/")
    assert text_of(framed) == message.content["html"]
    assert "frame-ancestors 'self'" in framed.headers["Content-Security-Policy"]


def test_a_push_is_a_card_on_a_lock_screen_with_the_practice_and_the_neutral_sentence(desk, ana):
    device_of(ana)
    send(ana)
    run()
    [card] = pieces(shown(desk))
    assert 'class="lock-card"' in card
    assert ">Main Street Dental</h2>" in card
    assert "You have a new message from Main Street Dental. Sign in to read it." in card


def test_texts_are_one_conversation_a_number_in_the_order_they_were_written(desk, ana, ben):
    phone_of(ana)
    phone_of(ben, BENS_NUMBER)
    send(ana)
    run()
    with clock.at(NOON + MINUTE):
        write(ANAS_NUMBER, "1", answer="Thank you. See you then.")
    with clock.at(NOON + 2 * MINUTE):
        send(ben)
        run()
    bens, anas = pieces(shown(desk))
    assert f"Texts with {BENS_NUMBER}" in bens and f"Texts with {ANAS_NUMBER}" in anas
    assert re.findall(r'<li class="(\w+)">', anas) == ["ours", "theirs", "ours"]
    assert re.findall(r'<li class="(\w+)">', bens) == ["ours"]
    assert "Thank you. See you then." in anas and "Thank you" not in bens
    assert anas.count("1 segment\n") + anas.count("1 segment ") + anas.count("1 segment<") == 3


def test_a_long_text_says_how_many_a_carrier_bills(desk):
    write(BENS_NUMBER, "word " * 40)
    [talk] = pieces(shown(desk))
    assert "2 segments" in talk


def test_a_number_we_never_wrote_to_has_its_conversation_too(desk):
    write(BENS_NUMBER, "Who is this?")
    [talk] = pieces(shown(desk))
    assert re.findall(r'<li class="(\w+)">', talk) == ["theirs"]
    assert "Who is this?" in talk


def test_the_newest_is_on_top_and_one_channel_can_be_chosen(desk, ana):
    email_of(ana)
    phone_of(ana)
    device_of(ana)
    send(ana)
    run()
    with clock.at(NOON + MINUTE):
        send(ana)
        run()
    page = shown(desk)
    times = re.findall(r"2026-11-24T1[27]:0(\d)", page)
    assert times[0] == "1"
    assert len(pieces(page)) == 2 + 2 + 1  # letters, cards, one conversation
    for channel, count in (("email", 2), ("push", 2), ("sms", 1)):
        chosen = shown(desk, channel)
        assert len(pieces(chosen)) == count
        assert f'href="?channel={channel}" aria-current="page"' in chosen
    assert len(pieces(shown(desk, "pigeon"))) == 5


# -- where it stands ----------------------------------------------------------------------------


def test_each_message_says_where_its_delivery_stands_and_leads_to_it(desk, ana):
    email_of(ana)
    made = send(ana)
    run()
    row = delivery_of(made, "email")
    [letter] = pieces(shown(desk))
    assert '<span class="chip ok">Sent</span>' in letter
    link = f"/admin/notifications/delivery/{row.pk}/change/"
    assert f'href="{link}"' in letter
    assert desk.get(link).status_code == 200
    for status, reason, said in (
        ("delivered", "", "Delivered"),
        ("failed", "bounced_hard", "Failed. "),
        ("planned", "soft_fail", "Planned. "),
    ):
        Delivery.objects.filter(pk=row.pk).update(status=status, reason=reason)
        assert said in pieces(shown(desk))[0]


def test_a_code_is_shown_though_it_is_no_message_of_ours(desk, ana):
    contact = phone_of(ana, verified=False, agreed=False)
    contacts.send_code(patient_id=ana.pk, contact_id=contact.pk, actor="system:test")
    [talk] = pieces(shown(desk))
    assert "An answer to a reply, or a code" in talk


def test_the_page_costs_the_same_few_queries_however_much_left(
    desk, ana, django_assert_max_num_queries
):
    email_of(ana)
    phone_of(ana)
    device_of(ana)
    for _each in range(5):
        send(ana)
    run()
    with django_assert_max_num_queries(10):
        shown(desk)


def test_what_a_patient_wrote_is_shown_as_typed(desk):
    write(BENS_NUMBER, "<b>{{ 7|add:1 }}</b>")
    assert "&lt;b&gt;{{ 7|add:1 }}&lt;/b&gt;" in shown(desk)


def test_nothing_left_is_said(desk):
    assert "Nothing left yet." in shown(desk)


@pytest.mark.req("S-16")
def test_it_needs_no_script_and_no_style_in_the_line(desk, ana):
    email_of(ana)
    send(ana)
    run()
    response = desk.get(PAGE)
    assert "unsafe-inline" not in response.headers["Content-Security-Policy"]
    for inline in ("<script", "<style", " style=", " onclick="):
        assert inline not in text_of(response)


# -- playing the patient --------------------------------------------------------------------------


class Line:
    """The wire to this machine: keeps what was posted, and answers as it is told."""

    def __init__(self, *, status: int = 200, answer: str = "") -> None:
        self.posted: list[tuple[str, dict[str, list[str]], dict[str, str]]] = []
        self.status_code, self.fault = status, None
        words = f"<Message>{answer}</Message>" if answer else ""
        self.content = f"<Response>{words}</Response>".encode()

    def __call__(self, url: str, body: bytes, *, content_type: str, headers: dict[str, str]):
        if self.fault:
            raise self.fault
        self.posted.append((url, parse_qs(body.decode()), headers))
        return self


@pytest.fixture
def line(monkeypatch) -> Line:
    line = Line()
    monkeypatch.setattr(outbox_carrier, "post_here", line)
    return line


def reply(client: Client, number: str, **fields: str):
    return client.post(f"{PAGE}reply/", {"number": number, **fields})


def test_a_text_is_posted_as_the_carrier_would_and_the_page_returns_to_its_conversation(
    desk, ana, line
):
    line.content = b"<Response><Message>Thank you.</Message></Response>"
    phone_of(ana)
    send(ana)
    run()
    assert 'action="/dev/outbox/reply/"' in shown(desk)
    response = reply(desk, ANAS_NUMBER, text=" See you ")
    [(url, fields, headers)] = line.posted
    assert url.endswith("/webhooks/sms/replies/")
    assert (fields["From"], fields["Body"]) == ([ANAS_NUMBER], ["See you"])
    assert headers["X-Twilio-Signature"]
    assert ANAS_NUMBER not in response.headers["Location"]
    page, anchor = response.headers["Location"].split("#")
    page = text_of(desk.get(page))
    assert f'id="{anchor}"' in page and "The practice answered." in page
    assert "Thank you." in page


@pytest.fixture
def site(monkeypatch) -> Client:
    """The wire leads to the site itself, which verifies, keeps and answers what is posted."""
    site = Client()

    def post(url: str, body: bytes, *, content_type: str, headers: dict[str, str]):
        return site.post(urlsplit(url).path, body, content_type=content_type, headers=headers)

    monkeypatch.setattr(outbox_carrier, "post_here", post)
    return site


def test_a_whole_conversation_asked_confirmed_and_ended(desk, ana, location, provider, site):
    phone_of(ana)
    default_reminder_rules(location)
    with clock.at(NOON - timedelta(days=3)):
        visit = a_visit(ana, NOON + timedelta(days=7), location=location, provider=provider)
    run(at=NOON - timedelta(days=3) + SETTLES_FOR)
    run(at=NOON)
    reply(desk, ANAS_NUMBER, quick="1")
    visit.refresh_from_db()
    assert visit.status == Appointment.Status.CONFIRMED
    with clock.at(NOON + MINUTE):
        reply(desk, ANAS_NUMBER, text="no more texts please")
    assert contacts.has_stopped(index=contacts.index_of(ANAS_NUMBER))
    [talk] = pieces(shown(desk, "sms"))
    assert re.findall(r'<li class="(\w+)">', talk)[-4:] == ["theirs", "ours", "theirs", "ours"]
    for said in ("Reply 1 to", "Confirms a visit", "is confirmed.", "Wants no more texts"):
        assert said in plain(talk)


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


@pytest.mark.parametrize("word", ["1", "2", "STOP", "START", "HELP"])
def test_the_usual_answers_are_one_press(desk, ana, line, word):
    phone_of(ana)
    send(ana)
    run()
    assert f'name="quick" value="{word}"' in shown(desk)
    reply(desk, ANAS_NUMBER, quick=word, text="")
    assert line.posted[0][1]["Body"] == [word]


def test_an_answer_that_was_sent_is_not_shown_twice(desk):
    write(BENS_NUMBER, "HELP", answer="Call us at 212-555-0100.")
    OutboxMessage.objects.create(
        channel="sms", to=BENS_NUMBER, content={"text": "Call us at 212-555-0100."}
    )
    assert shown(desk).count("Call us at 212-555-0100.") == 1


def test_any_other_number_may_write_and_one_that_cannot_be_one_is_refused(desk, line):
    reply(desk, "(212) 555-0150", text="Hello")
    assert line.posted[0][1]["From"] == ["+12125550150"]
    reply(desk, "12", text="Hello")
    assert len(line.posted) == 1
    assert "This is not a phone number." in shown(desk)


def test_what_goes_wrong_is_said(desk, line):
    line.status_code = 500
    reply(desk, ANAS_NUMBER, text="1")
    assert "The site did not take this text: it answered 500." in shown(desk)
    line.fault = ConnectionRefusedError()
    reply(desk, ANAS_NUMBER, text="1")
    assert "The site could not be reached: ConnectionRefusedError." in shown(desk)
    reply(desk, ANAS_NUMBER, text="  ")
    assert "A text needs words." in shown(desk)


def test_where_a_real_carrier_is_set_up_nobody_can_write_back_here(desk, ana, line, settings):
    phone_of(ana)
    send(ana)
    run()
    settings.EMAIL_BACKEND = "tests.engine.RealMail"
    page = shown(desk)
    assert "reply/" not in page and "Nobody can write back here. A real carrier is set up" in page
    reply(desk, ANAS_NUMBER, text="1")
    assert line.posted == []


@pytest.mark.req("S-05")
def test_a_reply_needs_its_token_and_a_post(staff, line):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")
    assert reply(strict, ANAS_NUMBER, text="1").status_code == 403
    assert strict.get(f"{PAGE}reply/").status_code == 405
    assert line.posted == []


def test_only_who_may_see_the_page_may_play_the_patient(desk, ana_client, line, settings):
    far = desk.post(
        f"{PAGE}reply/", {"number": ANAS_NUMBER, "text": "1"}, REMOTE_ADDR="203.0.113.9"
    )
    assert (far.status_code, reply(ana_client, ANAS_NUMBER, text="1").status_code) == (404, 404)
    settings.DEBUG = False
    assert reply(desk, ANAS_NUMBER, text="1").status_code == 404
    assert line.posted == []


# -- who may look -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [PAGE, f"{PAGE}?channel=sms"])
def test_it_is_for_staff_on_this_machine_in_development_only(desk, ana_client, settings, path):
    assert desk.get(path).status_code == 200
    assert desk.get(path, REMOTE_ADDR="203.0.113.9").status_code == 404
    assert ana_client.get(path).status_code == 404
    stranger = Client().get(path)
    assert (stranger.status_code, stranger.headers["Location"][:20]) == (
        302,
        "/accounts/login/?nex",
    )
    settings.DEBUG = False
    assert desk.get(path).status_code == 404
    assert Client().get(path).status_code == 404

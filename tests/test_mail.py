"""What a mail looks like when it arrives: two parts, a neutral subject, a way out, no more."""

import re
from email import message_from_bytes, policy
from html.parser import HTMLParser

import pytest

from notifications import preferences
from portal.models import User
from portal.notification_types.appointment_cancelled import AppointmentCancelledPayload
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.notification_types.lab_results import LabResultsPayload
from portal.notification_types.message_from_provider import MessageFromProviderPayload
from portal.notification_types.system_alert import SystemAlertPayload
from tests.engine import email_of, run, send
from tests.postman import HOST, Postman, post_office

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
TYPES = [
    AppointmentReminderPayload,
    AppointmentCancelledPayload,
    LabResultsPayload,
    MessageFromProviderPayload,
    SystemAlertPayload,
]
SUBJECT = "You have a new message from Main Street Dental"


@pytest.fixture
def mailbox(settings):
    """Ana's mailbox behind a real server: what it holds has been through the wire."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.NOTIFICATIONS_AGREEMENTS = HOST, "email"
    postman = Postman()
    with post_office(postman) as settings.EMAIL_PORT:
        yield postman.mails


@pytest.fixture
def receive(ana, mailbox):
    email_of(ana)

    def receive(payload_class=AppointmentReminderPayload):
        send(ana, payload_class.example())
        run()
        return mailbox[-1]

    return receive


class Page(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, name: str) -> list[dict]:
        return [attributes for tag, attributes in self.tags if tag == name]


def html_of(mail) -> str:
    return mail.get_body(("html",)).get_content()


def text_of(mail) -> str:
    return mail.get_body(("plain",)).get_content()


@pytest.mark.req("H-10")
@pytest.mark.parametrize("payload_class", TYPES, ids=lambda cls: cls.type_key)
def test_the_subject_is_the_same_neutral_line_for_every_type(receive, payload_class):
    assert receive(payload_class)["Subject"] == SUBJECT


def test_it_comes_from_the_practice_and_goes_to_one_person(receive):
    mail = receive()
    assert mail["From"] == "Main Street Dental <notify@dentamind.example>"
    assert mail["To"] == "ana@example.com"
    assert mail["Cc"] is mail["Bcc"] is mail["Reply-To"] is None


@pytest.mark.req("A-11")
def test_it_has_a_plain_part_that_says_all_that_the_pretty_one_says(receive):
    mail = receive()
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    for words in ("9:30 AM EST with Dr. Lee", "Main Street", "View message"):
        assert words in text_of(mail)
        assert words in html_of(mail)
    assert "<" not in text_of(mail)


@pytest.mark.req("A-11")
@pytest.mark.parametrize("language", ["en", "es"])
def test_it_says_which_language_it_is_in(ana, receive, language):
    User.objects.filter(pk=ana.pk).update(language=language)
    [page] = Page(html_of(receive())).all("html")
    assert page["lang"] == language


@pytest.mark.req("A-11")
def test_its_layout_is_not_read_out_and_its_links_say_where_they_lead(receive):
    html = html_of(receive())
    assert all(table["role"] == "presentation" for table in Page(html).all("table"))
    words = re.findall(r"<a [^>]*>(.*?)</a>", html)
    assert words == ["View message", "Change settings", "Stop these emails"]


@pytest.mark.req("H-19")
@pytest.mark.parametrize("payload_class", TYPES, ids=lambda cls: cls.type_key)
def test_nothing_in_it_is_loaded_from_anywhere_and_every_link_is_ours(
    receive, payload_class, settings
):
    html = html_of(receive(payload_class))
    page = Page(html)
    for tag in ("img", "script", "iframe", "object", "embed", "link", "form", "video", "audio"):
        assert page.all(tag) == []
    assert "url(" not in html and "@import" not in html
    assert not [
        attributes for _tag, attributes in page.tags if {"src", "background"} & {*attributes}
    ]
    links = [link["href"] for link in page.all("a")]
    assert links and all(link.startswith(f"{settings.PUBLIC_URL}/") for link in links)


def test_its_styles_survive_a_mail_program_that_drops_the_head(receive):
    [button] = [link for link in Page(html_of(receive())).all("a") if "button" in str(link)]
    assert "background" in button["style"]


@pytest.mark.req("M-12")
def test_it_can_be_left_with_one_click_and_the_link_names_nobody(ana, receive, settings):
    mail = receive()
    [link] = re.fullmatch(r"<(\S*)>", mail["List-Unsubscribe"].strip()).groups()
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert link in text_of(mail)
    token = link.removeprefix(f"{settings.PUBLIC_URL}/unsubscribe/").rstrip("/")
    assert preferences.read_token(token) == (ana.pk, "appointment_reminder")
    assert "ana@" not in link


@pytest.mark.parametrize("payload_class", [AppointmentCancelledPayload, SystemAlertPayload])
def test_what_is_always_on_offers_no_way_out(receive, payload_class):
    mail = receive(payload_class)
    assert mail["List-Unsubscribe"] is mail["List-Unsubscribe-Post"] is None
    assert "unsubscribe" not in text_of(mail) + html_of(mail)


def test_no_machine_answers_it(receive):
    assert receive()["Auto-Submitted"] == "auto-generated"


@pytest.mark.req("H-10")
def test_the_patient_is_not_named_in_it(receive):
    mail = receive()
    assert "Ana" not in f"{mail['Subject']} {text_of(mail)} {html_of(mail)}"


def test_a_practice_with_an_accent_in_its_name_arrives_with_it(receive, practice):
    practice.public_name = "Clínica “Peña”, S.A."
    practice.save()
    mail = receive()
    assert mail["From"].addresses[0].display_name == "Clínica “Peña”, S.A."
    assert mail["Subject"].endswith("Clínica “Peña”, S.A.")


def test_nothing_was_left_out_by_a_mistyped_name(receive, settings):
    settings.TEMPLATES[0]["OPTIONS"]["string_if_invalid"] = "!!MISSING %s!!"
    mail = receive()
    assert "!!MISSING" not in text_of(mail) + html_of(mail)
    assert message_from_bytes(mail.as_bytes(), policy=policy.default)["Subject"] == SUBJECT

"""What a mail looks like when it arrives: two parts, a neutral subject, a way out, no more."""

import re
from email import message_from_bytes, policy
from html.parser import HTMLParser

import pytest

from notifications import clock, preferences
from portal.models import Guardianship, User
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
SPANISH = "Español: cambie el idioma en sus ajustes"
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
    assert words == ["View message", "Change settings", "Stop these emails", SPANISH]


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
    head, body = html_of(receive()).split("</head>")
    [kept] = re.findall(r"<style[^>]*>(.*?)</style>", head, flags=re.DOTALL)
    assert "<style" not in body
    for rule in filter(None, kept.splitlines()):  # nothing that an element could say itself
        assert rule.startswith(("@media", "[data-ogs", ":root")), rule
    page = Page(body)
    for tag in ("body", "td", "h1", "p", "a"):
        assert page.all(tag) and all("style" in each for each in page.all(tag)), tag
    [button] = [link for link in page.all("a") if link.get("class") == "button"]
    assert {"background-color: #0B6E75", "color: #FFFFFF"} <= set(button["style"].split(";"))


def test_each_class_the_dark_sheet_speaks_of_is_there_to_be_darkened(receive):
    """Written into the elements, a colour gives way only to one that is important."""
    head, body = html_of(receive()).split("</head>")
    dark = head.split("dark){")[1].split("</style>")[0]
    assert set(re.findall(r"\.([a-z]+)[ ,{]", dark)) == {
        *("page", "card", "panel", "from", "press", "button", "foot", "url")
    } & set(re.findall(r'class="([a-z]+)"', body))
    assert len(re.findall(r"#[0-9A-F]{6}", dark)) == dark.count("!important")


def test_a_mail_with_the_longest_words_is_far_from_the_size_that_is_cut_off(ana, receive, practice):
    """Gmail shows 102 KB of a mail and hides the rest, with the way out in it."""
    practice.public_name = practice.name = practice.postal_address = "W" * 120
    practice.save()
    assert len(html_of(receive()).encode()) < 20_000


def test_a_guardian_is_told_that_it_is_for_somebody_else_and_not_for_whom(ana, ben, mailbox):
    """Ben is a child who cannot sign in; his mail goes to his mother Ana."""
    said = mail_to_one_who_cannot_sign_in(ben, mailbox, guardian=ana)
    assert said.count("It is for someone you care for. You see who when you sign in.") == 2
    assert "Ben" not in said and f"/for/{ben.pk}/notifications/" in said


def test_who_has_no_account_yet_and_no_guardian_is_not_told_of_somebody_else(ben, mailbox):
    said = mail_to_one_who_cannot_sign_in(ben, mailbox)
    assert "someone you care for" not in said and "/for/" not in said


def mail_to_one_who_cannot_sign_in(patient, mailbox, guardian=None):
    patient.set_unusable_password()
    patient.save()
    if guardian:
        Guardianship.objects.create(guardian=guardian, patient=patient, started_at=clock.now())
    email_of(patient, "someone@example.com")
    send(patient, AppointmentReminderPayload.example())
    run()
    return text_of(mailbox[-1]) + html_of(mailbox[-1])


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

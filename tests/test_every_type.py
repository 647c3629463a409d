"""Every type, on every channel, in both languages: what it says, what it may not, how long.

Nothing here names a type: one that is added is held to the same.
"""

import dataclasses
import json
import re
from datetime import date, datetime
from decimal import Decimal
from html import unescape
from itertools import product

import pytest
from django.utils import translation

from notifications.enums import (
    Category,
    Level,
    PatientNotificationChannel,
    PatientNotificationPriority,
    PatientNotificationType,
    Purpose,
)
from notifications.rendering import message_for, render, render_reply
from notifications.segments import segments, to_gsm7
from notifications.types import PatientProfile
from tests.test_checks import ROOT

TYPES = [cls for cls in PatientNotificationType.classes() if cls.__module__.startswith("portal.")]
OUTSIDE = [cls for cls in PatientNotificationChannel.classes() if cls.contact_kind]
HOST = "https://portal.family-dental-practice.example.com"
LINKS = {
    "view_url": f"{HOST}/notifications/018f0000-0000-7000-8000-000000000000/",
    "settings_url": f"{HOST}/notifications/settings/",
    "unsubscribe_url": f"{HOST}/unsubscribe/token/",
    "short_url": f"{HOST}/m",
}
PRACTICE = {
    "practice_name": "Main Street Dental",
    "public_name": "Main Street",
    "phone": "(555) 555-0100",
    "postal_address": "1 Main St, Springfield",
}
# As long as the tables take: 120 letters for a name, 32 for a number.
LONG_NAME = ("Featherstonehaugh-Wolfe Family Dental Group and Associates " * 3)[:120].strip()
LONG_NUMBER = "+1 (555) 555-0100 extension 12345"[:32]
LONG_PRACTICE = PRACTICE | {
    "practice_name": LONG_NAME,
    "public_name": LONG_NAME,
    "phone": LONG_NUMBER,
}
LONG = {
    str: LONG_NAME,
    int: 30,
    date: date(2026, 9, 30),  # the longest month's name in both languages
    datetime: datetime.fromisoformat("2026-11-25T17:30:00+00:00"),  # Wed, at half past twelve
    Decimal: Decimal("-12345.67"),
}
ACCENTED = ("Clínica “Ñandú” de la Dra. Nguyễn Thị Ánh Ibáñez Núñez — Ortodoncia y más " * 2)[:120]
REPLIES = [path.stem for path in sorted((ROOT / "templates/notifications/_reply").glob("*.txt"))]
RELATIVE = re.compile(
    r"\b(today|tonight|tomorrow|yesterday|this (morning|afternoon|evening|week)|next (day|week)"
    r"|hoy|mañana|ayer|esta (tarde|noche|semana)|la semana que viene)\b",
    re.IGNORECASE,
)
PRIVATE_WORDS = re.compile(
    r"result|lab\b|x-ray|treat|recall|perio|gum|hygien|clean|fill(ing)?s\b|crown|implant|root"
    r"|prescri|medic|drug|pay|bill|insur|claim|receipt|balance|owe|\bdue\b|cost|\$"
    r"|trata|encía|limpieza|empaste|corona|raíz|receta|pago|pagar|factura|seguro|recibo|saldo|costo",
    re.IGNORECASE,
)
NOBODY_TO_CALL = re.compile(r"\b(?<!a )(call|at|by|llame|llámenos|al)\s*([.,<]|$)", re.MULTILINE)
OPT_OUT_WORDS = re.compile(r"\b(CANCEL|END|QUIT|STOPALL|UNSUBSCRIBE|YES|CANCELAR|SI|SÍ)\b")

by_type = pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.type_key)
by_channel = pytest.mark.parametrize("channel", OUTSIDE, ids=lambda cls: cls.key)
by_language = pytest.mark.parametrize("language", ["en", "es"])


# -- what is said ---------------------------------------------------------------------------------


def profile(language: str, **practice: str) -> PatientProfile:
    return PatientProfile(zone="America/New_York", language=language, **PRACTICE | practice)


def said(payload, channel, *, language, level=None, practice=PRACTICE) -> dict[str, str]:
    """Return what a channel hands its carrier, at its ceiling unless a level is given."""
    content = render(
        payload=payload,
        parts=channel.parts,
        level=channel.ceiling if level is None else level,
        profile=profile(language, **practice),
        links=LINKS,
    )
    return channel().prepare(content)


def everything_said(payload, *, language, level=None) -> str:
    """Return what leaves the portal on all channels together."""
    parts = [said(payload, channel, language=language, level=level) for channel in OUTSIDE]
    return "\n".join(text for content in parts for text in content.values())


def kind_of(value) -> type:
    return next(
        kind for kind in (datetime, date, bool, int, Decimal, str, object) if _is(value, kind)
    )


def _is(value, kind: type) -> bool:
    return isinstance(value, kind)


def changed(payload, values: dict[type, object], *, level: Level | None = None):
    """Return the payload with other values in its fields, those of one level if it is given."""
    new = {
        field.name: values[kind_of(getattr(payload, field.name))]
        for field in dataclasses.fields(payload)
        if kind_of(getattr(payload, field.name)) in values
        and not field.name.endswith("_zone")
        and level in (None, field.metadata["level"])
    }
    return dataclasses.replace(payload, **new)


def longest(cls):
    """Return a payload whose every field is as long as it gets."""
    payload = changed(cls.example(), LONG)
    numbers = {name: LONG_NUMBER for name in cls.field_names() if name.endswith("_phone")}
    return dataclasses.replace(payload, **numbers)


CANARY = {
    str: "CANARY",
    date: date(2031, 3, 17),
    datetime: datetime.fromisoformat("2031-03-17T15:05:00+00:00"),
    Decimal: Decimal("987654.32"),
}
CANARY_TRACES = re.compile(r"CANARY|2031|Mar(\.|ch)? 17|17 de mar|987.?654|\b1[01]:05\b")


# -- what may be said where -----------------------------------------------------------------------


@by_language
@by_type
@pytest.mark.req("H-10")
def test_h10_what_is_clinical_or_financial_is_read_in_the_portal_and_nowhere_else(cls, language):
    payload = changed(cls.example(), CANARY, level=Level.L2)
    assert not CANARY_TRACES.search(everything_said(payload, language=language))


@pytest.mark.parametrize("trace", ["CANARY", "17, 2031", "$987,654.32"])
def test_the_canaries_do_sing_in_the_portal(trace):
    payloads = [changed(cls.example(), CANARY, level=Level.L2) for cls in TYPES]
    messages = [message_for(payload=payload, profile=profile("en"))[1] for payload in payloads]
    assert len([message for message in messages if trace in message]) >= 3


@by_language
@by_type
@pytest.mark.req("H-10")
def test_h10_when_where_and_who_are_not_said_to_an_address_nobody_verified(cls, language):
    payload = changed(cls.example(), CANARY)
    neutral = everything_said(payload, language=language, level=Level.L0)
    assert not CANARY_TRACES.search(neutral)
    assert "Main Street Dental" not in neutral
    assert "555-0100" not in neutral
    assert str(cls.title) not in neutral


@by_channel
@by_language
@pytest.mark.req("H-10")
def test_h10_the_neutral_words_are_the_same_for_every_type(channel, language):
    words = [said(cls.example(), channel, language=language, level=Level.L0) for cls in TYPES]
    assert all(each == words[0] for each in words)


@by_language
@pytest.mark.req("H-10")
def test_h10_subjects_and_pushes_are_one_line_for_every_type_and_every_patient(language):
    lines = {
        (content.get("email_subject.txt"), content.get("push.txt"))
        for cls in TYPES
        for payload in (cls.example(), longest(cls))
        for channel in OUTSIDE
        for content in [said(payload, channel, language=language)]
    }
    subjects, pushes = (
        {line for line in lines_of if line} for lines_of in zip(*lines, strict=True)
    )
    assert len(subjects) == len(pushes) == 1
    assert not PRIVATE_WORDS.search(" ".join(subjects | pushes))


@by_language
@by_type
@pytest.mark.req("H-10")
def test_h10_a_title_is_a_constant_and_names_nothing_clinical_or_financial(cls, language):
    titles = {
        message_for(payload=payload, profile=profile(language))[0]
        for payload in (cls.example(), longest(cls), changed(cls.example(), CANARY))
    }
    assert len(titles) == 1
    assert not PRIVATE_WORDS.search(titles.pop())


# -- every message --------------------------------------------------------------------------------


@by_language
@by_type
def test_every_message_has_words_of_its_own_in_the_portal(cls, language):
    _title, message = message_for(payload=cls.example(), profile=profile(language))
    with translation.override(language):
        nothing = translation.gettext("You have a new message. Open it to see more.")
    assert message and nothing not in message
    assert message == message.strip()
    assert "\n\n" not in message and "  " not in message
    assert not re.search(r"None|\{\{|%\(|  |\.\.$| ,", message)


@by_language
@by_type
def test_a_practice_without_a_phone_still_writes_whole_sentences(cls, language):
    has_phone = "location_phone" in cls.field_names()
    payload = dataclasses.replace(cls.example(), **{"location_phone": ""} if has_phone else {})
    silent = PRACTICE | {"phone": ""}
    _title, message = message_for(payload=payload, profile=profile(language, **silent))
    outside = [said(payload, channel, language=language, practice=silent) for channel in OUTSIDE]
    for text in [message, *(text for content in outside for text in content.values())]:
        assert not re.search(
            r"\b(?<!a )(call|at|by|llame|llámenos|al)\s*([.,<]|$)", text, re.MULTILINE
        )


@by_language
@by_type
@pytest.mark.req("R-10")
def test_r10_no_message_names_a_day_by_its_distance(cls, language):
    payload = cls.example()
    _title, message = message_for(payload=payload, profile=profile(language))
    assert not RELATIVE.search(message)
    assert not RELATIVE.search(everything_said(payload, language=language))


@by_channel
@by_language
@by_type
def test_every_link_leads_to_the_portal(cls, language, channel):
    for payload in (cls.example(), longest(cls)):
        for text in said(payload, channel, language=language).values():
            assert set(re.findall(r"https?://[^/\s\"'<>]+", text)) <= {HOST}
            assert not re.search(r"url\(|@import|\ssrc=", text)


# -- texts ----------------------------------------------------------------------------------------

SMS = PatientNotificationChannel.known("sms")
EMAIL = PatientNotificationChannel.known("email")


@by_language
@by_type
@pytest.mark.req("M-03")
def test_m03_every_text_is_one_segment_with_the_longest_names(cls, language):
    for level in (Level.L0, Level.L1):
        for payload, practice in ((cls.example(), PRACTICE), (longest(cls), LONG_PRACTICE)):
            [text] = said(payload, SMS, language=language, level=level, practice=practice).values()
            assert segments(text) == 1, (len(text), text)


def ways(payload):
    """Yield a payload in each way its text may branch: yes and no, with and without a number."""
    switches = [name for name in payload.field_names() if isinstance(getattr(payload, name), bool)]
    numbers = [name for name in payload.field_names() if name.endswith("_phone")]
    for chosen in product((True, False), repeat=len(switches)):
        for number in (LONG_NUMBER, ""):
            values = dict.fromkeys(numbers, number) | dict(zip(switches, chosen, strict=True))
            yield number, dataclasses.replace(payload, **values)


@by_language
@by_type
@pytest.mark.req("M-03")
def test_m03_no_accent_or_dash_in_a_name_makes_any_text_two(cls, language):
    """An acute a, i, o or u, and a curly quote, would leave 70 places instead of 160."""
    named = changed(cls.example(), LONG | {str: ACCENTED}, level=Level.L1)
    for number, payload in ways(named):
        names = {"practice_name": ACCENTED, "public_name": ACCENTED, "phone": number}
        practice = LONG_PRACTICE | names
        [text] = said(payload, SMS, language=language, practice=practice).values()
        assert text.startswith('Clinica "Ñandu" '), text
        assert segments(text) == 1, (len(text), text)
        assert text.count("STOP") == 1


@by_language
@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.req("M-03")
def test_m03_every_answer_to_a_text_is_one_segment(name, language):
    names = {"practice_name": ACCENTED, "public_name": ACCENTED, "phone": LONG_NUMBER}
    text = to_gsm7(render_reply(name=name, profile=profile(language, **names)))
    assert segments(text) == 1, (len(text), text)


@by_language
@by_type
@pytest.mark.req("M-05")
def test_m05_every_text_says_who_writes_and_how_to_opt_out_and_asks_for_no_such_word(cls, language):
    for level, name in ((Level.L0, "Main Street"), (Level.L1, "Main Street")):
        [text] = said(cls.example(), SMS, language=language, level=level).values()
        assert text.startswith(name)
        assert text.count("STOP") == 1
        assert text.index("STOP") > len(text) - 45
        assert not OPT_OUT_WORDS.search(text)


# -- e-mails --------------------------------------------------------------------------------------


NEUTRAL = "You have a new message from %(public_name)s. Sign in to read it."


def translation_of(words: str, language: str) -> str:
    with translation.override(language):
        return translation.gettext(words) % PRACTICE if "%" in words else translation.gettext(words)


def read_aloud(part: str) -> list[str]:
    """Return the words a part of a mail shows below the letterhead: no tags, links or dividers."""
    shown = part.split('<h1 id="lead">')[-1]
    return re.sub(rf"<[^>]+>|{HOST}\S*|[|:]|--", " ", unescape(shown)).split()


@by_language
@by_type
@pytest.mark.req("A-11")
def test_a11_both_parts_of_an_email_say_the_same_in_the_patients_language(cls, language):
    for level, pages in product((Level.L0, Level.L1), ("", "/for/1")):
        practice = PRACTICE | {"pages": pages}
        mail = said(cls.example(), EMAIL, language=language, level=level, practice=practice)
        assert read_aloud(mail["email.html"]) == read_aloud(mail["email.txt"])
        assert mail["email.txt"].startswith(translation_of(NEUTRAL, language))
        assert "<" not in mail["email.txt"]


@by_language
@by_type
@pytest.mark.req("A-11")
def test_a11_a_mail_shows_an_inbox_the_neutral_sentence_and_only_spaces_after_it(cls, language):
    html = said(cls.example(), EMAIL, language=language)["email.html"]
    assert f'<html lang="{language}" dir="ltr">' in html
    [title] = re.findall("<title>(.*)</title>", html)
    assert title == said(cls.example(), EMAIL, language=language)["email_subject.txt"]
    [ahead] = re.findall(r'<div class="preheader"[^>]*>(.*?)</div>', html, flags=re.S)
    first, rest = unescape(ahead).strip().split(". ", 1)[0], ahead.split(".")[-1]
    assert translation_of(NEUTRAL, language).startswith(first)
    assert len(unescape(rest)) > 200 and not re.search(r"\w", unescape(rest))


def test_a_mail_in_a_language_that_is_written_from_the_right_runs_from_the_right():
    html = said(TYPES[0].example(), EMAIL, language="ar")["email.html"]
    assert html.count('lang="ar" dir="rtl"') == 2 and 'dir="ltr"' in html  # the address in it


@by_type
@pytest.mark.req("H-10")
def test_h10_a_mail_names_the_kind_of_message_only_where_that_is_not_private(cls):
    told = said(cls.example(), EMAIL, language="en")["email.txt"]
    neutral = said(cls.example(), EMAIL, language="en", level=Level.L0)["email.txt"]
    is_open = cls.category in (Category.APPOINTMENTS, Category.PRACTICE_NEWS, Category.ACCOUNT)
    assert (f"Why you got this: “{cls.label}” is" in told) == is_open
    assert str(cls.label) not in neutral


@by_language
@by_type
@pytest.mark.req("M-11")
def test_m11_every_email_says_who_writes_from_where_and_how_to_leave(cls, language):
    mail = said(cls.example(), EMAIL, language=language)
    for part in ("email.txt", "email.html"):
        assert "1 Main St, Springfield" in mail[part]
        assert LINKS["unsubscribe_url"] in mail[part]
        assert LINKS["settings_url"] in mail[part]


# -- what a type says of itself -------------------------------------------------------------------


@by_type
@pytest.mark.req("H-22")
def test_h22_every_type_says_where_it_belongs_and_how_it_behaves(cls):
    assert cls.category in Category.values
    assert cls.purpose in Purpose.values
    assert cls.priority in PatientNotificationPriority.values
    assert "in_app" in cls.locked and "in_app" in cls.channels
    assert set(cls.channels) | set(cls.locked) <= set(PatientNotificationChannel.values)
    assert (ROOT / "templates" / "icons" / f"{cls.icon}.svg").is_file()


@pytest.mark.req("M-10")
def test_m10_marketing_goes_nowhere_until_a_patient_asks_and_all_else_is_mailed():
    marketing = {cls.type_key for cls in TYPES if cls.purpose == Purpose.MARKETING}
    assert marketing == {"general_announcement", "patient_reactivation", "review_request"}
    for cls in TYPES:
        if cls.type_key in marketing:
            assert (cls.channels, cls.locked) == (("in_app",), ("in_app",))
        else:
            assert "email" in cls.channels


def test_texts_and_pushes_are_on_by_default_for_what_changes_or_nears_and_nothing_else():
    loud = {cls.type_key for cls in TYPES if {"sms", "push"} & set(cls.channels)}
    visits = {cls.type_key for cls in TYPES if cls.type_key.startswith("appointment_")}
    assert loud == visits | {"opening_offer"}


@by_type
@pytest.mark.req("P-35")
def test_p35_every_title_and_label_has_its_spanish(cls):
    for words in (cls.title, cls.label):
        spanish = translation_of(str(words), "es")
        assert spanish and spanish != str(words)


@pytest.mark.parametrize("language", ["en", "es"])
def test_no_two_types_go_by_the_same_label(language):
    with translation.override(language):
        labels = [str(cls.label) for cls in TYPES]
    assert len(set(labels)) == len(labels)


@by_type
def test_every_payload_survives_storage_and_shows_the_api_nothing_private(cls):
    for payload in (cls.example(), longest(cls)):
        stored = json.loads(json.dumps(payload.dump()))
        assert cls.load(stored) == payload
        assert json.loads(json.dumps(payload.metadata())) == payload.metadata()
    levels = {field.name: field.metadata["level"] for field in dataclasses.fields(cls)}
    assert not [name for name in cls.metadata_fields if levels[name] == Level.L2]


@by_type
def test_an_example_is_still_worth_sending(cls, db):
    example = cls.example()
    assert cls.irrelevant([example]) == set()


# -- the page about types -------------------------------------------------------------------------


def row_of(cls) -> str:
    """Return the row of docs/types.md that tells how a type behaves."""
    names = {"in_app": "in-app", "email": "e-mail", "sms": "text", "push": "push"}
    order = list(names)

    def named(keys) -> str:
        return (
            "all"
            if len(keys) == 4
            else ", ".join(names[key] for key in sorted(keys, key=order.index))
        )

    own = [
        "L1" if (ROOT / "templates/notifications" / cls.type_key / part).exists() else "L0"
        for part in ("email.txt", "sms.txt")
    ]
    cells = [
        f"`{cls.type_key}`",
        Category(cls.category).label.lower(),
        Purpose(cls.purpose).label.lower(),
    ]
    return (
        "| " + " | ".join(map(str, [*cells, named(cls.channels), named(cls.locked), *own])) + " |"
    )


@by_type
def test_the_page_about_types_tells_how_each_one_behaves(cls):
    assert row_of(cls) in (ROOT / "docs" / "types.md").read_text().splitlines()

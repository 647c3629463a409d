"""What a text costs: an accent nobody needs would make it twice as dear, or cut it in two."""

import dataclasses
import re
from datetime import datetime

import pytest

from notifications.channels.sms import Sms
from notifications.enums import Level, PatientNotificationType
from notifications.rendering import render, render_code
from notifications.segments import segments, to_gsm7
from notifications.types import PatientProfile


@pytest.mark.req("M-03")
@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("Main Street Dental: Nov 24", "Main Street Dental: Nov 24"),
        ("Dr. O’Neill said “hello” — twice…", 'Dr. O\'Neill said "hello" - twice...'),
        ("sáb 28 de nov, Dra. Peña", "sab 28 de nov, Dra. Peña"),
        ("mié 25: José Núñez-Ángel, ¿vendrá?", "mié 25: José Nuñez-Angel, ¿vendra?"),
        ("Dr. Łukasz Çelik, Françoise", "Dr. Lukasz Çelik, Francoise"),
        ("Dr. Nguyễn Thị Ánh", "Dr. Nguyen Thi Anh"),
        ("See you 😀 soon 👍🏽", "See you soon"),
        ("Family 👨‍👩‍👧 Dental ❤️", "Family Dental"),
        ("9:30\u202fAM\u00a0EST\u200b", "9:30 AM EST"),
        ("Pen\u0303a and Mu\u0308ller", "Peña and Müller"),
        ("Suite ½, № 3, Smile™", "Suite 1/2, No 3, SmileTM"),
        ("Costs 40 € [each] {or} ~50", "Costs 40 € [each] {or} ~50"),
        ("line\tone\x00", "line one"),
        ("", ""),
    ],
)
def test_a_text_is_written_with_the_letters_every_phone_has(written, sent):
    assert to_gsm7(written) == sent
    assert to_gsm7(sent) == sent


@pytest.mark.parametrize("text", ["Доктор Иванов", "李医生 “10:30”", "د. سلمى", "Δρ. Γεωργίου"])
def test_another_script_stays_as_it_was_written(text):
    assert to_gsm7(text) == text


@pytest.mark.req("M-03")
@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("a", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 80 + "a", 2),
        ("ñ" * 160, 1),
        ("á" * 70, 1),
        ("á" * 71, 2),
        ("á" * 134, 2),
        ("á" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
    ],
)
def test_a_text_is_billed_in_segments(text, count):
    assert segments(text) == count


def test_a_letter_of_two_places_is_not_cut_in_two():
    # 152 letters leave one place in the first part: the euro sign moves to the second.
    assert segments("a" * 152 + "€" + "a" * 151) == 2
    assert segments("a" * 152 + "€" + "a" * 152) == 3


# -- the texts about visits, with the longest names ---------------------------------------------

ABOUT_VISITS = [
    ("appointment_confirmed", {}),
    ("appointment_reminder", {"asks_to_confirm": True}),
    ("appointment_reminder", {"asks_to_confirm": False}),
    ("appointment_rescheduled", {}),
    ("appointment_cancelled", {}),
    ("appointment_cancelled", {"location_phone": ""}),
]
# What carriers take for an opt-out or an opt-in, in both languages: never asked for.
BANNED = re.compile(r"\b(CANCEL|END|QUIT|YES|UNSUBSCRIBE|START|SI|SÍ|CANCELAR|ALTO)\b")
LINKS = {"short_url": "https://notify.springfield-family-dental.example/m"}
by_visit = pytest.mark.parametrize(("type_key", "fields"), ABOUT_VISITS)
by_language = pytest.mark.parametrize("language", ["en", "es"])


def profile(language, **changes):
    usual = {
        "language": language,
        "practice_name": "Clínica Dental “The Ångström Family” of Springfield — Main Street",
        "public_name": "Clínica Dental “The Ångström Family” of Springfield — Main Street",
        "phone": "+1 (212) 555-0100 x 1234",
    }
    return PatientProfile(**usual | changes)


def longest(type_key, **fields):
    """A visit on the day, at the hour and in the zone that take the most letters."""
    return dataclasses.replace(
        PatientNotificationType.known(type_key).example(),
        appointment_date=datetime.fromisoformat("2026-09-30T12:30:00-08:00"),
        location_zone="America/Anchorage",
        provider_name="Dra. Maximiliana Núñez-Featherstonehaugh",
        location_name="Main Street and Riverside Medical Center, Building 4",
        **{"location_phone": "+1 (212) 555-0100 x 1234"} | fields,
    )


def text_of(payload, language, *, level=Level.L1, **changes):
    content = render(
        payload=payload,
        parts=("sms.txt",),
        level=level,
        profile=profile(language, **changes),
        links=LINKS,
    )
    return Sms().prepare(content)["sms.txt"]


@pytest.mark.req("M-03")
@by_language
@by_visit
def test_a_text_about_a_visit_with_the_longest_names_is_sent_as_it_is(type_key, fields, language):
    text = text_of(longest(type_key, **fields), language)
    assert Sms().fits({"sms.txt": text}), (len(text), text)
    assert text.startswith('Clinica Dental "The Ångstr'), text
    assert "12:30 PM AKDT" in text
    assert text.endswith(("STOP to opt out.", "STOP para salir."))


@pytest.mark.req("M-03")
@by_language
def test_the_neutral_text_and_the_code_fit_with_the_longest_names(language):
    neutral = text_of(longest("appointment_reminder"), language, level=Level.L0)
    parts = {"parts": ("sms.txt",), "code": "123456", "profile": profile(language)}
    code = Sms().prepare(render_code(**parts))["sms.txt"]
    for text in (neutral, code):
        assert segments(text) == 1, (len(text), text)
        assert "STOP" in text
    assert LINKS["short_url"] in neutral
    assert "123456" in code


@pytest.mark.req("M-05")
@by_language
@by_visit
def test_a_patient_answers_with_a_number_and_never_with_a_word_that_ends_texts(
    type_key, fields, language
):
    text = text_of(longest(type_key, **fields), language)
    assert not BANNED.search(text)
    assert text.count("STOP") == 1
    assert bool(re.search(r"\b1\b.*\b2\b", text)) == bool(fields.get("asks_to_confirm"))


def test_the_usual_text_says_who_where_and_when_without_a_letter_missing():
    visit = dataclasses.replace(
        PatientNotificationType.known("appointment_reminder").example(),
        appointment_date=datetime.fromisoformat("2026-11-24T09:30:00-05:00"),
    )
    assert text_of(visit, "en", practice_name="Main Street Dental") == (
        "Main Street Dental: your visit is Tue, Nov 24 at 9:30 AM EST, Dr. Lee, Main Street. "
        "Reply 1 to confirm, 2 for a call. STOP to opt out."
    )
    assert text_of(visit, "es", practice_name="Main Street Dental") == (
        "Main Street Dental: cita mar 24 de nov a las 9:30 AM EST, Dr. Lee, Main Street. "
        "Responda 1 para confirmar, 2 y le llamamos. STOP para salir."
    )


def test_a_place_without_a_name_or_a_number_leaves_no_hole_in_the_sentence():
    visit = longest("appointment_rescheduled")
    nameless = dataclasses.replace(visit, location_name="")
    assert ", ." not in text_of(nameless, "en")
    cancelled = longest("appointment_cancelled", location_phone="")
    assert "call" not in text_of(cancelled, "en", phone="")

"""What every type of message says, on each channel, at each level and in each language."""

import dataclasses
import re
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from django.utils import translation

from notifications.enums import Level, PatientNotificationType
from notifications.rendering import message_for, render
from notifications.types import PatientProfile

TYPES = PatientNotificationType.classes()
OURS = [cls for cls in TYPES if cls.__module__.startswith("portal.")]
LANGUAGES = ("en", "es")
VISITS = [cls for cls in OURS if cls.type_key.startswith("appointment_")]
MAIL = ("email_subject.txt", "email.txt", "email.html")
# GSM 03.38, the basic set and its extension: what one text of 160 places may hold.
GSM_7 = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
RELATIVE = re.compile(r"\b(today|tomorrow|yesterday|hoy|mañana|ayer)\b", re.IGNORECASE)
LINKS = {
    "view_url": "https://portal.example.com/notifications/1/",
    "settings_url": "https://portal.example.com/notifications/settings/",
    "unsubscribe_url": "https://portal.example.com/unsubscribe/x/",
    "short_url": "https://portal.example.com/m",
    "why": "Why you got this.",
}

by_type = pytest.mark.parametrize("payload_class", OURS, ids=lambda cls: cls.type_key)
by_visit = pytest.mark.parametrize("payload_class", VISITS, ids=lambda cls: cls.type_key)
by_language = pytest.mark.parametrize("language", LANGUAGES)


def profile(language="en", **changes) -> PatientProfile:
    usual = {
        "zone": "America/New_York",
        "language": language,
        "practice_name": "Main Street Dental",
        "public_name": "Main Street",
        "phone": "(555) 555-0100",
    }
    return PatientProfile(**usual | changes)


def said_outside(payload, *, language="en", level=Level.L1, parts=(*MAIL, "sms.txt"), **changes):
    return render(
        payload=payload,
        parts=parts,
        level=level,
        profile=profile(language, **changes),
        links=LINKS,
    )


CODES = ("_zone", "ladder")  # words of ours that nobody reads


def with_canaries(payload):
    """Return the payload with an unmistakable word in each text field, and those words."""
    words = {
        field.name: f"CANARY{number}"
        for number, field in enumerate(dataclasses.fields(payload))
        if isinstance(getattr(payload, field.name), str) and not field.name.endswith(CODES)
    }
    return dataclasses.replace(payload, **words), words


def level_of(payload, name: str) -> Level:
    return type(payload).__dataclass_fields__[name].metadata["level"]


@by_type
def test_an_example_needs_no_database_and_survives_storage(payload_class):
    example = payload_class.example()
    assert payload_class.load(example.dump()) == example
    assert set(example.metadata()) == set(payload_class.metadata_fields)


@by_type
def test_a_new_field_never_breaks_a_plan_stored_before_it(payload_class):
    example = payload_class.example()
    needed = {
        field.name for field in dataclasses.fields(example) if field.default is dataclasses.MISSING
    }
    old = {name: value for name, value in example.dump().items() if name in needed}
    assert payload_class.load(old | {"gone_since": "x"}).dump().keys() == example.dump().keys()


@by_language
@by_type
@pytest.mark.req("H-10")
def test_h10_nothing_clinical_leaves_the_portal(payload_class, language):
    payload, words = with_canaries(payload_class.example())
    content = said_outside(payload, language=language)
    private = [word for name, word in words.items() if level_of(payload, name) == Level.L2]
    for part, text in content.items():
        assert not [word for word in private if word in text], part


@by_language
@by_type
@pytest.mark.req("H-10")
def test_h10_the_neutral_sentence_is_the_same_for_every_type(payload_class, language):
    payload, words = with_canaries(payload_class.example())
    content = said_outside(payload, language=language, level=Level.L0, parts=(*MAIL, "push.txt"))
    for part, text in content.items():
        assert not [word for word in words.values() if word in text], part
        assert str(payload_class.title) not in text
        assert "Main Street Dental" not in text


@by_language
@by_type
@pytest.mark.req("H-10")
def test_h10_subjects_and_titles_are_constant(payload_class, language):
    plain, (changed, words) = payload_class.example(), with_canaries(payload_class.example())
    subjects = {
        said_outside(payload, language=language)["email_subject.txt"]
        for payload in (plain, changed)
    }
    assert len(subjects) == 1
    title, _message = message_for(payload=changed, profile=profile(language))
    assert title and not [word for word in words.values() if word in title]


@by_type
@pytest.mark.req("H-10")
def test_h10_no_title_names_a_treatment_or_a_sum(payload_class):
    english = "result|lab|x-ray|treat|recall|pay|bill|insur|prescri|receipt|gum|clean|owe|due|cost"
    spanish = "resultado|trata|pago|pagar|factura|seguro|receta|recibo|encía|limpieza|debe|costo"
    for language in LANGUAGES:
        with translation.override(language):
            title = str(payload_class.title)
        assert not re.search(f"{english}|{spanish}", title, re.IGNORECASE)


@by_language
@by_type
def test_the_signed_in_patient_reads_everything_the_message_holds(payload_class, language):
    payload, words = with_canaries(payload_class.example())
    title, message = message_for(payload=payload, profile=profile(language))
    hidden = {"location_phone", "location_address", "location_name", "appointment_reason"}
    over = {"appointment_cancelled", "appointment_missed"}  # where and why no longer help
    optional = hidden if payload_class.type_key in over else set()
    missing = [name for name, word in words.items() if word not in message]
    assert set(missing) <= optional
    assert message == message.strip()
    assert "\n\n" not in message


@by_language
@by_type
@pytest.mark.req("R-10")
def test_r10_texts_name_the_day_and_never_say_tomorrow(payload_class, language):
    payload = payload_class.example()
    _title, message = message_for(payload=payload, profile=profile(language))
    for text in [message, *said_outside(payload, language=language).values()]:
        assert not RELATIVE.search(text)


@by_visit
def test_a_visit_is_told_by_the_clock_where_it_takes_place(payload_class):
    visit = dataclasses.replace(
        payload_class.example(),
        appointment_date=datetime.fromisoformat("2026-11-24T14:30:00+00:00"),
        location_zone="America/Denver",
    )
    _title, message = message_for(payload=visit, profile=profile())
    content = said_outside(visit)
    for text in (message, content["email.txt"], content["email.html"], content["sms.txt"]):
        assert "Tue, Nov 24 at 7:30 AM MST" in text


@by_language
@by_visit
@pytest.mark.req("M-03")
def test_m03_a_text_about_a_visit_is_one_segment_even_with_long_names(payload_class, language):
    visit = dataclasses.replace(
        payload_class.example(),
        appointment_date=datetime.fromisoformat("2026-11-25T17:30:00+00:00"),
        provider_name="Dr. Maximiliana Featherstonehaugh-Wolfe",
        location_name="Main Street and Riverside Medical Center, Building 4",
        location_phone="+1 (555) 555-0100",
    )
    text = said_outside(
        visit, language=language, parts=("sms.txt",), practice_name="The Family Dental Group " * 3
    )["sms.txt"]
    assert len(text) <= 160, text
    assert set(text) <= GSM_7, set(text) - GSM_7
    assert "STOP" in text


@by_visit
@pytest.mark.req("M-05")
def test_m05_no_text_asks_for_a_word_that_carriers_take_for_an_opt_out(payload_class):
    text = said_outside(payload_class.example(), parts=("sms.txt",))["sms.txt"]
    assert not re.search(r"\b(CANCEL|END|QUIT|YES)\b", text)
    assert text.count("STOP") == 1


def test_a_name_is_shown_as_written_in_a_text_and_escaped_in_a_page():
    visit = dataclasses.replace(VISITS[0].example(), provider_name="Dr. O'Neill & <Sons>")
    content = said_outside(visit)
    assert "Dr. O'Neill & <Sons>" in content["email.txt"]
    assert "Dr. O&#x27;Neill &amp; &lt;Sons&gt;" in content["email.html"]


@by_visit
def test_the_founding_call_with_three_fields_still_makes_a_message(payload_class):
    visit = payload_class(
        appointment_id=UUID(int=7),
        appointment_date=datetime.fromisoformat("2026-11-24T09:30:00-05:00"),
        provider_name="Dr. Lee",
    )
    _title, message = message_for(payload=visit, profile=profile())
    assert "Dr. Lee" in message
    assert "Where" not in message


def test_a_title_or_a_message_is_refused_with_the_reason():
    for name in ("title", "message"):
        with pytest.raises(TypeError, match=name):
            VISITS[0](**{name: "Root canal at noon"})


def test_a_result_shows_the_day_it_was_taken_in_the_patients_language():
    results = PatientNotificationType.known("lab_results")
    payload = dataclasses.replace(results.example(), taken_on=date(2026, 11, 18))
    assert "Nov 18, 2026" in message_for(payload=payload, profile=profile())[1]
    assert "18 de noviembre de 2026" in message_for(payload=payload, profile=profile("es"))[1]


def test_a_reminder_expires_half_an_hour_before_the_visit():
    reminder = PatientNotificationType.known("appointment_reminder").example()
    assert reminder.appointment_date - reminder.expires_at() == timedelta(minutes=30)


def test_only_a_reminder_that_asks_offers_an_answer():
    reminder = PatientNotificationType.known("appointment_reminder").example()
    assert reminder.actions() == ("confirm",)
    assert dataclasses.replace(reminder, asks_to_confirm=False).actions() == ()


def test_what_changes_a_visit_cannot_be_turned_off_in_app_or_by_email():
    locked = {cls.type_key for cls in OURS if set(cls.locked) >= {"in_app", "email"}}
    assert locked == {"appointment_cancelled", "appointment_rescheduled", "system_alert"}


def test_a_moved_visit_names_the_old_time_in_its_own_zone():
    moved = dataclasses.replace(
        PatientNotificationType.known("appointment_rescheduled").example(),
        appointment_date=datetime.fromisoformat("2026-11-24T14:30:00+00:00"),
        previous_date=datetime.fromisoformat("2026-11-23T16:00:00+00:00"),
        location_zone="America/New_York",
        previous_zone="America/Denver",
    )
    _title, message = message_for(payload=moved, profile=profile())
    assert "now on Tue, Nov 24 at 9:30 AM EST" in message
    assert "no longer on Mon, Nov 23 at 9:00 AM MST" in message


# -- the recipe ----------------------------------------------------------------------------------


@pytest.fixture
def recipe(tmp_path, settings):
    """The type that docs/types.md adds, with its text, for as long as a test lasts."""
    page = (settings.BASE_DIR / "docs" / "types.md").read_text()
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    text = re.search(r"in_app\.txt`:\n\n```\n(.*?)```", page, re.DOTALL)[1]
    folder = tmp_path / "notifications" / "estimate_ready"
    folder.mkdir(parents=True)
    (folder / "in_app.txt").write_text(text)
    settings.TEMPLATES = [
        {**settings.TEMPLATES[0], "DIRS": [tmp_path, *settings.TEMPLATES[0]["DIRS"]]}
    ]
    module = {"__name__": "portal.notification_types.estimate_ready"}
    exec(compile(code, "docs/types.md", "exec"), module)
    yield module["EstimateReadyPayload"]
    PatientNotificationType.unregister("estimate_ready")


def test_the_recipe_of_the_documentation_makes_a_type(recipe):
    assert "estimate_ready" in PatientNotificationType
    example = recipe.example()
    assert recipe.load(example.dump()) == example
    title, message = message_for(payload=example, profile=profile())
    assert (title, message) == ("A paper for you to look at", "It would cost about $45.00.")
    outside = "".join(said_outside(example).values())
    assert "45" not in outside.replace(LINKS["view_url"], "")
    assert "new message" in outside


def test_the_documentation_lists_every_type_with_its_title(settings):
    page = (settings.BASE_DIR / "docs" / "types.md").read_text()
    for cls in OURS:
        assert f"| `{cls.type_key}` | {cls.title} |" in page

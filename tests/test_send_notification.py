"""`manage.py send_notification`: one message to one patient, from a terminal."""

import json

import pytest
from django.core.management import CommandError, call_command

from notifications.enums import PatientNotificationType
from notifications.services import patient_notification_service
from tests.conftest import make_patient

pytestmark = pytest.mark.django_db


@pytest.fixture
def send(capsys, ana):
    def run(*words, patient="ana@example.com", type_key="message_from_provider") -> str:
        call_command("send_notification", "--patient", patient, "--type", type_key, *words)
        return capsys.readouterr().out.strip()

    return run


def messages(patient) -> list:
    return patient_notification_service.inbox(patient_id=patient.pk).items


def test_the_example_fills_what_is_not_said(send, ana):
    printed = send()
    (row,) = messages(ana)
    assert printed == str(row.pk)
    assert row.title == "A message from your care team"
    assert "Dr. Lee wrote:" in row.message


@pytest.mark.parametrize("type_key", PatientNotificationType.values)
@pytest.mark.parametrize("language", ["en", "es"])
def test_every_type_can_be_tried_by_its_name_alone(send, ana, ben, language, type_key):
    ana.language = language
    ana.save()
    said = json.loads(send("--json", type_key=type_key))
    (row,) = messages(ana)
    assert said["id"] == str(row.pk)
    assert row.type == said["type"] == type_key
    assert row.title and row.message
    assert row.language == language
    assert messages(ben) == []


def test_fields_priority_and_key_are_taken(send, ana):
    words = ("--field", "provider_name=Dr. Novak", "--field", "text=Call me = now")
    first = send(*words, "--priority", "urgent", "--key", "once")
    again = send(*words, "--key", "once")
    (row,) = messages(ana)
    assert first == again == str(row.pk)
    assert row.message == "Dr. Novak wrote:\nCall me = now"
    assert row.priority == "urgent"


def test_times_are_read_with_their_zone(send, ana):
    date = "appointment_date=2031-03-04T16:00:00-07:00"
    zone = "location_zone=America/Denver"
    send("--field", date, "--field", zone, type_key="appointment_reminder")
    assert "Tue, Mar 4 at 4:00 PM MST" in messages(ana)[0].message


def test_json_says_what_was_made_and_nothing_private(send, ana):
    said = json.loads(send("--json"))
    row = messages(ana)[0]
    assert said["id"] == str(row.pk)
    assert said["type"] == "message_from_provider"
    assert "X-ray" not in json.dumps(said)


def test_a_patient_is_found_whatever_the_case_of_the_email(send, ana):
    send(patient=" Ana@Example.COM")
    assert len(messages(ana)) == 1


def test_a_child_is_found_by_the_only_email_on_file(send, location, ana):
    child = make_patient("child-1", "Sam", location)
    child.email = "sam@example.com"
    child.save()
    send(patient="sam@example.com")
    assert len(messages(child)) == 1
    assert messages(ana) == []


def test_an_email_that_two_share_is_not_guessed(send, location):
    for name in ("one", "two"):
        child = make_patient(f"{name}@example.com", name, location)
        child.email = "both@example.com"
        child.save()
    with pytest.raises(CommandError, match="Several patients share"):
        send(patient="both@example.com")


@pytest.mark.parametrize(
    ("words", "options", "said"),
    [
        ((), {"patient": "nobody@example.com"}, "no patient with the e-mail nobody@example.com"),
        ((), {"type_key": "appointment_remainder"}, r"known are: .*appointment_reminder"),
        (("--priority", "asap"), {}, "known are: low, medium, high, urgent"),
        (("--field", "txt=Hello"), {}, "has no field 'txt'; known are: provider_name, text"),
        (("--field", "text"), {}, "takes name=value"),
        (("--field", "title=Hello"), {}, "title is constant"),
        (("--field", "message=Hello"), {}, "rendered from the type's template"),
        (
            ("--field", "appointment_date=tomorrow"),
            {"type_key": "appointment_reminder"},
            "--field appointment_date",
        ),
        (
            ("--field", "appointment_date=2031-03-04T16:00"),
            {"type_key": "appointment_reminder"},
            "has no zone",
        ),
        (
            ("--field", "appointment_id=7"),
            {"type_key": "appointment_reminder"},
            "--field appointment_id",
        ),
    ],
)
def test_what_is_not_known_is_refused_by_name_and_nothing_is_sent(send, ana, words, options, said):
    with pytest.raises(CommandError, match=said):
        send(*words, **options)
    assert messages(ana) == []


@pytest.mark.parametrize(
    "field", ["location_zone=Mars/Olympus", "appointment_date=9999-12-31T23:59-12:00"]
)
def test_what_no_text_can_name_is_refused_in_a_sentence(send, ana, field):
    with pytest.raises(CommandError, match="This message cannot be written"):
        send("--field", field, type_key="appointment_reminder")
    assert messages(ana) == []


def test_a_sum_that_is_none_is_refused_by_its_field(send, ana):
    with pytest.raises(CommandError, match="--field amount: 'abc' is not a number"):
        send("--field", "amount=abc", type_key="payment_due")
    assert messages(ana) == []

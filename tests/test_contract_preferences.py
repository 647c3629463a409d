"""The preferences over HTTP: the same answer the sender goes by."""

import pytest

from notifications import preferences
from notifications.enums import PatientNotificationType
from tests.contract import HOME, assert_problem, put_json

pytestmark = pytest.mark.django_db

PREFERENCES = f"{HOME}/preferences"
KEYS = [
    "notification_type",
    "email_enabled",
    "sms_enabled",
    "in_app_enabled",
    "push_enabled",
    "available",
    "locked",
]


def test_preferences_are_an_object_keyed_by_type(ana_client):
    answer = ana_client.get(PREFERENCES).json()
    assert list(answer) == PatientNotificationType.values
    for type_key, preference in answer.items():
        assert list(preference)[: len(KEYS)] == KEYS
        assert preference["notification_type"] == type_key


def test_with_no_choice_made_the_api_says_the_defaults_the_sender_goes_by(ana, ana_client):
    shown = ana_client.get(PREFERENCES).json()
    for type_key, held in preferences.effective(patient_id=ana.pk).items():
        assert {key: shown[type_key][f"{key}_enabled"] for key in held.enabled} == held.enabled
    assert shown["lab_results"]["in_app_enabled"] is True


def test_a_channel_can_be_on_and_yet_not_be_available(ana, ana_email, ben, ana_client, ben_client):
    anas, bens = (
        client.get(PREFERENCES).json()["lab_results"] for client in (ana_client, ben_client)
    )
    assert anas["email_enabled"] is bens["email_enabled"] is True
    assert "email" in anas["available"]
    assert "email" not in bens["available"]


def test_some_switches_can_be_put_and_the_rest_stays(ana_client, ben_client):
    answer = put_json(ana_client, f"{PREFERENCES}/lab_results", {"email_enabled": False})
    assert answer.status_code == 200
    assert answer.json()["email_enabled"] is False
    assert answer.json()["in_app_enabled"] is True
    assert ana_client.get(PREFERENCES).json()["lab_results"] == answer.json()
    assert ben_client.get(PREFERENCES).json()["lab_results"]["email_enabled"] is True


def test_all_four_switches_can_be_put_back_as_they_came(ana_client):
    before = ana_client.get(PREFERENCES).json()["lab_results"]
    switches = {key: before[key] for key in before if key.endswith("_enabled")}
    assert put_json(ana_client, f"{PREFERENCES}/lab_results", switches).json() == before


def test_a_locked_switch_is_refused_by_name_and_nothing_is_kept(ana_client):
    asked = {"email_enabled": False, "in_app_enabled": False}
    response = put_json(ana_client, f"{PREFERENCES}/lab_results", asked)
    assert_problem(response, 400, "in_app_enabled")
    assert ana_client.get(PREFERENCES).json()["lab_results"]["email_enabled"] is True


@pytest.mark.parametrize("field", ["fax_enabled", "email", "patient", "is_staff", "consent_at"])
def test_s19_an_unknown_key_is_refused_by_name_and_nothing_is_kept(ana_client, field):
    asked = {"email_enabled": False, field: True}
    body = assert_problem(put_json(ana_client, f"{PREFERENCES}/lab_results", asked), 400, field)
    assert "email_enabled" in body["errors"][field][0]
    assert ana_client.get(PREFERENCES).json()["lab_results"]["email_enabled"] is True


@pytest.mark.parametrize("value", ["true", "false", 1, 0, "on", None, [], {}])
def test_what_is_not_true_or_false_is_refused_by_name(ana_client, value):
    asked = {"email_enabled": value}
    response = put_json(ana_client, f"{PREFERENCES}/lab_results", asked)
    assert_problem(response, 400, "email_enabled")


def test_an_unknown_type_is_not_found_and_the_known_ones_are_named(ana_client):
    response = put_json(ana_client, f"{PREFERENCES}/nonsense", {"email_enabled": True})
    assert "lab_results" in assert_problem(response, 404)["detail"]

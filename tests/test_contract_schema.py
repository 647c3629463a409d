"""The API describes itself: every route, and what is really answered."""

import pytest
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from notifications.api.urls import contract
from tests.contract import HOME, send

pytestmark = pytest.mark.django_db

SCHEMA = "/api/schema/"


def schema_path(pattern):
    return str(pattern.pattern).replace("<uuid:", "{").replace("<str:", "{").replace(">", "}")


def test_anyone_may_read_the_schema_and_it_is_valid_json_openapi(client):
    response = client.get(SCHEMA)
    assert response.headers["Content-Type"].startswith("application/vnd.oai.openapi+json")
    validate_schema(response.json())


def test_the_schema_is_made_without_a_warning(capsys):
    SchemaGenerator().get_schema(request=None, public=True)
    assert "Warning" not in capsys.readouterr().err


def test_every_route_is_described_with_the_errors_it_can_answer(client):
    described = client.get(SCHEMA).json()["paths"]
    for pattern in contract:
        for start in ("/api/", "/api/for/{patient_id}/"):
            for operation in described.pop(start + schema_path(pattern)).values():
                assert set(operation["responses"]) == {"200", "400", "401", "403", "404"}
                assert operation["description"]
    assert not described


def test_the_schema_names_the_very_keys_a_notification_has(ana, ana_client):
    send(ana)
    (shown,) = ana_client.get(HOME).json()
    shapes = ana_client.get(SCHEMA).json()["components"]["schemas"]
    assert list(shapes["PatientNotificationShape"]["properties"]) == list(shown)
    assert shapes["PatientNotificationShape"]["required"] == sorted(shown)


def test_the_schema_names_the_very_keys_a_preference_has(ana_client):
    shown = ana_client.get(f"{HOME}/preferences").json()
    shapes = ana_client.get(SCHEMA).json()["components"]["schemas"]
    assert list(shapes["PreferencesShape"]["properties"]) == list(shown)
    assert list(shapes["PreferenceShape"]["properties"]) == list(shown["lab_results"])

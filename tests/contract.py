"""What the tests of the contract share: sending a message, and reading what the API says."""

from notifications.services import patient_notification_service
from portal.notification_types.lab_results import LabResultsPayload

HOME = "/api/patient-notifications"


def send(patient, payload=None, **options):
    return patient_notification_service.create_notification(
        patient_id=patient.pk, payload=payload or LabResultsPayload.example(), **options
    )


def post_json(client, path, data):
    return client.post(path, data, "application/json")


def put_json(client, path, data):
    return client.put(path, data, "application/json")


def assert_problem(response, status, *fields):
    """The answer is a problem document (RFC 9457) that names these fields and no other."""
    body = response.json()
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert body.keys() >= {"type", "title", "status", "detail", "instance"}
    assert body["status"] == status
    assert list(body.get("errors", {})) == list(fields)
    return body

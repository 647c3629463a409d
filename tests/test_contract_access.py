"""Who may do what over HTTP, and how it is said when they may not."""

from datetime import timedelta
from http.cookies import SimpleCookie
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import resolve
from django.utils import timezone

from notifications.api.urls import contract
from notifications.models import AuditEvent
from notifications.services import patient_notification_service
from portal.models import Guardianship, User
from tests.conftest import signed_in
from tests.contract import HOME, assert_problem, post_json, put_json, send

pytestmark = pytest.mark.django_db

VERBS = ["read", "unread", "dismiss", "archive", "restore", "snooze"]
UNTIL = {"until": "2099-01-01T00:00:00Z"}
PREFERENCES = f"{HOME}/preferences"


NOBODYS = "00000000-0000-7000-8000-000000000000"


def routes(*, start=HOME):
    """Every (method, path) of the contract, with ids of nobody filled in."""
    return [
        ("get", start),
        ("get", f"{start}/preferences"),
        ("put", f"{start}/preferences/lab_results"),
        ("post", f"{start}/read-all"),
        ("post", f"{start}/read-all/{NOBODYS}/undo"),
        *(("post", f"{start}/{NOBODYS}/{verb}") for verb in VERBS),
    ]


def call(client, method, path, data=UNTIL, **headers):
    return getattr(client, method)(path, data, content_type="application/json", headers=headers)


# -- signing in ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), routes())
def test_nobody_signed_in_gets_a_401_that_says_how(client, method, path):
    response = call(client, method, path)
    assert_problem(response, 401)
    assert response.headers["WWW-Authenticate"].startswith("Session")


def test_a_session_that_is_over_is_nobody(ana, ana_client):
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert_problem(ana_client.get(HOME), 401)


def test_a_deactivated_patient_is_nobody(ana, ana_client):
    User.objects.filter(pk=ana.pk).update(is_active=False)
    assert_problem(ana_client.get(HOME), 401)


def test_h04_asking_again_and_again_never_extends_a_session(ana, ana_client):
    before = Session.objects.get().expire_date
    for _ in range(3):
        assert "sessionid" not in ana_client.get(HOME).cookies
        assert "sessionid" not in ana_client.post(f"{HOME}/read-all").cookies
    assert Session.objects.get().expire_date == before


# -- CSRF ---------------------------------------------------------------------------------------


@pytest.fixture
def strict_client(ana):
    """Ana's browser, with the protection tests usually do without."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(ana, backend="django.contrib.auth.backends.ModelBackend")
    client.cookies |= SimpleCookie({"csrftoken": "a" * 32})
    return client


@pytest.mark.parametrize(("method", "path"), [each for each in routes() if each[0] != "get"])
def test_s05_a_change_without_the_csrf_token_is_refused(strict_client, method, path):
    assert_problem(call(strict_client, method, path), 403)
    assert_problem(call(strict_client, method, path, **{"X-CSRFToken": "b" * 32}), 403)


def test_with_the_csrf_token_a_change_is_made(ana, strict_client):
    made = send(ana)
    answer = call(strict_client, "post", f"{HOME}/{made.pk}/read", **{"X-CSRFToken": "a" * 32})
    assert answer.json()["is_read"] is True


def test_a_foreign_page_cannot_make_a_change_even_with_the_token(ana, strict_client):
    made = send(ana)
    foreign = {"X-CSRFToken": "a" * 32, "Origin": "https://evil.example"}
    assert_problem(call(strict_client, "post", f"{HOME}/{made.pk}/read", **foreign), 403)


# -- another patient's --------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_s01_another_patients_id_answers_exactly_as_one_that_does_not_exist(
    ana, ben, ana_client, verb
):
    send(ana)
    hers = send(ben)
    post_json(ana_client, f"{HOME}/{uuid4()}/{verb}", UNTIL)  # the first refusal is noted
    with CaptureQueriesContext(connection) as on_hers:
        refused = post_json(ana_client, f"{HOME}/{hers.pk}/{verb}", UNTIL)
    with CaptureQueriesContext(connection) as on_none:
        unknown = post_json(ana_client, f"{HOME}/{uuid4()}/{verb}", UNTIL)
    assert_problem(refused, 404)
    assert refused.content == unknown.content
    assert refused.headers.items() == unknown.headers.items()
    assert len(on_hers) == len(on_none)
    hers.refresh_from_db()
    assert (hers.read_at, hers.dismissed_at, hers.snoozed_until) == (None, None, None)


def test_s01_a_patient_named_in_the_query_is_ignored(ana, ben, ana_client):
    own = send(ana)
    send(ben)
    (shown,) = ana_client.get(HOME, {"patient": str(ben.pk)}).json()
    assert shown["id"] == str(own.pk)


def test_a_refused_id_is_audited_once_a_minute_without_the_id(ana, ben, ana_client):
    hers = send(ben)
    for _ in range(3):
        ana_client.post(f"{HOME}/{hers.pk}/read")
    denied = AuditEvent.objects.filter(action="denied")
    assert {row.actor for row in denied} == {f"user:{ana.pk}"}
    assert len(denied) in (1, 2)  # two when a minute passed in between
    assert str(hers.pk) not in str(denied[0].details)


# -- guardians ----------------------------------------------------------------------------------


@pytest.fixture
def sam(ana, location):
    """Ana's child, who cannot sign in."""
    child = User.objects.create(username="sam", first_name="Sam", home_location=location)
    Guardianship.objects.create(guardian=ana, patient=child)
    return child


def home_of(patient):
    return f"/api/for/{patient.pk}/patient-notifications"


def test_a_guardian_sees_and_changes_a_childs_notifications_at_the_childs_address(
    ana, sam, ana_client
):
    send(ana)
    made = send(sam)
    (shown,) = ana_client.get(home_of(sam)).json()
    assert shown["id"] == str(made.pk)
    assert ana_client.post(f"{home_of(sam)}/{made.pk}/read").json()["is_read"] is True
    assert_problem(ana_client.post(f"{HOME}/{made.pk}/dismiss"), 404)
    assert ana_client.get(HOME).headers["X-Unread-Count"] == "1"


def test_a_guardian_changes_the_childs_settings_and_not_their_own(ana, sam, ana_client):
    answer = put_json(
        ana_client, f"{home_of(sam)}/preferences/lab_results", {"email_enabled": False}
    )
    assert answer.json()["email_enabled"] is False
    assert ana_client.get(PREFERENCES).json()["lab_results"]["email_enabled"] is True


def test_h06_a_guardians_look_is_audited_and_a_patients_own_is_not(ana, sam, ana_client):
    ana_client.get(HOME)
    assert not AuditEvent.objects.filter(action="viewed").exists()
    ana_client.get(home_of(sam))
    (look,) = AuditEvent.objects.filter(action="viewed")
    assert (look.actor, look.patient_id) == (f"user:{ana.pk}", sam.pk)


@pytest.mark.parametrize("index", range(len(routes())))
def test_nobody_acts_for_a_stranger_whether_there_is_one_or_not(ana, ben, ana_client, index):
    answers = []
    for patient_id in (ben.pk, uuid4()):
        method, path = routes(start=f"/api/for/{patient_id}/patient-notifications")[index]
        answers.append(call(ana_client, method, path))
    refused, unknown = answers
    assert_problem(refused, 404)
    assert refused.content == unknown.content


def test_h14_an_ended_guardianship_ends_at_once(ana, sam, ana_client):
    Guardianship.objects.update(ended_at=timezone.now())
    assert_problem(ana_client.get(home_of(sam)), 404)


def test_a_child_is_not_reached_by_another_guardian(ben, sam):
    assert_problem(signed_in(ben).get(home_of(sam)), 404)


# -- how errors are said ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        f"{HOME}/",
        f"{HOME}/read-all/",
        f"{HOME}/not-an-id/read",
        f"{HOME}/{NOBODYS}",
        f"{HOME}/%0A/read",
        "/api/nothing/here",
        "/api/",
        "/api/for/not-an-id/patient-notifications",
    ],
)
def test_any_other_address_is_a_problem_document_too(client, ana_client, path):
    assert_problem(client.get(path), 401)
    assert_problem(ana_client.get(path), 404)


def test_the_wrong_method_is_a_problem_that_names_the_right_one(ana_client):
    response = ana_client.get(f"{HOME}/read-all")
    assert_problem(response, 405)
    assert "POST" in response.headers["Allow"]


def test_the_api_speaks_json_only(ana, ana_client):
    made = send(ana)
    assert_problem(ana_client.get(HOME, headers={"Accept": "text/html"}), 406)
    form = ana_client.post(f"{HOME}/{made.pk}/snooze", UNTIL)
    assert_problem(form, 415)
    assert_problem(ana_client.post(f"{HOME}/read-all", {"up_to": 1}), 415)


@pytest.mark.parametrize(
    "body",
    [b"{", b"[1]", b"5", b'"x"', b"null", b"\xff\xfe", b"[" * 30_000, b'{"until": NaN}'],
)
def test_a_body_that_is_no_json_object_is_a_400(ana, ana_client, body):
    made = send(ana)
    for path in (f"{HOME}/{made.pk}/snooze", f"{HOME}/read-all"):
        response = ana_client.post(path, body, "application/json")
        assert response.status_code == 400
        assert response.headers["Content-Type"] == "application/problem+json"


def test_a_body_too_large_to_make_sense_is_refused_unread(ana_client):
    body = b'{"until": "' + b"x" * 70_000 + b'"}'
    assert_problem(ana_client.post(f"{HOME}/read-all", body, "application/json"), 413)


def test_half_a_character_in_a_field_name_breaks_nothing(ana_client):
    body = rb'{"\ud800": true}'
    response = ana_client.put(f"{PREFERENCES}/lab_results", body, "application/json")
    assert_problem(response, 400, "?")


def test_a_problem_says_what_it_is_about_without_any_id(ana, ana_client):
    body = assert_problem(ana_client.post(f"{HOME}/{uuid4()}/read"), 404)
    assert body == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this address.",
        "instance": "/api/patient-notifications/:notification_id/read",
    }


def test_our_own_fault_is_a_problem_too_and_says_nothing_more(ana, ana_client, monkeypatch, caplog):
    def broken(**_options):
        raise RuntimeError("it broke")

    monkeypatch.setattr(patient_notification_service, "inbox", broken)
    ana_client.raise_request_exception = False
    body = assert_problem(ana_client.get(HOME), 500)
    assert "it broke" not in str(body)
    assert "it broke" in caplog.text


def test_every_route_of_the_contract_is_in_these_tests():
    """A route that was added without thinking of access fails here."""
    tested = {resolve(path).route for _method, path in routes()}
    assert tested == {f"api/{pattern.pattern}" for pattern in contract}

"""Signing in leaves one audit row, and so does failing to."""

import pytest

from notifications.enums import AuditAction
from notifications.models import AuditEvent
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def sign_in(client, username, password):
    return client.post("/accounts/login/", {"username": username, "password": password})


def rows():
    return list(AuditEvent.objects.values_list("action", "actor", "object_id"))


@pytest.mark.req("H-06")
def test_a_sign_in_is_one_row_by_that_person(client, ana):
    sign_in(client, "ana@example.com", PASSWORD)
    assert rows() == [(AuditAction.LOGIN, f"user:{ana.pk}", str(ana.pk))]


@pytest.mark.req("H-06")
@pytest.mark.parametrize("typed", ["ana@example.com", "ANA@Example.com"])
def test_a_wrong_password_is_one_row_about_the_account(client, ana, typed):
    sign_in(client, typed, "a guess")
    assert rows() == [(AuditAction.LOGIN_FAILED, "system:sign-in", str(ana.pk))]


@pytest.mark.req("H-06")
@pytest.mark.req("S-17")
def test_an_unknown_address_is_one_row_that_does_not_keep_what_was_typed(client, db):
    sign_in(client, "my-password-by-mistake", "a guess")
    assert rows() == [(AuditAction.LOGIN_FAILED, "system:sign-in", "")]
    assert "my-password" not in str(AuditEvent.objects.values().get())

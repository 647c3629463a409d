"""The settings page as a whole: its parts, its wishes and its ways back, without a browser."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from notifications import contacts, preferences
from notifications.models import AuditEvent, ConfidentialRequest
from portal.models import Guardianship
from tests.conftest import signed_in
from tests.engine import email_of, phone_of
from tests.pages import HTMX, child_of, tell, text_of

SETTINGS = "/notifications/settings/"
PHONE = {"User-Agent": "Mozilla/5.0 (iPhone) Mobile/15E148"}


def is_on(patient, type_key: str, channel: str) -> bool:
    return preferences.effective(patient_id=patient.pk)[type_key].enabled[channel]


def undo_in(page: str) -> str:
    return re.search(r'action="([^"]*/undo/[^"]*)"', page).group(1)


# -- the sheet as a whole -----------------------------------------------------------------------


def test_a_whole_change_is_undone_by_whoever_made_it_and_by_nobody_else(
    ana, ben, ana_client, ben_client
):
    phone_of(ana)
    preferences.change(
        patient_id=ana.pk, type_key="lab_results", changes={"sms": True}, actor="system:test"
    )
    ana_client.post(f"{SETTINGS}texts-off/")
    assert not is_on(ana, "lab_results", "sms") and not is_on(ana, "appointment_missed", "sms")
    assert is_on(ben, "appointment_missed", "sms")
    undo = undo_in(text_of(ana_client.get(SETTINGS)))
    for stranger in (ben_client, signed_in(ana)):  # another person, and another session
        stranger.post(undo)
        assert "too late to undo" in text_of(stranger.get("/"))
    assert not is_on(ana, "lab_results", "sms")
    for _ in range(2):
        assert ana_client.post(undo).status_code == 303
        assert is_on(ana, "lab_results", "sms") and is_on(ana, "appointment_missed", "sms")
    assert not is_on(ana, "payment_due", "sms")


def test_a_guardians_undo_of_a_childs_sheet_touches_the_child_alone(ana, ana_client):
    sam = child_of(ana)
    for patient in (ana, sam):
        preferences.change(
            patient_id=patient.pk,
            type_key="lab_results",
            changes={"email": False},
            actor="system:t",
        )
    ana_client.post(f"/for/{sam.pk}{SETTINGS}reset/")
    assert is_on(sam, "lab_results", "email") and not is_on(ana, "lab_results", "email")
    undo = undo_in(text_of(ana_client.get(f"/for/{sam.pk}{SETTINGS}")))
    assert undo.startswith(f"/for/{sam.pk}/")
    ana_client.post(undo.removeprefix(f"/for/{sam.pk}"))  # for oneself it is no undo
    assert is_on(sam, "lab_results", "email")
    ana_client.post(undo)
    assert not is_on(sam, "lab_results", "email")


def test_what_was_chosen_after_a_whole_change_outlives_its_undo(ana, ana_client):
    def choose(type_key, **changes):
        who = {"patient_id": ana.pk, "type_key": type_key, "actor": "system:test"}
        preferences.change(**who, changes=changes)

    choose("lab_results", email=False)
    ana_client.post(f"{SETTINGS}reset/")
    undo = undo_in(text_of(ana_client.get(SETTINGS)))
    choose("hygiene_recall", email=False)
    for chosen in (False, True):  # pressed again later, by a page that was left open
        ana_client.post(undo)
        assert is_on(ana, "lab_results", "email") is chosen
        assert not is_on(ana, "hygiene_recall", "email")
        choose("lab_results", email=True)


def test_what_is_recommended_already_is_said_to_be_so_without_an_undo(ana_client):
    ana_client.post(f"{SETTINGS}reset/")
    page = text_of(ana_client.get(SETTINGS))
    assert "Everything was as we recommend already." in page
    assert "/undo/" not in page
    assert re.search(r"everything but: [^<]*Announcements", page)


# -- what the page shows ------------------------------------------------------------------------


def test_a_phone_gets_closed_parts_and_a_wide_screen_open_ones(ana_client, ana):
    email_of(ana)
    wide, small = (text_of(ana_client.get(SETTINGS, headers=each)) for each in ({}, PHONE))
    assert re.findall(r'<details[^>]*class="fold[^>]*>', wide)
    assert all(" open" in each for each in re.findall(r'<details[^>]*class="fold[^>]*>', wide))
    assert not any(" open" in each for each in re.findall(r'<details[^>]*class="fold[^>]*>', small))
    assert 'aria-label="On this page"' in wide and 'aria-label="On this page"' not in small
    wrong = ana_client.post(reverse("quiet"), {"is_on": "on"}, headers=PHONE)
    assert re.search(r'<details id="quiet"[^>]* open', text_of(wrong))


def test_the_page_costs_the_same_for_more_wishes_choices_and_messages(
    ana, ana_client, django_assert_num_queries
):
    email_of(ana), phone_of(ana)
    contacts.record_request(patient_id=ana.pk, kind="push", actor="system:test")
    sam = child_of(ana)
    with CaptureQueriesContext(connection) as one:
        ana_client.get(SETTINGS)
    contacts.record_request(patient_id=ana.pk, kind="phone", actor="system:test")
    preferences.turn_off(patient_id=ana.pk, channel="sms", actor="system:test")
    tell(ana, "One", "Two")
    tell(sam, "Three")
    with django_assert_num_queries(len(one)):
        ana_client.get(SETTINGS)


def test_the_notice_of_a_pause_costs_a_page_one_query_and_a_fragment_none(ana, ana_client):
    def asked(path, **headers) -> int:
        with CaptureQueriesContext(connection) as made:
            ana_client.get(path, headers=headers)
        return sum("patient_notification_settings" in each["sql"] for each in made)

    assert asked("/visits/") == 1
    assert asked("/notifications/popover/", **HTMX) == asked("/notifications/sync/", **HTMX) == 0


def test_family_is_led_to_its_own_sheets_and_a_childs_sheet_says_whose_it_is(
    ana, ben, ana_client, ben_client
):
    sam = child_of(ana)
    Guardianship.objects.create(guardian=ana, patient=ben, relation="sister")
    page = text_of(ana_client.get(SETTINGS))
    assert "You also receive messages for Sam (child)." in page
    assert f"You also receive messages for {ben.first_name}." in page
    assert f'href="/for/{sam.pk}{SETTINGS}"' in page
    sams = text_of(ana_client.get(f"/for/{sam.pk}{SETTINGS}"))
    assert "Notification settings for Sam" in sams
    assert "You also receive" not in sams
    assert "You also receive" not in text_of(ben_client.get(SETTINGS))


# -- only this address --------------------------------------------------------------------------


PRIVATE = f"{SETTINGS}private/"


def test_a_wish_is_in_force_at_once_with_its_day_and_ends_when_its_patient_says(
    ana, ben, ana_client
):
    email, number = email_of(ana), phone_of(ana)
    phone_of(ben)
    wish = {"wish": "never", "kind": "phone", "contact": str(number.pk)}
    for _ in range(2):
        assert ana_client.post(f"{PRIVATE}wish/", wish).status_code == 303
    assert "sms" not in preferences.available_channels(patient_id=ana.pk)
    assert "sms" in preferences.available_channels(patient_id=ben.pk)
    page = text_of(ana_client.get(PRIVATE))
    assert "Never use ***-0142" in page and re.search(r"since \w{3}, \w{3} \d+", page)
    assert "front desk calls you" in page
    ana_client.post(f"{PRIVATE}wish/", {"wish": "only", "kind": "email", "contact": email.pk})
    assert "Use only a***@example.com" in text_of(ana_client.get(SETTINGS))
    for row in ConfidentialRequest.objects.all():
        ana_client.post(f"{PRIVATE}{row.pk}/end/")
        ana_client.post(f"{PRIVATE}{row.pk}/end/")
    assert "No wish is in force." in text_of(ana_client.get(PRIVATE))
    assert "sms" in preferences.available_channels(patient_id=ana.pk)
    changes = AuditEvent.objects.filter(patient_id=ana.pk, details__kind="phone")
    said = list(changes.order_by("at").values_list("details__change", flat=True))
    assert said[-2:] == ["never_this", "request_ended"]


@pytest.mark.req("S-01")
def test_nobody_wishes_with_or_ends_what_is_anothers(ana, ben, ben_client, ana_client):
    number = phone_of(ana)
    theirs = {"wish": "only", "kind": "phone", "contact": str(number.pk)}
    ben_client.post(f"{PRIVATE}wish/", theirs)
    assert "not an address of this patient" in text_of(ben_client.get(PRIVATE))
    assert not ConfidentialRequest.objects.exists()
    ana_client.post(f"{PRIVATE}wish/", theirs)
    [row] = ConfidentialRequest.objects.all()
    assert ben_client.post(f"{PRIVATE}{row.pk}/end/").status_code == 404
    assert ben_client.post(f"/for/{ana.pk}{PRIVATE}wish/", theirs).status_code == 404
    row.refresh_from_db()
    assert row.ended_at is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"wish": "maybe", "kind": "email"},
        {"wish": "only", "kind": "pigeon"},
        {"wish": "only", "kind": "email", "contact": "x"},
    ],
)
def test_a_wish_that_names_nothing_of_ours_is_refused(ana_client, wrong):
    assert ana_client.post(f"{PRIVATE}wish/", wrong).status_code == 303
    assert "notice bad" in text_of(ana_client.get(PRIVATE))
    assert not ConfidentialRequest.objects.exists()

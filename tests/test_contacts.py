"""Addresses: kept once, verified, replaced, removed, and found again without being readable."""

import pytest
from django.db import connection

from notifications import consent, contacts
from notifications.enums import AuditAction, ContactKind, ContactStatus, DeliveryStatus, Reason
from notifications.models import AuditEvent, ContactPoint
from notifications.types import Refused
from portal.notification_types.lab_results import LabResultsPayload
from tests.clinic import DESK
from tests.engine import (
    ANAS_NUMBER,
    device_of,
    email_of,
    phone_of,
    run,
    say,
    send,
    status_of,
)

pytestmark = pytest.mark.django_db
EMAIL, PHONE = ContactKind.EMAIL, ContactKind.PHONE


def add(patient, kind, value, **options):
    return contacts.add(patient_id=patient.pk, kind=kind, value=value, actor=DESK, **options)


def values(patient) -> list[str]:
    return [each.value["address"] for each in contacts.of_patient(patient_id=patient.pk)]


# -- what an address looks like -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("212 555 0142", "+12125550142"),
        ("(212) 555-0142", "+12125550142"),
        ("+1 212 555 0142", "+12125550142"),
        (" 1-212-555-0142 ", "+12125550142"),
        ("+34 612 345 678", "+34612345678"),
    ],
)
def test_a_number_typed_in_any_fashion_is_kept_in_one_form(ana, typed, kept):
    assert add(ana, PHONE, typed).value == {"address": kept}


def test_an_email_is_kept_in_lower_case_without_spaces(ana):
    assert add(ana, EMAIL, "  Ana.Ruiz@Example.COM ").value == {"address": "ana.ruiz@example.com"}


@pytest.mark.parametrize("typed", ["", "call me", "555", "+1", "212 555 0142 555 0142", "１２３"])
def test_what_is_no_number_is_refused_with_an_example(ana, typed):
    with pytest.raises(Refused, match="Write it like 212 555 0142") as refusal:
        add(ana, PHONE, typed)
    assert refusal.value.field == "phone"


@pytest.mark.req("S-12")
@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ana",
        "ana@",
        "ana@example.com, ben@example.com",
        "ana@example.com\nBcc: ben@example.com",
        "ana@example.com\r\n",
        "Ana <ana@example.com>",
        "a b@example.com",
    ],
)
def test_what_is_no_single_email_is_refused_with_an_example(ana, typed):
    with pytest.raises(Refused, match="Write it like ana@example.com") as refusal:
        add(ana, EMAIL, typed + ("x" if typed.endswith("\n") else ""))
    assert refusal.value.field == "email"


def test_a_refusal_says_nothing_of_what_was_typed(ana):
    with pytest.raises(Refused) as refusal:
        add(ana, EMAIL, "anas-secret-address")
    assert "secret" not in str(refusal.value)


# -- one row an address -------------------------------------------------------------------------


def test_the_same_number_typed_twice_is_one_row(ana):
    assert add(ana, PHONE, "212 555 0142") == add(ana, PHONE, "+1 (212) 555-0142")
    assert AuditEvent.objects.filter(action=AuditAction.CONTACT).count() == 1


def test_a_number_that_was_removed_can_be_added_again_and_starts_unverified(ana):
    first = phone_of(ana)
    contacts.remove(patient_id=ana.pk, contact_id=first.pk, actor=DESK)
    second = add(ana, PHONE, ANAS_NUMBER)
    assert second.pk != first.pk
    assert (second.verified_at, second.status) == (None, ContactStatus.ACTIVE)
    assert not consent.is_granted(contact=second)


def test_one_number_may_reach_several_patients_and_is_found_for_all(ana, ben):
    add(ana, PHONE, ANAS_NUMBER, relation="mother")
    add(ben, PHONE, ANAS_NUMBER)
    found = contacts.find(kind=PHONE, value="212-555-0142")
    assert {each.patient_id for each in found} == {ana.pk, ben.pk}
    assert not contacts.find(kind=PHONE, value="212-555-0199").exists()


@pytest.mark.req("H-05")
def test_the_database_does_not_hold_a_readable_address(ana):
    phone_of(ana)
    email_of(ana)
    with connection.cursor() as cursor:
        cursor.execute("SELECT value, value_index FROM contact_points")
        stored = b"".join(
            bytes(cell) if not isinstance(cell, str) else cell.encode()
            for row in cursor.fetchall()
            for cell in row
        )
    assert b"5550142" not in stored
    assert b"ana" not in stored


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (PHONE, ANAS_NUMBER, "***-0142"),
        (EMAIL, "ana.ruiz@example.com", "a***@example.com"),
        (EMAIL, "a@example.com", "a***@example.com"),
    ],
)
def test_the_owner_recognises_a_masked_address_and_a_stranger_cannot_use_it(
    ana, kind, value, shown
):
    assert contacts.masked(add(ana, kind, value)) == shown


def test_a_device_goes_by_its_label_and_never_by_its_endpoint(ana):
    device = device_of(ana)
    assert contacts.masked(device) == "Device"
    device.label = "Chrome on Windows"
    assert contacts.masked(device) == "Chrome on Windows"


# -- whose it is --------------------------------------------------------------------------------


def test_ben_can_neither_remove_nor_verify_anas_number(ana, ben):
    number = phone_of(ana, verified=False, agreed=False)
    theirs = {"patient_id": ben.pk, "contact_id": number.pk, "actor": DESK}
    for attempt in (
        lambda: contacts.remove(**theirs),
        lambda: contacts.send_code(**theirs),
        lambda: contacts.verify(**theirs, code="123456"),
    ):
        with pytest.raises(ContactPoint.DoesNotExist):
            attempt()
    assert values(ana) == [ANAS_NUMBER]


# -- a new one takes over -----------------------------------------------------------------------


@pytest.mark.req("P-33")
def test_the_old_email_is_used_until_the_new_one_is_verified(ana, noon):
    email_of(ana)
    new = add(ana, EMAIL, "new@example.com")
    assert values(ana) == ["new@example.com", "ana@example.com"]
    contacts.mark_verified(contact_id=new.pk, actor=DESK)
    assert values(ana) == ["new@example.com"]


def test_a_mothers_number_does_not_replace_the_patients_own(ana):
    phone_of(ana)
    mothers = add(ana, PHONE, "212-555-0177", relation="mother")
    contacts.mark_verified(contact_id=mothers.pk, actor=DESK)
    assert len(values(ana)) == 2


def test_verifying_one_address_leaves_another_that_is_still_waiting_for_its_code(ana):
    first, waiting = add(ana, EMAIL, "first@example.com"), add(ana, EMAIL, "second@example.com")
    contacts.mark_verified(contact_id=first.pk, actor=DESK)
    contacts.mark_verified(contact_id=waiting.pk, actor=DESK)
    assert values(ana) == ["second@example.com"]


def test_a_second_device_does_not_replace_the_first(ana):
    devices = [device_of(ana), device_of(ana, "https://push.example/2")]
    contacts.mark_verified(contact_id=devices[1].pk, actor=DESK)
    assert len(contacts.of_patient(patient_id=ana.pk)) == 2


def test_a_removed_address_cannot_be_verified_back_into_use(ana):
    old, new = email_of(ana), None
    contacts.remove(patient_id=ana.pk, contact_id=old.pk, actor=DESK)
    new = email_of(ana, "new@example.com")
    with pytest.raises(ContactPoint.DoesNotExist):
        contacts.mark_verified(contact_id=old.pk, actor=DESK)
    assert contacts.of_patient(patient_id=ana.pk) == [new]


@pytest.mark.req("M-14")
def test_an_address_that_bounced_works_again_once_it_is_verified_anew(ana, outbox, noon):
    mail = email_of(ana)
    contacts.set_status(
        contact=mail, status=ContactStatus.NEEDS_UPDATE, reason="550", actor="system:delivery"
    )
    lost = send(ana, LabResultsPayload.example())
    run()
    assert status_of(lost, "email") == (DeliveryStatus.SKIPPED, Reason.BOUNCED_HARD)
    contacts.mark_verified(contact_id=mail.pk, actor=DESK)
    found = send(ana, LabResultsPayload.example())
    run()
    assert status_of(found, "email") == (DeliveryStatus.ACCEPTED, "")


@pytest.mark.req("M-06")
def test_verifying_a_number_again_does_not_undo_its_stop(ana):
    number = phone_of(ana)
    contacts.set_status(contact=number, status=ContactStatus.OPTED_OUT, reason="stop", actor=DESK)
    contacts.mark_verified(contact_id=number.pk, actor=DESK)
    say(number, granted=True)
    number.refresh_from_db()
    assert number.status == ContactStatus.OPTED_OUT


def test_each_change_of_an_address_leaves_a_row_without_the_address(ana):
    number = phone_of(ana, agreed=False)
    contacts.remove(patient_id=ana.pk, contact_id=number.pk, actor=DESK)
    rows = AuditEvent.objects.filter(action=AuditAction.CONTACT).order_by("id")
    assert [row.details["change"] for row in rows] == ["added", "verified", "removed"]
    assert not any("5550142" in str(row.details) for row in rows)

"""What a patient agreed to, and what follows the moment it is withdrawn."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from notifications import clock, consent
from notifications.enums import AuditAction, DeliveryStatus, Level, Purpose, Reason
from notifications.models import AuditEvent, Consent
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from tests.engine import NOON, ToldMail, delivery_of, email_of, phone_of, run, say, send, status_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
HOUR = timedelta(hours=1)


def reminder(patient):
    made = send(patient, AppointmentReminderPayload.example())
    run()
    return made


@pytest.mark.req("H-12")
def test_without_consent_the_email_is_neutral_and_there_is_no_text(ana, carrier):
    email_of(ana, agreed=False)
    phone_of(ana, agreed=False)
    made = reminder(ana)
    assert delivery_of(made, "email").level == Level.L0
    assert "Dr. Lee" not in ToldMail.handed[0].body
    assert status_of(made, "sms") == (DeliveryStatus.SKIPPED, Reason.NO_CONSENT)
    assert carrier.texts() == []


@pytest.mark.req("H-12")
def test_with_consent_the_email_and_the_text_say_when_and_with_whom(ana, carrier):
    email_of(ana)
    phone_of(ana)
    made = reminder(ana)
    assert delivery_of(made, "email").level == Level.L1
    assert "Dr. Lee" in ToldMail.handed[0].body
    assert "Dr. Lee" in carrier.texts()[0]


@pytest.mark.req("H-12")
def test_withdrawn_is_the_same_as_never_given_at_once(ana, carrier):
    mail, number = email_of(ana), phone_of(ana)
    made = send(ana, AppointmentReminderPayload.example())
    say(mail, granted=False)
    say(number, granted=False)
    run()
    assert delivery_of(made, "email").level == Level.L0
    assert status_of(made, "sms") == (DeliveryStatus.SKIPPED, Reason.NO_CONSENT)
    assert carrier.texts() == []


def test_given_again_after_a_no_it_counts_again(ana):
    number = phone_of(ana)
    say(number, granted=False)
    say(number, granted=True)
    assert consent.is_granted(contact=number)


@pytest.mark.req("M-01")
def test_consent_to_care_is_no_consent_to_advertising(ana):
    number = phone_of(ana)
    assert consent.is_granted(contact=number, purpose=Purpose.TREATMENT)
    assert not consent.is_granted(contact=number, purpose=Purpose.MARKETING)
    say(number, granted=True, purpose=Purpose.MARKETING)
    say(number, granted=False, purpose=Purpose.TREATMENT)
    assert not consent.is_granted(contact=number, purpose=Purpose.TREATMENT)
    assert consent.is_granted(contact=number, purpose=Purpose.MARKETING)


def test_consent_for_one_address_is_none_for_another(ana, ben):
    email_of(ana)
    assert not consent.is_granted(contact=email_of(ana, "other@example.com", agreed=False))
    assert not consent.is_granted(contact=email_of(ben, agreed=False))


def test_an_old_yes_from_a_file_does_not_undo_a_newer_no(ana):
    number = phone_of(ana, agreed=False)
    say(number, granted=False)
    record_yes(number, at=NOON - 24 * HOUR)
    assert not consent.is_granted(contact=number)
    record_yes(number, at=NOON + HOUR)
    assert consent.is_granted(contact=number)


def test_of_two_answers_in_the_same_moment_the_later_one_counts(ana):
    number = phone_of(ana)
    for granted in (False, True, False):
        say(number, granted=granted)
    assert not consent.is_granted(contact=number)


@pytest.mark.req("M-01")
def test_each_answer_keeps_wording_source_actor_address_and_time(ana):
    number = phone_of(ana, agreed=False)
    record_yes(number, at=NOON, ip="203.0.113.7")
    row = Consent.objects.get()
    assert (row.wording, row.source, row.actor, row.ip, row.recorded_at) == (
        "text-2026-11",
        "portal",
        f"user:{ana.pk}",
        "203.0.113.7",
        NOON,
    )
    assert "3 a week at most" in str(consent.WORDINGS[row.wording])
    audited = AuditEvent.objects.get(action=AuditAction.CONSENT)
    assert audited.details == {
        "granted": True,
        "purpose": "treatment",
        "wording": "text-2026-11",
    }


@pytest.mark.req("H-12")
def test_what_was_said_is_only_ever_added_to(ana):
    phone_of(ana)
    row = Consent.objects.get()
    for change in (lambda: Consent.objects.update(granted=False), row.delete):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    assert Consent.objects.get().granted


def test_consent_of_many_addresses_is_read_in_one_query(ana, ben, django_assert_num_queries):
    numbers = [phone_of(ana), phone_of(ben, "212-555-0143"), email_of(ana), email_of(ben)]
    with django_assert_num_queries(1):
        granted = consent.granted_among(
            contact_ids=[each.pk for each in numbers], purpose=Purpose.TREATMENT
        )
    assert granted == {each.pk for each in numbers}


def record_yes(number, *, at, ip=None):
    with clock.at(NOON):
        consent.record(
            contact=number,
            purpose=Purpose.TREATMENT,
            granted=True,
            wording=consent.CURRENT_TEXT_WORDING,
            source="portal",
            actor=f"user:{number.patient_id}",
            ip=ip,
            at=at,
        )

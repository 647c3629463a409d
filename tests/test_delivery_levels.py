"""How much a message may say outside the portal, and what is kept of what left."""

from dataclasses import replace

import pytest

from notifications.enums import Level
from notifications.models import DeliveryAttempt
from notifications.rendering import content_hash
from portal.models import Practice
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.notification_types.lab_results import LabResultsPayload
from portal.notification_types.message_from_provider import MessageFromProviderPayload
from tests.engine import ToldMail, delivery_of, device_of, email_of, phone_of, run, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]


def mail_about_a_visit(patient):
    made = send(patient, AppointmentReminderPayload.example())
    run()
    return delivery_of(made, "email").level, ToldMail.handed[-1]


def test_a_verified_and_agreed_address_is_told_the_day_and_the_provider(ana):
    email_of(ana)
    level, mail = mail_about_a_visit(ana)
    assert level == Level.L1
    assert "Nov 26 at 9:30 AM EST with Dr. Lee" in mail.body


@pytest.mark.req("H-10")
@pytest.mark.req("H-11")
@pytest.mark.parametrize("agreed", [True, False])
def test_an_address_nobody_verified_is_told_that_there_is_a_message(ana, agreed):
    email_of(ana, verified=False, agreed=agreed)
    level, mail = mail_about_a_visit(ana)
    assert level == Level.L0
    assert "You have a new message from Main Street Dental" in mail.body
    assert "Dr. Lee" not in mail.message().as_string()


def test_a_practice_may_keep_everything_outside_the_portal_neutral(ana, practice):
    email_of(ana)
    Practice.objects.filter(pk=practice.pk).update(l0_only=True, public_name="The office")
    level, mail = mail_about_a_visit(ana)
    assert level == Level.L0
    assert "Dr. Lee" not in mail.message().as_string()
    assert "Main Street" not in mail.message().as_string()


@pytest.mark.req("H-17")
def test_a_carrier_without_an_agreement_carries_the_neutral_sentence(ana, settings):
    email_of(ana)
    settings.EMAIL_BACKEND = "tests.engine.RealMail"
    assert mail_about_a_visit(ana)[0] == Level.L0
    settings.NOTIFICATIONS_AGREEMENTS = "email"
    assert mail_about_a_visit(ana)[0] == Level.L1


# -- what is kept of it -------------------------------------------------------------------------


@pytest.mark.req("H-15")
def test_what_left_is_kept_word_for_word_and_sealed(ana):
    email_of(ana)
    send(ana, AppointmentReminderPayload.example())
    run()
    attempt = DeliveryAttempt.objects.get(delivery__channel="email")
    assert attempt.snapshot["email.txt"] == ToldMail.handed[0].body
    assert attempt.content_hash == content_hash(attempt.snapshot)
    stored = DeliveryAttempt.objects.filter(snapshot__isnull=False).values_list("snapshot").get()
    assert b"Dr. Lee" not in bytes(stored[0])


# -- what people type is data -------------------------------------------------------------------


@pytest.mark.req("S-11")
@pytest.mark.parametrize(
    "typed",
    ["{{ settings.SECRET_KEY }}", "{% include 'secret' %}", "{0.__class__}", "%(name)s %s", "$x"],
)
def test_template_signs_in_what_a_provider_is_called_stay_as_typed(ana, typed):
    email_of(ana)
    made = send(ana, replace(AppointmentReminderPayload.example(), provider_name=typed))
    run()
    assert typed in made.message
    assert typed in ToldMail.handed[0].body


def test_markup_in_what_a_provider_is_called_is_text_in_the_html_part(ana):
    email_of(ana)
    typed = "<script>alert(1)</script>"
    send(ana, replace(AppointmentReminderPayload.example(), provider_name=typed))
    run()
    [(html, _kind)] = ToldMail.handed[0].alternatives
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.req("H-10")
def test_nothing_clinical_leaves_the_portal_on_any_channel(ana, carrier):
    email_of(ana)
    phone_of(ana)
    device_of(ana)
    visit = replace(AppointmentReminderPayload.example(), appointment_reason="CANARY root canal")
    results = replace(LabResultsPayload.example(), test_name="CANARY", summary="CANARY")
    for payload in (visit, results, MessageFromProviderPayload(provider_name="Lee", text="CANARY")):
        assert "CANARY" in send(ana, payload).message
    run()
    assert len(ToldMail.handed) == 3
    assert "CANARY" not in str([mail.message().as_string() for mail in ToldMail.handed])
    assert "CANARY" not in str(carrier.handed)


def test_a_patient_who_reads_spanish_is_written_to_in_spanish(ana):
    email_of(ana)
    ana.language = "es"
    ana.save()
    made = send(ana, AppointmentReminderPayload.example())
    run()
    [(html, _kind)] = ToldMail.handed[0].alternatives
    assert made.language == "es"
    assert '<html lang="es"' in html

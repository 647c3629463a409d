"""A text from Ana's phone, as the carrier posts it: signed, answered in the carrier's own words."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client

from notifications import contacts
from notifications.enums import AuditAction, ContactStatus
from notifications.models import AuditEvent, CarrierEvent, InboundText
from notifications.providers import twilio_calls, twin
from portal.models import Appointment
from portal.services import default_reminder_rules
from tests.clinic import a_visit
from tests.engine import ANAS_NUMBER, NOON, phone_of, run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
SITE, PATH = "https://notify.example.com", "/webhooks/sms/replies/"
FORM = "application/x-www-form-urlencoded"
SILENCE = '<?xml version="1.0" encoding="UTF-8"?><Response />'


@pytest.fixture(autouse=True)
def address(settings):
    settings.PUBLIC_URL = SITE


def writes(words, *, sid="SM1", number=ANAS_NUMBER, key="", **said):
    """Let a phone write to us through the carrier that stands in for Twilio."""
    params = {"MessageSid": sid, "From": number, "To": "+12125550199", "Body": words, **said}
    signed = twilio_calls.signature(url=SITE + PATH, params=params, token=key or twin.key("sms"))
    headers = {"X-Twilio-Signature": signed}
    client = Client(enforce_csrf_checks=True)
    return client.post(PATH, urlencode(params), content_type=FORM, headers=headers)


def heard(response) -> str:
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def visit(ana, location, provider):
    """A visit in two days, about which Ana was asked by text."""
    phone_of(ana)
    default_reminder_rules(location)
    made = a_visit(
        ana, NOON + timedelta(days=2), location=location, provider=provider, announce=False
    )
    run()
    return made


def test_a_one_confirms_and_the_carrier_is_handed_the_thanks(visit):
    answer = heard(writes("1"))
    assert "<Message>Main Street Dental: thank you. Your visit on Thu, Nov 26" in answer
    visit.refresh_from_db()
    assert visit.status == Appointment.Status.CONFIRMED


@pytest.mark.req("R-12")
def test_the_carrier_calling_again_hears_nothing_and_changes_nothing(visit):
    writes("1")
    rows = AuditEvent.objects.count()
    assert heard(writes("1")) == SILENCE
    assert (InboundText.objects.count(), AuditEvent.objects.count()) == (1, rows)


@pytest.mark.req("M-06")
def test_a_stop_and_its_confirmation_are_one_call(ana):
    phone_of(ana)
    assert "no more texts from us" in heard(writes("stop texting me"))
    assert heard(writes("STOP", sid="SM2")) == SILENCE
    statuses = contacts.find(kind="phone", value=ANAS_NUMBER).values_list("status", flat=True)
    assert list(statuses) == [ContactStatus.OPTED_OUT]


@pytest.mark.req("S-13")
def test_a_stop_that_is_not_the_carriers_stops_nobody_and_is_not_kept(ana):
    number = phone_of(ana)
    assert writes("STOP", key="somebody else's key").status_code == 403
    number.refresh_from_db()
    assert number.status == ContactStatus.ACTIVE
    assert not CarrierEvent.objects.exists() and not InboundText.objects.exists()
    assert AuditEvent.objects.filter(action=AuditAction.DENIED).count() == 1


def test_a_strangers_call_is_answered_as_silently_as_a_patients_question(ana):
    phone_of(ana)
    stranger = writes("Is Ana there?", number="+12125550177", sid="SM2")
    assert heard(stranger) == heard(writes("Is Ben there?", sid="SM3")) == SILENCE


@pytest.mark.req("M-04")
def test_a_word_the_practice_taught_the_carrier_to_take_for_a_stop_is_one_here_too(ana):
    number = phone_of(ana)
    assert heard(writes("Adiós", OptOutType="STOP")) == SILENCE
    number.refresh_from_db()
    assert number.status == ContactStatus.OPTED_OUT
    assert InboundText.objects.get().handled_at is not None


def test_what_the_carrier_has_answered_already_is_done_and_not_answered_again(ana):
    number = phone_of(ana)
    assert heard(writes("Stop", OptOutType="STOP")) == SILENCE
    number.refresh_from_db()
    assert number.status == ContactStatus.OPTED_OUT
    assert "212-555-0100" in heard(writes("HELP", sid="SM2"))

"""What a file may say of addresses and of the yes to texts, and what it can never bring back."""

import pytest

from notifications import clock, consent, contacts
from notifications.crypto import blind_index
from notifications.enums import CarrierEventKind, ContactKind, ContactStatus, Purpose, ReplyMeaning
from notifications.incoming import keeping
from notifications.models import AuditEvent, Consent, ContactPoint, InboundText
from tests.imports import ANA, BEN, LEO, NOW, csv_of, everything, patient_called, row, run_import

pytestmark = pytest.mark.django_db
NUMBER = "+12125550123"
CONSENT = {
    "sms_consent_at": "2026-02-03T10:15-05:00",
    "sms_consent_source": "front-desk",
    "sms_consent_wording": "paper-2024",
}
VOUCHED = {"patient_phone": "212 555 0123", "phone_verified": "yes", **CONSENT}


@pytest.fixture(autouse=True)
def friday_morning(practice):
    with clock.at(NOW):
        yield


@pytest.fixture
def bring_in(tmp_path):
    def bring(*rows, expect: int = 0, **options):
        outcome = run_import(csv_of(*rows), folder=tmp_path, **options)
        assert outcome.code == expect, outcome.seen
        return outcome

    return bring


def number_of(patient: str) -> ContactPoint:
    known = contacts.of_patient(patient_id=patient_called(patient).pk)
    [number] = [each for each in known if each.kind == ContactKind.PHONE]
    return number


def a_stop_from(number: str) -> None:
    """The number texts STOP, as it is kept."""
    event = keeping.keep(channel="sms", kind=CarrierEventKind.REPLY, key="SM1", content={})
    InboundText.objects.create(
        event=event,
        number=number,
        number_index=blind_index(kind=ContactKind.PHONE, value=number),
        text="STOP",
        meaning=ReplyMeaning.STOP,
        received_at=clock.now(),
    )
    contacts.opt_out(number=number, actor="system:sms")


# -- a yes in a file ----------------------------------------------------------------------------


@pytest.mark.req("H-12")
def test_a_yes_of_the_file_keeps_its_own_day_words_and_place(bring_in):
    bring_in(row(ANA, **VOUCHED))
    said = number_of("P1").consents.get()
    assert (said.granted, said.purpose) == (True, Purpose.TREATMENT)
    assert (said.wording, said.source, said.actor) == ("paper-2024", "front-desk", "system:import")
    assert said.recorded_at.isoformat() == "2026-02-03T15:15:00+00:00"
    assert AuditEvent.objects.filter(action="consent", actor="system:import").count() == 1


def test_the_same_file_again_adds_no_second_yes(bring_in):
    bring_in(row(ANA, **VOUCHED))
    bring_in(row(ANA, **VOUCHED))
    assert Consent.objects.count() == 1


@pytest.mark.req("M-01")
def test_a_yes_to_texts_about_care_is_no_yes_to_offers(bring_in):
    bring_in(row(ANA, **VOUCHED))
    assert consent.is_granted(contact=number_of("P1"))
    assert not consent.is_granted(contact=number_of("P1"), purpose=Purpose.MARKETING)


def test_a_childs_yes_belongs_to_the_guardians_number(bring_in):
    bring_in(row(LEO, guardian_phone_verified="yes", **CONSENT), row(ANA, appointment_id="A2"))
    assert consent.is_granted(contact=number_of("P3"))
    assert number_of("P3").relation == "mother"
    assert not ContactPoint.objects.filter(patient=patient_called("P1"), kind="phone").exists()


@pytest.mark.req("S-19")
@pytest.mark.parametrize(
    ("who", "cells", "field"),
    [
        (ANA, VOUCHED | {"phone_verified": ""}, "sms_consent_at"),
        (ANA, VOUCHED | {"phone_verified": "no"}, "sms_consent_at"),
        (ANA, VOUCHED | {"patient_phone": "", "phone_verified": ""}, "sms_consent_at"),
        (LEO, CONSENT, "sms_consent_at"),  # his mother's number, that nobody has verified
        (ANA, VOUCHED | {"sms_consent_wording": ""}, "sms_consent_wording"),
        (ANA, VOUCHED | {"sms_consent_source": ""}, "sms_consent_source"),
        (ANA, VOUCHED | {"sms_consent_at": ""}, "sms_consent_at"),
        (ANA, VOUCHED | {"sms_consent_source": "the front desk"}, "sms_consent_source"),
        (ANA, VOUCHED | {"sms_consent_at": "2026-11-21T10:15-05:00"}, "sms_consent_at"),
    ],
)
def test_a_yes_that_cannot_count_is_named_and_nothing_is_written(bring_in, who, cells, field):
    before = everything()
    outcome = bring_in(row(BEN, appointment_id="A2"), row(who, **cells), expect=1)
    assert outcome.problems[0].startswith(f"visits.csv: line 3: {field}: ")
    assert outcome.problems[-1].endswith("nothing was written.")
    assert "555" not in outcome.seen
    assert everything() == before
    assert not Consent.objects.exists()
    assert not ContactPoint.objects.exists()


# -- what no file brings back -------------------------------------------------------------------


@pytest.mark.req("M-06")
@pytest.mark.parametrize("day", ["2026-02-03T10:15-05:00", "2026-11-20T08:59-05:00"])
def test_a_number_that_said_stop_stays_stopped_whatever_the_file_says(bring_in, day):
    bring_in(row(ANA, **VOUCHED))
    with clock.at(NOW.replace(day=19)):
        a_stop_from(NUMBER)
    later = {"sms_consent_at": day, "sms_consent_wording": "paper-2026"}
    bring_in(row(ANA, **VOUCHED | later))
    assert number_of("P1").status == ContactStatus.OPTED_OUT


@pytest.mark.req("M-06")
def test_a_number_that_said_stop_is_stopped_for_a_patient_who_comes_later(bring_in):
    a_stop_from(NUMBER)
    bring_in(row(ANA, **VOUCHED), row(BEN, appointment_id="A2", **VOUCHED))
    assert number_of("P1").status == number_of("P2").status == ContactStatus.OPTED_OUT


@pytest.mark.req("M-06")
def test_a_number_removed_after_its_stop_comes_back_stopped(bring_in):
    bring_in(row(ANA, **VOUCHED))
    a_stop_from(NUMBER)
    ana, number = patient_called("P1"), number_of("P1")
    contacts.remove(patient_id=ana.pk, contact_id=number.pk, actor="system:desk")
    bring_in(row(ANA, **VOUCHED | {"sms_consent_wording": "paper-2026"}))
    assert number_of("P1").status == ContactStatus.OPTED_OUT


@pytest.mark.req("M-06")
def test_what_the_patient_took_back_stays_taken_back(bring_in):
    bring_in(row(ANA, **VOUCHED))
    consent.record(
        contact=number_of("P1"),
        purpose=Purpose.TREATMENT,
        granted=False,
        wording=consent.CURRENT_TEXT_WORDING,
        source="portal",
        actor="system:test",
    )
    bring_in(row(ANA, **VOUCHED | {"sms_consent_wording": "paper-2025"}))
    assert not consent.is_granted(contact=number_of("P1"))


def test_an_empty_cell_takes_neither_the_number_nor_the_yes_away(bring_in):
    bring_in(row(ANA, **VOUCHED))
    bring_in(row(ANA, patient_phone="", phone_verified=""))
    assert number_of("P1").verified_at
    assert consent.is_granted(contact=number_of("P1"))

"""What is to be paid, and treatment nobody has booked: told to whom it concerns, while it is so."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from notifications import clock
from notifications.enums import PlanStatus
from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service
from notifications.types import Refused
from portal.models import Guardianship, PlannedTreatment, Statement
from portal.services import (
    cancel,
    depart,
    end_treatment,
    issue_statement,
    pay_statement,
    plan_treatment,
    withdraw_statement,
)
from tests.clinic import DESK, a_visit, wall
from tests.conftest import make_patient
from tests.engine import email_of, run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("practice")]
ISSUED = wall("2026-12-01 09:00")
DUE = date(2026, 12, 31)
SECRET = "Filling, upper left"


def issue(patient, **options) -> Statement:
    """Issue a statement of $120.50 on 1 December, due on the 31st."""
    given = {"amount": Decimal("120.50"), "due_on": DUE, "what_for": SECRET} | options
    with clock.at(ISSUED):
        return issue_statement(patient_id=patient.pk, actor=DESK, **given)


def go(*days: str) -> None:
    """Let the clock run at noon of some days."""
    for day in days:
        run(wall(f"{day} 12:00"))


def told(patient) -> list[tuple[str, str]]:
    """Return the day and the words of every message of a patient, oldest first."""
    rows = patient_notification_service.inbox(patient_id=patient.pk, status="all").items
    return [(f"{row.created_at:%F}", row.message) for row in reversed(rows)]


def days(patient) -> list[str]:
    return [day for day, _words in told(patient)]


def ahead(subject: str) -> dict[str, datetime]:
    plans = notification_scheduler_service.planned_for(subject=subject)
    return {plan.rule: plan.due_at for plan in plans if plan.status == PlanStatus.PLANNED}


@pytest.fixture
def mother(ana, location):
    """Carla, who acts for Ana and pays for her."""
    carla = make_patient("carla@example.com", "Carla", location)
    Guardianship.objects.create(
        guardian=carla, patient=ana, relation="mother", started_at=ISSUED - timedelta(days=9)
    )
    ana.guarantor = carla
    ana.save()
    return carla


# -- statements -----------------------------------------------------------------------------------


def test_she_hears_at_once_before_it_is_due_and_twice_after(ana, ben):
    row = issue(ana)
    assert ahead(row.subject) == {
        "3-before": wall("2026-12-28 10:00"),
        "7-after": wall("2027-01-07 10:00"),
        "21-after": wall("2027-01-21 10:00"),
    }
    go("2026-12-28", "2027-01-07", "2027-01-08", "2027-01-21", "2027-03-01")
    assert days(ana) == ["2026-12-01", "2026-12-28", "2027-01-07", "2027-01-21"]
    first, *_between, last = [words for _day, words in told(ana)]
    assert "Please pay $120.50 by Dec 31, 2026." in first
    assert "$120.50 was due on Dec 31, 2026, and we have not received it yet." in last
    assert days(ben) == []


def test_paid_there_is_a_receipt_and_no_reminder(ana):
    row = issue(ana)
    go("2026-12-28")
    with clock.at(wall("2026-12-29 15:00")):
        pay_statement(statement_id=row.pk, paid_with="cash", actor=DESK)
        pay_statement(statement_id=row.pk, paid_with="cash", actor=DESK)
    go("2027-01-07", "2027-01-21")
    assert days(ana) == ["2026-12-01", "2026-12-28", "2026-12-29"]
    assert "We have received $120.50. Thank you.\nPaid on Dec 29, 2026." in told(ana)[-1][1]
    with clock.at(wall("2026-12-29 16:00")):
        assert patient_notification_service.unread_count(patient_id=ana.pk) == 1


def test_what_was_withdrawn_is_spoken_of_no_more(ana):
    row = issue(ana)
    with clock.at(wall("2026-12-02 09:00")):
        withdraw_statement(statement_id=row.pk, actor=DESK)
        withdraw_statement(statement_id=row.pk, actor=DESK)
        with pytest.raises(Refused, match="withdrawn"):
            pay_statement(statement_id=row.pk, actor=DESK)
    go("2026-12-28", "2027-01-07")
    assert days(ana) == ["2026-12-01"]
    with clock.at(wall("2026-12-02 10:00")):
        assert patient_notification_service.unread_count(patient_id=ana.pk) == 0


def test_what_is_paid_cannot_be_withdrawn(ana):
    row = issue(ana)
    pay_statement(statement_id=row.pk, actor=DESK)
    with pytest.raises(Refused, match="is paid"):
        withdraw_statement(statement_id=row.pk, actor=DESK)


def test_what_was_paid_by_somebody_who_left_since_is_noted_without_a_word(ana, ben):
    hers, his = issue(ana), issue(ben)
    depart(patient_id=ana.pk, departure="left", on=None, actor=DESK)
    for row in (hers, his):
        assert pay_statement(statement_id=row.pk, actor=DESK).paid_at is not None
    assert (len(told(ana)), len(told(ben))) == (1, 2)


def test_who_left_is_sent_no_statement_of_somebody_else(ana, ben):
    depart(patient_id=ben.pk, departure="left", on=None, actor=DESK)
    with pytest.raises(Refused, match="Who pays") as refusal:
        issue(ana, guarantor_id=ben.pk)
    assert refusal.value.field == "guarantor_id"
    assert told(ana) == told(ben) == []


def test_a_mail_about_what_is_paid_by_now_is_called_off(ana, outbox):
    email_of(ana)
    row = issue(ana)
    Statement.objects.filter(pk=row.pk).update(paid_at=ISSUED)  # such as by another system
    go("2026-12-01", "2026-12-28")
    assert outbox("email") == []
    assert days(ana) == ["2026-12-01"]


def test_a_clinic_closed_for_three_weeks_reminds_once(ana):
    issue(ana)
    go("2027-01-22", "2027-01-23")
    assert days(ana) == ["2026-12-01", "2027-01-22"]


def test_who_is_told_today_is_not_reminded_tomorrow(ana):
    row = issue(ana, due_on=date(2026, 12, 4))
    assert set(ahead(row.subject)) == {"7-after", "21-after"}


def test_who_pays_for_her_and_acts_for_her_reads_for_whom_and_what_for(ana, ben, mother):
    issue(ana)
    go("2026-12-28")
    assert days(ana) == days(ben) == []
    (_day, first), (_later, reminder) = told(mother)
    assert "For: Ana Example" in first
    assert SECRET in first
    assert "Please pay $120.50 by Dec 31, 2026." in reminder


def test_who_pays_and_may_not_act_for_her_reads_neither_whose_nor_what(ana, ben):
    issue(ana, guarantor_id=ben.pk)
    go("2026-12-28", "2027-01-07")
    assert len(told(ben)) == 3
    for _day, words in told(ben):
        assert "$120.50" in words
        assert SECRET not in words
        assert "Ana" not in words
    assert days(ana) == []


def test_what_is_planned_for_weeks_later_knows_nothing_a_former_guardian_may_not(ana, mother):
    issue(ana)
    Guardianship.objects.update(ended_at=ISSUED + timedelta(days=3))
    go("2026-12-28", "2027-01-07", "2027-01-21")
    later = [words for _day, words in told(mother)[1:]]
    assert len(later) == 3
    assert not [words for words in later if SECRET in words or "Ana" in words]


def test_a_statement_after_the_guardianship_ended_names_nobody(ana, mother):
    Guardianship.objects.update(ended_at=ISSUED - timedelta(days=3))
    issue(ana)
    assert SECRET not in told(mother)[0][1]
    assert "Ana" not in told(mother)[0][1]


def test_outside_the_portal_nothing_says_that_it_is_about_money(ana, outbox):
    email_of(ana)
    issue(ana)
    go("2026-12-01", "2026-12-28", "2027-01-07")
    assert len(outbox("email")) == 3
    for mail in outbox("email"):
        assert "120" not in str(mail.content)
        assert "pay" not in str(mail.content).lower()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"amount": Decimal("0")}, "amount"),
        ({"amount": Decimal("-5")}, "amount"),
        ({"amount": Decimal("1.005")}, "amount"),
        ({"amount": Decimal("NaN")}, "amount"),
        ({"amount": Decimal("1E+400")}, "amount"),
        ({"amount": 12.5}, "amount"),
        ({"due_on": date(2026, 11, 30)}, "due_on"),
        ({"due_on": date.max}, "due_on"),
        ({"issued_on": date.min}, "issued_on"),
        ({"guarantor_id": "018f0000-0000-7000-8000-000000000000"}, "guarantor_id"),
    ],
)
def test_a_statement_that_cannot_be_is_refused_and_the_field_is_named(ana, given, field):
    with pytest.raises(Refused) as refusal:
        issue(ana, **given)
    assert refusal.value.field == field
    assert not Statement.objects.exists()
    assert days(ana) == []


def test_nobody_unknown_gets_a_statement(ana):
    ana.pk = "018f0000-0000-7000-8000-000000000000"
    with pytest.raises(Refused) as refusal:
        issue(ana)
    assert refusal.value.field == "patient_id"


# -- planned treatment ----------------------------------------------------------------------------


@pytest.fixture
def crown(ana, provider) -> PlannedTreatment:
    """A crown that Ana and Dr Lee agreed on, on 1 December."""
    with clock.at(ISSUED):
        return plan_treatment(
            patient_id=ana.pk,
            provider_id=provider.pk,
            summary="A crown, lower right.",
            next_step="Two visits of an hour.",
            actor=DESK,
        )


def test_treatment_nobody_has_booked_is_spoken_of_twice(crown, ana, ben, outbox):
    email_of(ana)
    assert ahead(crown.subject) == {
        "14-after": wall("2026-12-15 10:00"),
        "45-after": wall("2027-01-15 10:00"),
    }
    go("2026-12-15", "2027-01-15", "2027-06-01")
    assert days(ana) == ["2026-12-15", "2027-01-15"]
    words = told(ana)[0][1]
    for said in ("Dr Lee suggests: A crown", "Two visits of an hour", "no visit booked yet"):
        assert said in words
    assert days(ben) == []
    assert len(outbox("email")) == 2
    assert "crown" not in "".join(str(mail.content) for mail in outbox("email")).lower()


def test_who_has_a_visit_ahead_hears_of_it_in_the_chair(crown, ana, location, provider):
    with clock.at(ISSUED):
        visit = a_visit(ana, wall("2027-02-01 10:00"), location=location, provider=provider)
    go("2026-12-15")
    with clock.at(wall("2026-12-20 10:00")):
        cancel(appointment_id=visit.pk, actor=DESK)
    go("2027-01-15")
    types = patient_notification_service.inbox(patient_id=ana.pk, status="all").items
    suggested = [row for row in types if row.type == "clinical_recommendation"]
    assert [f"{row.created_at:%F}" for row in suggested] == ["2027-01-15"]


def test_what_is_done_or_dropped_is_not_spoken_of(crown, ana):
    go("2026-12-15")
    with clock.at(wall("2026-12-16 10:00")):
        end_treatment(treatment_id=crown.pk, actor=DESK)
        end_treatment(treatment_id=crown.pk, actor=DESK)
        assert patient_notification_service.unread_count(patient_id=ana.pk) == 0
    go("2027-01-15")
    assert days(ana) == ["2026-12-15"]


def test_a_treatment_that_says_nothing_or_lies_ahead_is_refused(ana, provider):
    given = {"patient_id": ana.pk, "provider_id": provider.pk, "actor": DESK}
    for more, field in (
        ({"summary": " "}, "summary"),
        ({"summary": "A crown", "planned_on": date(2099, 1, 1)}, "planned_on"),
        ({"summary": "A crown", "provider_id": ana.pk}, "provider_id"),
    ):
        with pytest.raises(Refused) as refusal:
            plan_treatment(**given | more)
        assert refusal.value.field == field
    assert not PlannedTreatment.objects.exists()

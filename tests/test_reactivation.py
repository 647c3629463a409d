"""Who has not been here for a year and a half, and asked to be told so, is invited once."""

from datetime import timedelta

import pytest

from notifications import clock, preferences
from notifications.enums import PlanStatus, Purpose
from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service
from portal.services import complete, mark_missed
from tests.clinic import DESK, a_visit, wall
from tests.conftest import agreed_email
from tests.engine import NOON, run, say

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("practice")]
LAST = wall("2026-08-31 09:00")
INVITED = wall("2028-02-29 10:00")  # eighteen months of the calendar later


@pytest.fixture
def seen(location, provider):
    """Let a patient have been here, at a moment."""

    def see(patient, starts_at):
        with clock.at(starts_at - timedelta(days=3)):
            visit = a_visit(
                patient, starts_at, location=location, provider=provider, announce=False
            )
        with clock.at(starts_at + timedelta(hours=1)):
            return complete(appointment_id=visit.pk, actor=DESK)

    return see


def ahead(patient) -> list:
    plans = notification_scheduler_service.planned_for(subject=f"reactivation:{patient.pk}")
    return [plan.due_at for plan in plans if plan.status == PlanStatus.PLANNED]


def invitations(patient) -> list[str]:
    rows = patient_notification_service.inbox(
        patient_id=patient.pk, status="all", type_key="patient_reactivation"
    )
    return [row.message for row in rows.items]


def test_she_is_invited_a_year_and_a_half_after_her_last_visit(ana, ben, seen):
    seen(ana, LAST)
    assert ahead(ana) == [INVITED]
    run(INVITED - timedelta(hours=1))
    assert invitations(ana) == []
    run(INVITED)
    run(INVITED + timedelta(days=30))
    (words,) = invitations(ana)
    assert "Your last visit with us was on Aug 31, 2026." in words
    assert invitations(ben) == []


def test_each_visit_puts_the_invitation_off(ana, ben, seen):
    seen(ana, LAST)
    seen(ben, LAST)
    seen(ana, LAST + timedelta(days=60))
    assert ahead(ana) == [wall("2028-04-30 10:00")]
    assert ahead(ben) == [INVITED]


def test_a_visit_written_down_late_changes_nothing(ana, seen):
    seen(ana, LAST)
    seen(ana, LAST - timedelta(days=60))
    assert ahead(ana) == [INVITED]


def test_who_never_came_after_all_is_invited_by_the_visit_before(ana, seen):
    seen(ana, LAST)
    later = seen(ana, LAST + timedelta(days=60))
    with clock.at(LAST + timedelta(days=61)):
        mark_missed(appointment_id=later.pk, actor=DESK)
        assert ahead(ana) == [INVITED]
        complete(appointment_id=later.pk, actor=DESK)
    assert ahead(ana) == [wall("2028-04-30 10:00")]


def test_who_has_a_visit_ahead_is_not_invited(ana, seen, location, provider):
    seen(ana, LAST)
    with clock.at(INVITED - timedelta(days=9)):
        a_visit(ana, INVITED + timedelta(days=9), location=location, provider=provider)
    run(INVITED)
    assert invitations(ana) == []


def test_an_old_book_that_is_imported_invites_nobody(ana, seen, location, provider):
    with clock.at(NOON):
        visit = a_visit(
            ana, NOON - timedelta(days=700), location=location, provider=provider, announce=False
        )
        complete(appointment_id=visit.pk, actor=DESK)
    assert ahead(ana) == []


@pytest.mark.req("M-10")
@pytest.mark.usefixtures("ana_email")
def test_m10_nothing_leaves_the_portal_unless_she_asked_for_it(ana, ben, seen, outbox):
    say(agreed_email(ben), granted=True, purpose=Purpose.MARKETING)
    seen(ana, LAST)
    seen(ben, LAST)
    preferences.change(
        patient_id=ben.pk,
        type_key="patient_reactivation",
        changes={"email": True},
        actor=f"user:{ben.pk}",
    )
    run(INVITED)
    assert [mail.to for mail in outbox("email")] == ["ben@example.com"]

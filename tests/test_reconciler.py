"""Once a minute: what nobody is waiting for any more is found and brought to an end."""

from datetime import timedelta

import pytest

from notifications import clock
from notifications.models import ScheduledNotification
from notifications.reconciler import reconcile
from portal.models import Appointment
from portal.services import default_reminder_rules
from portal.services.upkeep import plan_missing
from tests.clinic import a_visit
from tests.engine import NOON, phone_of, run, send, status_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def rules(location):
    return default_reminder_rules(location)


def without_plans(visit: Appointment) -> Appointment:
    """Leave a visit as a row that was put into the book by hand."""
    ScheduledNotification.objects.filter(subject=visit.subject).delete()
    return visit


def plans_of(visit: Appointment) -> list[str]:
    rows = ScheduledNotification.objects.filter(subject=visit.subject)
    return sorted(rows.values_list("rule", flat=True))


@pytest.mark.req("R-15")
def test_a_visit_of_tomorrow_without_a_reminder_gets_one_within_the_minute(
    ana, ben, rules, location, provider
):
    anas = without_plans(a_visit(ana, NOON + 20 * HOUR, location=location, provider=provider))
    bens = a_visit(ben, NOON + 22 * HOUR, location=location, provider=provider)
    planned = plans_of(bens)
    run()
    assert plans_of(anas) == ["2-hours"]
    assert plans_of(bens) == planned
    run(at=anas.starts_at - HOUR)
    about = ScheduledNotification.objects.get(subject=anas.subject)
    assert about.notification.patient_id == ana.pk


def test_a_visit_far_ahead_is_left_to_the_backfill(ana, rules, location, provider):
    visit = without_plans(a_visit(ana, NOON + 5 * DAY, location=location, provider=provider))
    assert plan_missing() == 0
    assert plans_of(visit) == []


def test_a_visit_whose_reminders_were_called_off_is_not_without_any(ana, rules, location, provider):
    visit = a_visit(ana, NOON + DAY, location=location, provider=provider)
    ScheduledNotification.objects.update(status="cancelled")
    assert plan_missing() == 0
    assert ScheduledNotification.objects.filter(subject=visit.subject).exists()


def test_a_minute_in_which_nothing_is_missing_costs_two_statements(
    ana, rules, location, provider, django_assert_num_queries
):
    a_visit(ana, NOON + DAY, location=location, provider=provider)
    with django_assert_num_queries(2):
        plan_missing()


def breaks():
    raise RuntimeError("Ana's visit is on Tuesday")


def test_trouble_in_the_portal_keeps_no_message_waiting(ana, carrier, settings, caplog):
    settings.NOTIFICATIONS_UPKEEP = "tests.test_reconciler.breaks"
    phone_of(ana)
    made = send(ana)
    run()
    assert status_of(made, "sms")[0] == "accepted"
    assert "the portal's upkeep failed: RuntimeError" in caplog.text
    assert "Tuesday" not in caplog.text


def test_a_site_without_upkeep_reconciles_all_the_same(settings):
    settings.NOTIFICATIONS_UPKEEP = ""
    with clock.at(NOON):
        assert reconcile() == {}

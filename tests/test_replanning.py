"""The practice changes a rule, its hours, a name: what is planned follows in the same moment."""

import io
import json
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import transaction
from django.urls import reverse

from notifications import clock
from notifications.models import AuditEvent, PatientNotification, ScheduledNotification
from portal.models import Appointment, ClosedDay, Provider, ReminderRule
from portal.services import (
    complete,
    confirm,
    default_reminder_rules,
    keep,
    mark_missed,
    remove,
    reword,
)
from portal.services.visit_calendar import replanning
from tests.clinic import DENVER, DESK, NEW_YORK, a_visit, wall
from tests.conftest import signed_in
from tests.engine import NOON, run
from tests.imports import ANA, csv_of, row, run_import, visit_called

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("carrier", "noon")]
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MINUTES = 24 * 60
IN_TEN_DAYS = wall("2026-12-04 10:00")


@pytest.fixture
def rules(location):
    default_reminder_rules(location)
    return location.reminder_rules


@pytest.fixture
def visit(rules, ana, location, provider) -> Appointment:
    return a_visit(ana, IN_TEN_DAYS, location=location, provider=provider)


def plans(visit: Appointment, status: str = "planned") -> dict[str, ScheduledNotification]:
    rows = ScheduledNotification.objects.filter(subject=visit.subject, status=status)
    return {row.rule: row for row in rows.order_by("due_at")}


def due(visit: Appointment, zone: str = NEW_YORK) -> dict[str, str]:
    return {
        rule: row.due_at.astimezone(ZoneInfo(zone)).strftime("%d %b %H:%M")
        for rule, row in plans(visit).items()
    }


def changed(rules, name: str, **values) -> ReminderRule:
    rule = rules.get(name=name)
    for field, value in values.items():
        setattr(rule, field, value)
    keep(rule, actor=DESK)
    return rule


def told(patient) -> list[str]:
    rows = PatientNotification.objects.filter(patient=patient).order_by("seq")
    return list(rows.values_list("type", flat=True))


# -- rules ---------------------------------------------------------------------------------------


def test_a_rule_that_goes_a_day_earlier_takes_its_plans_with_it(visit, rules):
    before = plans(visit)["2-days"].pk
    changed(rules, "2-days", minutes_before=3 * MINUTES)
    assert due(visit) == {
        "7-days": "27 Nov 10:00",
        "2-days": "01 Dec 10:00",
        "2-hours": "04 Dec 08:00",
    }
    assert plans(visit)["2-days"].pk == before
    assert plans(visit)["7-days"].expires_at == plans(visit)["2-days"].due_at


def test_a_rule_switched_off_and_on_again_is_planned_once(visit, rules):
    changed(rules, "2-days", is_active=False)
    assert list(plans(visit)) == ["7-days", "2-hours"]
    assert plans(visit, "cancelled")["2-days"].reason == "superseded"
    changed(rules, "2-days", is_active=True)
    changed(rules, "2-days", is_active=True)
    assert list(plans(visit)) == ["7-days", "2-days", "2-hours"]


def test_a_new_rule_and_one_taken_away(visit, rules, location):
    rule = ReminderRule(location=location, name="10-days", minutes_before=9 * MINUTES)
    keep(rule, actor=DESK)
    assert list(plans(visit)) == ["10-days", "7-days", "2-days", "2-hours"]
    remove(rule, actor=DESK)
    assert list(plans(visit)) == ["7-days", "2-days", "2-hours"]


def test_a_new_rule_sends_no_late_message_where_another_follows(rules, ana, location, provider):
    rules.filter(name__in=["7-days", "save-the-date"]).delete()
    with clock.at(NOON - 30 * DAY):
        visit = a_visit(ana, NOON + 5 * DAY, location=location, provider=provider)
    rule = ReminderRule(location=location, name="6-days", minutes_before=6 * MINUTES)
    keep(rule, actor=DESK)
    run()
    assert told(ana) == ["appointment_confirmed"]
    assert list(plans(visit)) == ["2-days", "2-hours"]


def test_a_changed_rule_may_be_late_for_a_visit_that_has_nothing_else(ana, ben, location, provider):
    rule = ReminderRule(location=location, name="only", minutes_before=120)
    keep(rule, actor=DESK)
    with clock.at(NOON - 20 * DAY):
        anas = a_visit(ana, NOON + DAY, location=location, provider=provider)
    bens = a_visit(ben, NOON + DAY, location=location, provider=provider)
    rule.minutes_before = 2 * MINUTES
    keep(rule, actor=DESK)
    run()
    assert told(ana) == ["appointment_confirmed", "appointment_reminder"]
    assert told(ben) == ["appointment_confirmed"]  # today: it needs no late one
    assert plans(anas) == plans(bens) == {}


def test_what_was_sent_is_not_sent_again_under_a_changed_rule(visit, rules, ana):
    run(IN_TEN_DAYS - 7 * DAY)
    with clock.at(IN_TEN_DAYS - 6 * DAY):
        changed(rules, "7-days", minutes_before=4 * MINUTES)
    assert list(plans(visit)) == ["2-days", "2-hours"]
    assert told(ana).count("appointment_reminder") == 1


def test_a_reminder_that_is_due_this_minute_still_goes_when_something_changes(
    visit, rules, ana, location
):
    with clock.at(IN_TEN_DAYS - 7 * DAY + timedelta(seconds=20)):
        location.phone = "212-555-0199"
        keep(location, actor=DESK)
        run()
    assert told(ana)[-1] == "appointment_reminder"


def test_a_renamed_rule_keeps_its_plan_when_its_old_name_goes_to_another(visit, rules, location):
    week = rules.get(name="7-days")
    week.name = "a-week"
    keep(week, actor=DESK)
    changed(rules, "2-days", is_active=False)
    keep(ReminderRule(location=location, name="7-days", minutes_before=5 * MINUTES), actor=DESK)
    assert list(due(visit).values()) == ["27 Nov 10:00", "29 Nov 10:00", "04 Dec 08:00"]


@pytest.fixture
def for_new(rules, location):
    """At this place only who comes for the first time hears a week ahead."""
    return changed(rules, "7-days", audience=ReminderRule.Audience.NEW)


def test_who_was_here_meanwhile_is_no_longer_told_as_somebody_new(
    visit, for_new, ana, ben, location, provider
):
    his = a_visit(ben, IN_TEN_DAYS + HOUR, location=location, provider=provider)
    this_noon = a_visit(ana, NOON + HOUR, location=location, provider=provider)
    with clock.at(NOON + 2 * HOUR):
        complete(appointment_id=this_noon.pk, actor=DESK)
        assert "7-days" not in plans(visit)
        assert "7-days" in plans(his)
        mark_missed(appointment_id=this_noon.pk, actor=DESK)  # it was a slip
    assert "7-days" in plans(visit)


def test_another_places_rules_and_visits_are_left_alone(visit, rules, ben, practice, provider):
    elsewhere = practice.locations.create(name="Hill St", zone=DENVER)
    default_reminder_rules(elsewhere)
    there = a_visit(ben, IN_TEN_DAYS, location=elsewhere, provider=provider)
    before = due(there)
    done = keep(rules.get(name="2-days"), actor=DESK)
    assert (done.looked_at, done.changed) == (1, 0)
    changed(rules, "2-days", minutes_before=3 * MINUTES)
    assert due(there) == before


def test_who_confirmed_is_not_asked_by_what_is_planned_anew(visit, rules):
    confirm(appointment_id=visit.pk, actor=DESK)
    changed(rules, "2-days", minutes_before=3 * MINUTES)
    assert [row.payload["asks_to_confirm"] for row in plans(visit).values()] == [False] * 3


# -- places and people ---------------------------------------------------------------------------


def test_a_new_phone_number_and_name_are_said_by_what_is_not_sent_yet(visit, ana, location):
    location.name, location.phone = "Main Street Dental", "212-555-0177"
    keep(location, actor=DESK)
    run(IN_TEN_DAYS - 7 * DAY)
    said = PatientNotification.objects.filter(patient=ana).latest("seq").message
    assert "Main Street Dental" in said and "212-555-0177" in said


def test_a_provider_who_married_is_named_anew(visit, provider):
    provider.name = "Dr Novak"
    keep(provider, actor=DESK)
    assert {row.payload["provider_name"] for row in plans(visit).values()} == {"Dr Novak"}


@pytest.mark.req("R-11")
def test_r11_a_zone_set_right_moves_what_is_planned_to_its_wall_clock(visit, location):
    """Across 1 November: in Arizona the clocks do not change, and an hour is an hour."""
    starts_at = wall("2026-12-04 10:00")
    location.zone = "America/Phoenix"
    keep(location, actor=DESK)
    assert due(visit, "America/Phoenix")["7-days"] == "27 Nov 08:00"
    # Eight in the morning there: two hours before is the night, so it goes the evening before.
    assert due(visit, "America/Phoenix")["2-hours"] == "03 Dec 18:00"
    assert plans(visit)["2-days"].payload["location_zone"] == "America/Phoenix"
    assert Appointment.objects.get(pk=visit.pk).starts_at == starts_at


def test_a_message_of_this_evening_still_goes_when_the_phone_number_changes(
    rules, ana, location, provider
):
    with clock.at(NOON - 20 * DAY):
        missed = a_visit(ana, NOON - 2 * HOUR, location=location, provider=provider)
    mark_missed(appointment_id=missed.pk, actor=DESK)
    with clock.at(NOON + HOUR):
        location.phone = "212-555-0177"
        keep(location, actor=DESK)
    plan = plans(missed)["missed"]
    assert plan.due_at == wall("2026-11-24 18:00")
    assert plan.payload["location_phone"] == "212-555-0177"


def test_a_place_renamed_by_an_import_is_named_anew(tmp_path):
    run_import(csv_of(row(ANA)), folder=tmp_path)
    run_import(csv_of(row(ANA, location_name="Hill Street")), folder=tmp_path)
    names = {plan.payload["location_name"] for plan in plans(visit_called("A1")).values()}
    assert names == {"Hill Street"}


def test_what_a_visit_is_for_is_said_anew_and_nobody_hears_of_it(visit, ana):
    reword(appointment_id=visit.pk, reason="Crown", notes="")
    assert {row.payload["appointment_reason"] for row in plans(visit).values()} == {"Crown"}
    assert told(ana) == ["appointment_confirmed"]


# -- closed days ---------------------------------------------------------------------------------


def test_a_day_nobody_is_there_moves_what_asks_for_a_call(rules, ana, location, provider):
    changed(rules, "2-days", what="confirm", ladder="standard")
    visit = a_visit(ana, wall("2026-12-04 10:00"), location=location, provider=provider)
    assert due(visit)["2-days"] == "02 Dec 10:00"
    day = ClosedDay(location=None, on=date(2026, 12, 3), name="Works")
    keep(day, actor=DESK)
    plan = plans(visit)["2-days"]
    assert plan.payload["reach_by"] == wall("2026-12-02 17:00").isoformat()
    assert due(visit)["2-days"] == "01 Dec 13:00"
    remove(day, actor=DESK)
    assert due(visit)["2-days"] == "02 Dec 10:00"


def test_a_closed_day_of_one_place_that_becomes_anothers_concerns_both(
    rules, ana, ben, location, practice, provider
):
    elsewhere = practice.locations.create(name="Hill St", zone=NEW_YORK)
    for place in (location, elsewhere):
        rule = ReminderRule(location=place, name="ask", what="confirm", minutes_before=4 * MINUTES)
        ReminderRule.objects.filter(location=place).delete()
        keep(rule, actor=DESK)
    here = a_visit(ana, IN_TEN_DAYS, location=location, provider=provider)
    there = a_visit(ben, IN_TEN_DAYS, location=elsewhere, provider=provider)
    day = ClosedDay(location=location, on=date(2026, 11, 30), name="Works")
    keep(day, actor=DESK)
    assert (due(here), due(there)) == ({"ask": "27 Nov 10:00"}, {"ask": "30 Nov 10:00"})
    day.location = elsewhere
    keep(day, actor=DESK)
    assert (due(here), due(there)) == ({"ask": "30 Nov 10:00"}, {"ask": "27 Nov 10:00"})


# -- how it is done ------------------------------------------------------------------------------


def test_a_change_that_is_taken_back_leaves_the_plans_as_they_were(visit, rules):
    before = due(visit)
    with pytest.raises(KeyboardInterrupt), transaction.atomic():
        changed(rules, "2-days", minutes_before=3 * MINUTES)
        raise KeyboardInterrupt
    assert due(visit) == before


@pytest.mark.req("H-01")
def test_the_trail_names_who_changed_the_rule_that_changed_the_plans(visit, rules, ana):
    changed(rules, "2-days", minutes_before=3 * MINUTES)
    row = AuditEvent.objects.get(action="plan", details__change="replanned")
    assert (row.actor, row.patient_id, row.object_id) == (DESK, ana.pk, str(visit.pk))
    # The week's reminder ends when the other is due.
    assert (row.details["corrected"], row.details["withdrawn"]) == (2, 0)


def command(*arguments: str) -> str:
    said = io.StringIO()
    call_command("plan_appointments", *arguments, stdout=said, stderr=io.StringIO())
    return said.getvalue()


def test_the_command_brings_the_book_in_line_and_a_second_run_changes_nothing(visit, rules):
    rules.filter(name="2-days").update(minutes_before=3 * MINUTES)
    rules.filter(name="7-days").update(is_active=False)
    rules.create(name="6-days", minutes_before=6 * MINUTES)
    before = due(visit)
    assert command("--dry-run").splitlines() == [
        "Visits: 1; not as they should be: 1",
        "To add: 1 (6-days 1)",
        "To set right: 1 (2-days 1)",
        "To take back: 1 (7-days 1)",
        "This was a dry run: nothing was written.",
    ]
    assert due(visit) == before
    assert "Added: 1 (6-days 1)\nSet right: 1 (2-days 1)\nTaken back: 1 (7-days 1)" in command()
    assert list(plans(visit)) == ["6-days", "2-days", "2-hours"]
    assert json.loads(command("--json"))["changed"] == 0


@pytest.fixture
def twelve_visits(rules, ana, ben, location, provider, monkeypatch):
    monkeypatch.setattr(replanning, "CHUNK", 5)
    return [
        a_visit(patient, IN_TEN_DAYS + DAY * number, location=location, provider=provider)
        for number, patient in enumerate([ana, ben] * 6)
    ]


def test_a_book_that_is_right_costs_few_queries_however_many_visits(
    twelve_visits, location, django_assert_max_num_queries
):
    with django_assert_max_num_queries(4 * 10):  # three pieces, the last look, and the save
        assert keep(location, actor=DESK).changed == 0


def test_the_desk_is_told_how_many_visits_its_change_concerned(twelve_visits, location):
    chief = type(location.patients.first()).objects.create_superuser(username="c@example.com")
    page = reverse("admin:portal_provider_change", args=[Provider.objects.get().pk])
    answer = signed_in(chief).post(page, {"name": "Dr Novak", "is_active": "on"}, follow=True)
    assert "12 visits were planned anew." in answer.content.decode()

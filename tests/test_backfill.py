"""A practice adds a reminder rule, or its visits came without plans: what is owed gets planned."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from notifications import audit, clock
from notifications.models import AuditEvent, PatientNotification, ScheduledNotification
from portal.models import Appointment, ReminderRule, User
from portal.services import backfill as backfilling
from portal.services import cancel, confirm, default_reminder_rules, reschedule
from portal.services.backfill import backfill, visits_ahead
from portal.services.visit_calendar import replanning
from tests.clinic import DESK, HALF_AN_HOUR, a_visit
from tests.engine import NOON, email_of, run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("carrier", "noon")]
DAY = timedelta(days=1)
IN_TEN_DAYS = NOON + 10 * DAY
ALL_RULES = ["7-days", "2-days", "2-hours"]


@pytest.fixture
def rules(location):
    """The location's rules, made after its visits were: call it when the story has come so far."""
    return lambda: default_reminder_rules(location)


@pytest.fixture
def visit(ana, location, provider):
    """Ana's visit in ten days, booked while her clinic had no reminder rules."""
    return a_visit(ana, IN_TEN_DAYS, location=location, provider=provider)


def command(*arguments: str) -> str:
    said = io.StringIO()
    call_command("backfill_notifications", *arguments, stdout=said, stderr=io.StringIO())
    return said.getvalue()


def planned(visit: Appointment) -> list[str]:
    rows = ScheduledNotification.objects.filter(subject=visit.subject, status="planned")
    return list(rows.order_by("due_at").values_list("rule", flat=True))


def asks(visit: Appointment) -> list[bool]:
    rows = ScheduledNotification.objects.filter(subject=visit.subject, status="planned")
    return [row.payload["asks_to_confirm"] for row in rows.order_by("due_at")]


def told(patient: User) -> list[str]:
    rows = PatientNotification.objects.filter(patient=patient).order_by("seq")
    return list(rows.values_list("type", flat=True))


# -- what is owed -------------------------------------------------------------------------------


def test_a_visit_booked_before_there_were_rules_gets_its_reminders(visit, rules):
    assert planned(visit) == []
    rules()
    assert command().splitlines() == [
        "Visits ahead: 1; lacking a reminder: 1",
        "Planned: 3 reminders (2-days 1, 2-hours 1, 7-days 1)",
    ]
    assert planned(visit) == ALL_RULES


def test_run_again_it_makes_nothing_new(visit, rules):
    rules()
    command()
    before = ScheduledNotification.objects.count()
    assert "lacking a reminder: 0\nPlanned: 0 reminders" in command()
    assert ScheduledNotification.objects.count() == before


def test_a_new_rule_is_added_to_visits_that_have_the_others(visit, rules, location):
    rules()
    command()
    ReminderRule.objects.create(location=location, name="1-day", minutes_before=24 * 60)
    ReminderRule.objects.create(
        location=location, name="5-days", minutes_before=5 * 24 * 60, is_active=False
    )
    assert "Planned: 1 reminders (1-day 1)" in command()
    assert planned(visit) == ["7-days", "2-days", "1-day", "2-hours"]


def test_a_rule_that_was_renamed_reminds_nobody_twice(visit, rules, location):
    rules()
    command()
    ReminderRule.objects.filter(location=location, name="7-days").update(name="a-week")
    assert "Planned: 0 reminders" in command()


def test_nobody_hears_again_that_an_old_visit_was_booked(ana, visit, rules):
    rules()
    before = told(ana)
    command()
    run()
    assert told(ana) == before == ["appointment_confirmed"]


def test_each_visit_goes_by_the_rules_of_its_own_place(ana, ben, location, practice, provider):
    elsewhere = practice.locations.create(name="Hill St", zone="America/Denver")
    here = a_visit(ana, IN_TEN_DAYS, location=location, provider=provider)
    there = a_visit(ben, IN_TEN_DAYS, location=elsewhere, provider=provider)
    ReminderRule.objects.create(location=elsewhere, name="3-days", minutes_before=3 * 24 * 60)
    command()
    assert (planned(here), planned(there)) == ([], ["3-days"])


# -- nothing stale ------------------------------------------------------------------------------


def test_of_what_is_overdue_only_the_latest_goes_and_only_once(ana, location, provider, rules):
    email_of(ana)
    with clock.at(NOON - 30 * DAY):
        visit = a_visit(ana, NOON + 1 * DAY, location=location, provider=provider)
        run()
    rules()
    assert "Due already, so sent by the next run: 1" in command()
    assert planned(visit) == ["2-days", "2-hours"]
    run()
    command()
    run()
    assert told(ana) == ["appointment_confirmed", "appointment_reminder"]


def test_who_heard_of_the_visit_since_a_reminder_was_due_needs_no_late_one(
    ana, location, provider, rules
):
    """Booked four days ahead: the week's reminder was due before anybody knew of the visit."""
    visit = a_visit(ana, NOON + 4 * DAY, location=location, provider=provider)
    rules()
    command()
    assert planned(visit) == ["2-days", "2-hours"]


def test_a_visit_entered_without_a_message_gets_the_latest_reminder_it_missed(
    ana, location, provider, rules
):
    visit = a_visit(ana, NOON + 4 * DAY, location=location, provider=provider, announce=False)
    rules()
    command()
    assert planned(visit) == ALL_RULES


def test_visits_that_are_over_cancelled_or_missed_are_left_alone(
    ana, ben, location, provider, rules
):
    with clock.at(NOON - 2 * DAY):
        over = a_visit(ana, NOON - DAY, location=location, provider=provider)
    called_off = a_visit(ben, IN_TEN_DAYS, location=location, provider=provider)
    cancel(appointment_id=called_off.pk, actor=DESK)
    rules()
    assert command().startswith("Visits ahead: 0; lacking a reminder: 0")
    assert (planned(over), planned(called_off)) == ([], [])


def test_who_confirmed_is_reminded_and_not_asked_again(visit, rules):
    confirm(appointment_id=visit.pk, actor=DESK)
    rules()
    command()
    assert asks(visit) == [False, False, False]
    assert "Planned: 0 reminders" in command()


def test_who_confirmed_what_was_planned_gets_nothing_twice(visit, rules):
    rules()
    command()
    assert asks(visit) == [True, True, False]
    confirm(appointment_id=visit.pk, actor=DESK)
    assert "Planned: 0 reminders" in command()
    assert asks(visit) == [False, False, False]


def test_a_moved_visit_is_owed_the_reminders_of_its_new_time_only(visit, rules):
    moved = reschedule(
        appointment_id=visit.pk,
        starts_at=IN_TEN_DAYS + DAY,
        ends_at=IN_TEN_DAYS + DAY + HALF_AN_HOUR,
        actor=DESK,
    )
    rules()
    command()
    rows = ScheduledNotification.objects.filter(subject=visit.subject)
    assert {row.revision for row in rows} == {moved.revision}
    assert planned(visit) == ALL_RULES


# -- which visits -------------------------------------------------------------------------------


def test_only_the_coming_days_if_asked(ana, ben, location, provider, rules):
    soon = a_visit(ana, NOON + 5 * DAY, location=location, provider=provider)
    later = a_visit(ben, NOON + 20 * DAY, location=location, provider=provider)
    rules()
    command("--days", "14")
    assert (planned(soon), planned(later)) == (["2-days", "2-hours"], [])


def test_only_what_was_booked_since_a_day_if_asked(ana, ben, location, provider, rules):
    with clock.at(NOON - 10 * DAY):
        old = a_visit(ana, IN_TEN_DAYS, location=location, provider=provider)
    new = a_visit(ben, IN_TEN_DAYS, location=location, provider=provider)
    rules()
    command("--since", "2026-11-24")
    assert (planned(old), planned(new)) == ([], ALL_RULES)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--since", "yesterday"], "is not a day; write 2026-11-22"),
        (["--days", "0"], "a number from 1"),
        (["--days", "99999999"], "a number from 1"),
    ],
)
def test_what_makes_no_sense_is_refused_with_an_example(wrong, said):
    with pytest.raises(CommandError, match=said):
        command(*wrong)


# -- how it runs --------------------------------------------------------------------------------


def test_a_dry_run_says_what_would_be_planned_and_writes_nothing(visit, rules):
    rules()
    rehearsed = command("--dry-run")
    assert "To plan: 3 reminders" in rehearsed and "nothing was written" in rehearsed
    assert planned(visit) == []
    assert json.loads(command("--json")) == {
        "looked_at": 1,
        "lacking": 1,
        "at_once": 0,
        "plans": {"7-days": 1, "2-days": 1, "2-hours": 1},
        "written": True,
    }


@pytest.mark.req("H-01")
def test_the_trail_names_the_job_that_planned(ana, visit, rules):
    rules()
    command()
    rows = AuditEvent.objects.filter(actor=backfilling.ACTOR)
    assert [(row.patient_id, row.object_id, row.details["plans"]) for row in rows] == [
        (ana.pk, str(visit.pk), 3)
    ]
    assert audit.verify() == []


@pytest.fixture
def twelve_visits(ana, ben, location, provider, monkeypatch):
    """A book of twelve, looked at five at a time."""
    monkeypatch.setattr(replanning, "CHUNK", 5)
    return [
        a_visit(patient, IN_TEN_DAYS + DAY * number, location=location, provider=provider)
        for number, patient in enumerate([ana, ben] * 6)
    ]


def test_cut_off_between_two_pieces_or_within_one_a_second_run_ends_the_same(
    twelve_visits, rules, monkeypatch
):
    rules()
    with pytest.raises(KeyboardInterrupt):
        backfill(visits_ahead(), on_progress=cut_off)
    assert [len(planned(visit)) for visit in twelve_visits] == [3] * 5 + [0] * 7
    with monkeypatch.context() as patched:
        patched.setattr(replanning, "_draft", breaks_on(twelve_visits[7]))
        with pytest.raises(KeyboardInterrupt):
            backfill(visits_ahead())
    assert [len(planned(visit)) for visit in twelve_visits] == [3] * 5 + [0] * 7
    said = json.loads(command("--json"))
    assert (said["looked_at"], said["lacking"]) == (12, 7)
    assert [planned(visit) for visit in twelve_visits] == [ALL_RULES] * 12


def cut_off(_count: int) -> None:
    raise KeyboardInterrupt


def breaks_on(unlucky: Appointment):
    """Return a planner that is cut off at one visit."""
    whole = replanning._draft

    def draft(visit, step, key):
        if visit == unlucky:
            raise KeyboardInterrupt
        return whole(visit, step, key)

    return draft


def test_without_a_terminal_each_piece_is_a_line(twelve_visits, rules):
    said = io.StringIO()
    call_command("backfill_notifications", stdout=io.StringIO(), stderr=said)
    assert said.getvalue().splitlines() == [
        "5 of 12 visits",
        "10 of 12 visits",
        "12 of 12 visits",
    ]


def test_a_book_without_gaps_costs_the_same_few_queries_however_many_visits(
    twelve_visits, rules, django_assert_max_num_queries
):
    rules()
    command()
    # Three pieces and the empty last look. Forms and keys are asked for beside rules and plans.
    with django_assert_max_num_queries(3 * 10):
        backfill(visits_ahead())

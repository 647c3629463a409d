"""When the clinic reminds of a visit: three moments, by the clock on its wall."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from portal.models import Appointment
from portal.services.reminders import DEFAULT_RULES, reminder_steps
from portal.services.visit_calendar import VisitFacts, to_plan
from portal.services.visit_calendar.times import moment_before
from tests.clinic import DENVER, NEW_YORK, wall

NEW_YEAR, A_MINUTE = datetime(2026, 1, 1, tzinfo=UTC), timedelta(minutes=1)
WEEK, TWO_DAYS, TWO_HOURS = 7 * 24 * 60, 2 * 24 * 60, 120


def local(moment: datetime, zone: str = NEW_YORK) -> str:
    return moment.astimezone(ZoneInfo(zone)).strftime("%a %d %b %H:%M %Z")


def due(visit: datetime, zone: str = NEW_YORK) -> dict[str, str]:
    steps = reminder_steps(starts_at=visit, zone=zone, rules=DEFAULT_RULES)
    return {step.rule: local(step.due_at, zone) for step in steps}


def rules_left(visit: datetime, *, now: datetime, with_overdue: bool) -> list[str]:
    """`with_overdue`: the patient has not heard of the visit yet."""
    steps = reminder_steps(starts_at=visit, zone=NEW_YORK, rules=DEFAULT_RULES)
    facts = VisitFacts(visit=Appointment(), told_at=None if with_overdue else now)
    standing = [step for step in steps if step.expires_at > now]
    return [step.rule for step in to_plan(standing, facts=facts, now=now)]


def test_a_visit_is_reminded_of_a_week_two_days_and_two_hours_before():
    assert due(wall("2026-11-24 09:30")) == {
        "7-days": "Tue 17 Nov 09:30 EST",
        "2-days": "Sun 22 Nov 09:30 EST",
        "2-hours": "Tue 24 Nov 07:30 EST",
    }


def test_in_the_week_the_clocks_change_reminders_keep_the_hour_on_the_wall():
    spring = due(wall("2026-03-10 09:30"))
    assert (spring["7-days"], spring["2-days"]) == ("Tue 03 Mar 09:30 EST", "Sun 08 Mar 09:30 EDT")
    autumn = due(wall("2026-11-03 09:30"))
    assert autumn["7-days"] == "Tue 27 Oct 09:30 EDT"
    assert autumn["2-days"] == "Sun 01 Nov 09:30 EST"


@pytest.mark.parametrize(
    ("zone", "before", "after"),
    [
        ("America/Phoenix", "MST", "MST"),
        ("Pacific/Honolulu", "HST", "HST"),
        ("America/Indiana/Indianapolis", "EST", "EDT"),
        (DENVER, "MST", "MDT"),
    ],
)
@pytest.mark.req("R-11")
def test_r11_each_place_goes_by_its_own_clock(zone, before, after):
    visit = wall("2026-03-10 09:30", zone)
    assert due(visit, zone)["7-days"] == f"Tue 03 Mar 09:30 {before}"
    assert due(visit, zone)["2-hours"] == f"Tue 10 Mar 07:30 {after}"


@pytest.mark.req("R-11")
def test_r11_an_hour_the_clocks_skip_moves_forward():
    reminder = moment_before(starts_at=wall("2026-03-10 02:30"), minutes=TWO_DAYS, zone=NEW_YORK)
    assert local(reminder) == "Sun 08 Mar 03:30 EDT"


@pytest.mark.req("R-11")
def test_r11_an_hour_the_clocks_repeat_is_the_first():
    reminder = moment_before(starts_at=wall("2026-11-03 01:30"), minutes=TWO_DAYS, zone=NEW_YORK)
    assert local(reminder) == "Sun 01 Nov 01:30 EDT"


@given(
    visit=some.integers(0, 2 * 365 * 24 * 60).map(lambda minute: NEW_YEAR + minute * A_MINUTE),
    days=some.integers(1, 60),
    zone=some.sampled_from([NEW_YORK, DENVER, "America/Phoenix", "Europe/Madrid"]),
)
@pytest.mark.req("R-11")
def test_r11_a_reminder_is_at_the_visits_hour_or_within_the_hour_the_clocks_skip(visit, days, zone):
    reminder = moment_before(starts_at=visit, minutes=days * 24 * 60, zone=zone)
    wanted = visit.astimezone(ZoneInfo(zone)).replace(tzinfo=None) - timedelta(days=days)
    got = reminder.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert got - wanted in (timedelta(0), timedelta(hours=1))


def test_two_hours_before_is_two_hours_even_when_the_clocks_change_in_between():
    visit = wall("2026-03-08 03:30")
    reminder = moment_before(starts_at=visit, minutes=TWO_HOURS, zone=NEW_YORK)
    assert visit - reminder == timedelta(hours=2)


@pytest.mark.req("R-10")
def test_r10_a_reminder_expires_when_the_next_is_due_and_the_last_before_the_patient_leaves():
    visit = wall("2026-11-24 09:30")
    steps = reminder_steps(starts_at=visit, zone=NEW_YORK, rules=DEFAULT_RULES)
    assert [step.expires_at for step in steps] == [
        steps[1].due_at,
        steps[2].due_at,
        visit - timedelta(minutes=30),
    ]


def test_a_patient_just_told_of_a_visit_gets_no_reminder_that_is_overdue():
    visit = wall("2026-11-24 09:30")
    day_before = visit - timedelta(days=1)
    assert rules_left(visit, now=day_before, with_overdue=False) == ["2-hours"]


def test_a_visit_entered_late_without_a_word_keeps_only_its_latest_overdue_reminder():
    visit = wall("2026-11-24 09:30")
    left = {
        "8 days": ["7-days", "2-days", "2-hours"],
        "3 days": ["7-days", "2-days", "2-hours"],
        "1 day": ["2-days", "2-hours"],
        "1 hour": ["2-hours"],
        "20 minutes": [],
    }
    ago = {
        "8 days": timedelta(days=8),
        "3 days": timedelta(days=3),
        "1 day": timedelta(days=1),
        "1 hour": timedelta(hours=1),
        "20 minutes": timedelta(minutes=20),
    }
    for name, wanted in left.items():
        assert rules_left(visit, now=visit - ago[name], with_overdue=True) == wanted, name


def test_a_rule_that_leaves_no_time_to_act_yields_no_reminder():
    visit = wall("2026-11-24 09:30")
    rules = {"2-hours": TWO_HOURS, "at-the-door": 10}
    steps = reminder_steps(starts_at=visit, zone=NEW_YORK, rules=rules)
    assert [step.rule for step in steps] == ["2-hours"]
    assert steps[0].expires_at == visit - timedelta(minutes=30)


def test_two_rules_for_the_same_moment_remind_once():
    visit = wall("2026-11-24 09:30")
    steps = reminder_steps(starts_at=visit, zone=NEW_YORK, rules={"a": WEEK, "b": WEEK})
    assert len(steps) == 1


def test_no_rules_no_reminders():
    assert reminder_steps(starts_at=wall("2026-11-24 09:30"), zone=NEW_YORK, rules={}) == []

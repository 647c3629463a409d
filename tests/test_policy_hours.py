"""Quiet hours and the hours of texts, on each patient's wall clock, on every day of the year."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from notifications.enums import (
    Action,
    ContactKind,
    ContactStatus,
    PatientNotificationPriority,
    Reason,
)
from notifications.policy import Facts, decide, explain
from tests.clinic import NEW_YORK, wall

PHOENIX, HONOLULU = "America/Phoenix", "Pacific/Honolulu"
ZONES = [NEW_YORK, PHOENIX, HONOLULU, "America/Indiana/Indianapolis", "America/Denver", "UTC"]
URGENT = PatientNotificationPriority.URGENT
ONE_SECOND = timedelta(seconds=1)
# The nights the clocks of most zones here change.
SPRING, AUTUMN = datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)


def a_text(moment: datetime, zone: str = NEW_YORK, **facts) -> Facts:
    return Facts(**{"now": moment, "zone": zone, "contact_kind": ContactKind.PHONE} | facts)


def a_push(moment: datetime, **facts) -> Facts:
    return a_text(moment, contact_kind=ContactKind.PUSH, **facts)


def held_until(facts: Facts) -> str:
    decision = decide(facts)
    assert decision.action == Action.HOLD, decision
    return (
        decision.at.astimezone(UTC).astimezone(ZoneInfo(facts.zone)).strftime("%a %d %b %H:%M %Z")
    )


def goes(facts: Facts) -> bool:
    return decide(facts).action == Action.SEND


@pytest.mark.req("M-09")
def test_p20_a_text_of_the_evening_waits_for_eight_in_the_morning():
    assert held_until(a_text(wall("2026-11-24 23:30"))) == "Wed 25 Nov 08:00 EST"
    assert held_until(a_text(wall("2026-11-25 06:00"))) == "Wed 25 Nov 08:00 EST"


def test_the_edges_are_exact_nine_in_the_evening_is_closed_eight_in_the_morning_is_open():
    assert goes(a_text(wall("2026-11-24 21:00") - ONE_SECOND))
    assert not goes(a_text(wall("2026-11-24 21:00")))
    assert not goes(a_text(wall("2026-11-25 08:00") - ONE_SECOND))
    assert goes(a_text(wall("2026-11-25 08:00")))


def test_an_email_waits_for_nobody():
    assert goes(a_text(wall("2026-11-24 03:00"), contact_kind=ContactKind.EMAIL))


@pytest.mark.req("M-09")
def test_p20_urgent_rings_a_device_at_night_but_its_text_waits_for_the_morning():
    night = wall("2026-11-24 23:30")
    assert goes(a_push(night, priority=URGENT))
    urgent = decide(a_text(night, priority=URGENT))
    assert (urgent.action, urgent.reason) == (Action.HOLD, Reason.TEXT_HOURS)


def test_p20_a_text_goes_at_night_only_if_it_is_urgent_and_its_type_says_so():
    night = wall("2026-11-25 06:30")
    assert goes(a_text(night, priority=URGENT, passes_floor=True))
    still_quiet = decide(a_text(night, passes_floor=True))
    assert (still_quiet.action, still_quiet.reason) == (Action.HOLD, Reason.QUIET_HOURS)


def test_a_patient_without_quiet_hours_still_gets_no_text_at_night():
    night = wall("2026-11-24 23:30")
    none = {"quiet_from": None, "quiet_until": None}
    assert decide(a_text(night, **none)).reason == Reason.TEXT_HOURS
    assert goes(a_push(night, **none))


def test_longer_quiet_hours_of_a_patient_count_too():
    late_riser = {"quiet_from": time(20), "quiet_until": time(10)}
    assert held_until(a_text(wall("2026-11-24 20:30"), **late_riser)) == "Wed 25 Nov 10:00 EST"
    assert held_until(a_text(wall("2026-11-25 09:59"), **late_riser)) == "Wed 25 Nov 10:00 EST"


def test_quiet_hours_at_midday_end_the_same_day():
    nap = {"quiet_from": time(13), "quiet_until": time(15)}
    assert held_until(a_push(wall("2026-11-24 14:00"), **nap)) == "Tue 24 Nov 15:00 EST"
    assert goes(a_push(wall("2026-11-24 15:00"), **nap))
    assert goes(a_push(wall("2026-11-24 23:00"), **nap))


def test_quiet_hours_from_and_until_the_same_time_are_none():
    assert goes(a_push(wall("2026-11-24 23:00"), quiet_from=time(9), quiet_until=time(9)))


def test_p20_what_would_be_held_past_the_time_to_act_is_too_late_now_and_not_in_the_morning():
    nine_oclock_visit = wall("2026-11-25 07:30")
    decision = decide(a_text(wall("2026-11-24 23:30"), expires_at=nine_oclock_visit))
    assert (decision.action, decision.reason) == (Action.SKIP, Reason.EXPIRED)
    in_time = wall("2026-11-25 08:30")
    assert held_until(a_text(wall("2026-11-24 23:30"), expires_at=in_time)).endswith("08:00 EST")


# -- the nights the clocks change ---------------------------------------------------------------


@pytest.mark.req("M-09")
def test_p20_in_the_night_of_the_eighth_of_march_a_text_waits_for_eight_oclock_of_the_new_time():
    assert held_until(a_text(wall("2026-03-07 21:00"))) == "Sun 08 Mar 08:00 EDT"
    assert held_until(a_text(wall("2026-03-08 01:59"))) == "Sun 08 Mar 08:00 EDT"
    assert held_until(a_text(wall("2026-03-08 03:30"))) == "Sun 08 Mar 08:00 EDT"


@pytest.mark.req("M-09")
def test_p20_in_the_night_of_the_first_of_november_a_text_waits_for_eight_oclock_of_the_new_time():
    assert held_until(a_text(wall("2026-10-31 21:00"))) == "Sun 01 Nov 08:00 EST"
    twice_half_past_one = wall("2026-11-01 01:30")
    assert held_until(a_text(twice_half_past_one)) == "Sun 01 Nov 08:00 EST"
    assert held_until(a_text(twice_half_past_one + timedelta(hours=1))) == "Sun 01 Nov 08:00 EST"


@pytest.mark.parametrize(
    ("zone", "held"),
    [(PHOENIX, "Sun 08 Mar 08:00 MST"), (HONOLULU, "Sun 08 Mar 08:00 HST")],
)
def test_arizona_and_hawaii_do_not_change_their_clocks(zone, held):
    assert held_until(a_text(wall("2026-03-07 22:00", zone), zone)) == held
    assert held_until(a_text(wall("2026-03-08 02:30", zone), zone)) == held


def test_quiet_hours_that_end_in_the_hour_that_is_skipped_end_right_after_it():
    early_bird = {"quiet_from": time(22), "quiet_until": time(2, 30)}
    assert held_until(a_push(wall("2026-03-08 01:00"), **early_bird)) == "Sun 08 Mar 03:30 EDT"


def test_quiet_hours_that_end_in_the_hour_that_comes_twice_end_once_and_hold_nothing_back_in_time():
    early_bird = {"quiet_from": time(22), "quiet_until": time(1, 30)}
    first = wall("2026-11-01 01:00")
    assert held_until(a_push(first, **early_bird)) == "Sun 01 Nov 01:30 EDT"
    assert goes(a_push(first + timedelta(minutes=45), **early_bird))
    second_pass = first + timedelta(hours=1)
    assert goes(a_push(second_pass, **early_bird))


# -- for any moment, zone and patient -----------------------------------------------------------


def minutes_from(midnight: datetime, *, days: int) -> some.SearchStrategy:
    return some.integers(0, days * 24 * 60).map(lambda minute: midnight + timedelta(minutes=minute))


A_YEAR = minutes_from(datetime(2026, 1, 1, tzinfo=UTC), days=365)
MOMENTS = A_YEAR | minutes_from(SPRING, days=1) | minutes_from(AUTUMN, days=1)
CLOCK = some.none() | some.builds(time, some.integers(0, 23), some.sampled_from([0, 15, 30, 45]))
ANY_FACTS = some.builds(
    Facts,
    now=MOMENTS,
    zone=some.sampled_from(ZONES),
    contact_kind=some.sampled_from([None, *ContactKind]),
    priority=some.sampled_from(list(PatientNotificationPriority)),
    is_on_by_default=some.booleans(),
    is_locked=some.booleans(),
    passes_floor=some.booleans(),
    is_irrelevant=some.just(False) | some.booleans(),
    choice=some.none() | some.booleans(),
    paused_until=some.none() | MOMENTS,
    quiet_from=CLOCK,
    quiet_until=CLOCK,
    has_contact=some.just(True) | some.booleans(),
    contact_status=some.just(ContactStatus.ACTIVE) | some.sampled_from(list(ContactStatus)),
    is_verified=some.just(True) | some.booleans(),
    has_consent=some.just(True) | some.booleans(),
)


@pytest.mark.req("M-09")
@settings(max_examples=500, deadline=None)
@given(facts=ANY_FACTS)
def test_no_text_ever_goes_before_eight_or_after_nine_unless_its_type_may(facts):
    if facts.contact_kind != ContactKind.PHONE or facts.passes_floor or not goes(facts):
        return
    local = facts.now.astimezone(ZoneInfo(facts.zone)).time()
    assert time(8) <= local < time(21)


@settings(max_examples=500, deadline=None)
@given(facts=ANY_FACTS)
def test_whatever_is_held_is_held_until_a_later_moment_at_which_it_is_not_held_again(facts):
    decision = decide(facts)
    if decision.action != Action.HOLD:
        return
    assert facts.now < decision.at <= facts.now + timedelta(hours=26)
    again = decide(replace(facts, now=decision.at))
    assert again.action != Action.HOLD or again.reason != decision.reason


@settings(max_examples=300, deadline=None)
@given(facts=ANY_FACTS)
def test_the_explanation_agrees_with_the_decision(facts):
    objections = [decision for _gate, decision in explain(facts) if decision]
    assert decide(facts) == objections[0] if objections else goes(facts)

"""At which hours a text may go, and advertising in particular: each state, each hour, both nights.

The laws' hours are written here once more, by hand: a table checked by itself would prove nothing.
"""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from notifications import clock, contacts
from notifications.contacts.area_codes import STATE_OF
from notifications.enums import Action, ContactKind, PatientNotificationPriority, Purpose, Reason
from notifications.facts import facts_for
from notifications.models import Delivery
from notifications.policy import Facts, decide
from portal.models import STATES
from portal.notification_types.general_announcement import GeneralAnnouncementPayload
from tests.clinic import DENVER, NEW_YORK, wall
from tests.conftest import make_patient
from tests.engine import phone_of, say, send, send_at

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
URGENT = PatientNotificationPriority.URGENT
SUNDAY, SATURDAY = 6, 5
# A zone of each state; Indiana and Arizona have clocks of their own.
ZONES = {
    "America/New_York": "CT DC DE FL GA MA MD ME MI NC NH NJ NY OH PA RI SC VA VT WV KY",
    "America/Indiana/Indianapolis": "IN",
    "America/Chicago": "AL AR IA IL KS LA MN MO MS ND NE OK SD TN TX WI",
    "America/Denver": "CO ID MT NM UT WY",
    "America/Phoenix": "AZ",
    "America/Los_Angeles": "CA NV OR WA",
    "America/Anchorage": "AK",
    "Pacific/Honolulu": "HI",
}
ZONE_OF = {state: zone for zone, states in ZONES.items() for state in states.split()}
# The hours of a weekday, by hand; all others have 8 to 21.
STRICT = {
    "FL": (8, 20),
    "OK": (8, 20),
    "MD": (8, 20),
    "NJ": (8, 20),
    "CT": (9, 20),
    "TX": (9, 21),
    "RI": (9, 18),
}
# Two days around each change of the clocks in 2026: 8 March and 1 November are Sundays.
NIGHTS = [datetime(2026, 3, 7, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC)]
MOMENTS = [first + HOUR * hour for first in NIGHTS for hour in range(72)]


def a_text(moment: datetime, state: str, **facts) -> Facts:
    known = {"zone": ZONE_OF[state], "states": (state,), "contact_kind": ContactKind.PHONE}
    return Facts(**{"now": moment, "quiet_from": None, "quiet_until": None} | known | facts)


def advertising(moment: datetime, state: str, **facts) -> Facts:
    return a_text(moment, state, is_marketing=True, **facts)


def goes(facts: Facts) -> bool:
    return decide(facts).action == Action.SEND


def is_allowed(moment: datetime, state: str, zone: str = "") -> bool:
    local = moment.astimezone(ZoneInfo(zone or ZONE_OF[state]))
    opens, closes = STRICT.get(state, (8, 21))
    if state == "RI" and local.weekday() == SATURDAY:
        opens, closes = 10, 17
    return local.weekday() != SUNDAY and time(opens) <= local.time() < time(closes)


# -- each state, each hour ------------------------------------------------------------------------


def test_there_are_fifty_states_and_the_district_each_with_its_area_codes():
    assert set(ZONE_OF) == STATES == set(STATE_OF.values())
    assert len(STATES) == 51


@pytest.mark.req("M-09")
@pytest.mark.parametrize("state", sorted(ZONE_OF))
def test_advertising_goes_exactly_when_the_state_allows_it_also_when_the_clocks_change(state):
    for moment in MOMENTS:
        assert goes(advertising(moment, state)) == is_allowed(moment, state), moment


@pytest.mark.req("M-09")
@pytest.mark.parametrize("state", sorted(ZONE_OF))
def test_a_text_about_care_goes_from_eight_to_nine_where_the_patient_is_and_never_at_night(state):
    for moment in MOMENTS:
        local = moment.astimezone(ZoneInfo(ZONE_OF[state])).time()
        assert goes(a_text(moment, state)) == (time(8) <= local < time(21)), moment


@pytest.mark.req("M-09")
@pytest.mark.parametrize("state", ["AZ", "CT", "FL", "HI", "NY", "RI", "TX"])
def test_what_is_held_goes_at_the_moment_it_is_held_for_and_could_not_have_gone_before(state):
    late_riser = {"quiet_from": time(20, 30), "quiet_until": time(9, 45)}
    for moment in MOMENTS:
        for facts in (advertising(moment, state), advertising(moment, state, **late_riser)):
            decision = decide(facts)
            if decision.action == Action.SEND:
                continue
            assert decision.action == Action.HOLD
            assert goes(replace(facts, now=decision.at)), moment
            assert not goes(replace(facts, now=decision.at - SECOND)), moment
            hours = range(int((decision.at - moment) / HOUR) + 1)
            between = [moment + HOUR * hour for hour in hours if moment + HOUR * hour < decision.at]
            assert not [each for each in between if goes(replace(facts, now=each))]


@pytest.mark.req("M-09")
def test_advertising_of_saturday_evening_waits_for_monday_nine_oclock_in_texas():
    decision = decide(advertising(wall("2026-03-07 22:00", "America/Chicago"), "TX"))
    assert (decision.action, decision.reason) == (Action.HOLD, Reason.TEXT_HOURS)
    assert decision.at == wall("2026-03-09 09:00", "America/Chicago")


@pytest.mark.req("M-09")
def test_neither_urgency_nor_a_type_that_passes_the_floor_opens_a_sunday_for_advertising():
    noon_of_sunday = wall("2026-11-01 12:00")
    loud = advertising(noon_of_sunday, "NY", priority=URGENT, passes_floor=True)
    assert decide(loud).reason == Reason.TEXT_HOURS
    assert goes(replace(loud, is_marketing=False))


@pytest.mark.req("M-09")
def test_what_would_wait_past_its_time_is_given_up_at_once():
    late = advertising(wall("2026-03-07 22:00"), "NY", expires_at=wall("2026-03-08 18:00"))
    decision = decide(late)
    assert (decision.action, decision.reason) == (Action.SKIP, Reason.EXPIRED)


# -- home and number differ -----------------------------------------------------------------------


@pytest.mark.req("M-09")
def test_where_home_and_number_differ_both_states_and_both_clocks_have_to_allow_it():
    """She lives in Colorado and kept her number of Rhode Island: 11 to 16 of her own clock."""
    for moment in MOMENTS:
        facts = advertising(moment, "CO", states=("CO", "RI"), zones=(NEW_YORK,))
        both = [("CO", DENVER), ("RI", DENVER), ("CO", NEW_YORK), ("RI", NEW_YORK)]
        assert goes(facts) == all(is_allowed(moment, state, zone) for state, zone in both), moment
    early = advertising(wall("2026-03-06 08:30", DENVER), "CO", states=("RI",), zones=(NEW_YORK,))
    assert decide(early).at == wall("2026-03-06 09:00", DENVER)


def test_where_no_hour_suits_both_nothing_is_sent_and_nothing_waits_for_ever():
    guam = advertising(wall("2026-07-06 12:00"), "RI", zones=("Pacific/Guam",))
    decision = decide(guam)
    assert (decision.action, decision.reason) == (Action.SKIP, Reason.EXPIRED)


@pytest.mark.parametrize(
    ("number", "place"),
    [
        ("+12125550142", ("NY", (NEW_YORK,))),
        ("+13035550142", ("CO", (DENVER,))),
        ("+12085550142", ("ID", ("America/Boise", "America/Los_Angeles"))),
        ("+18005550142", ("", ())),  # toll-free
        ("+14165550142", ("", ())),  # Toronto
        ("+442079460958", ("", ())),
    ],
)
def test_an_area_code_tells_the_state_and_the_clocks(number, place):
    assert contacts.place_of(number=number) == place


# -- from the tables ------------------------------------------------------------------------------


def facts_of(patient, payload) -> Facts:
    message = send(patient, payload)
    row = Delivery.objects.select_related("notification").get(notification=message, channel="sms")
    return facts_for(deliveries=[row], now=clock.now())[0]


@pytest.fixture
def texan(location):
    """A patient of a practice in New York whose number is of Texas, and who wants news by text."""
    location.state = "NY"
    location.save()
    patient = make_patient("tex@example.com", "Tex", location)
    say(phone_of(patient, "+12145550142"), granted=True, purpose=Purpose.MARKETING)
    return patient


@pytest.mark.django_db
@pytest.mark.req("M-10")
def test_advertising_looks_at_home_and_number_and_a_message_about_care_at_home_alone(
    texan, note, noon
):
    news = facts_of(texan, GeneralAnnouncementPayload.example())
    assert (news.is_marketing, set(news.states), news.zones) == (
        True,
        {"NY", "TX"},
        ("America/Chicago",),
    )
    about_care = facts_of(texan, note.example())
    assert (about_care.is_marketing, about_care.states, about_care.zones) == (False, (), ())


@pytest.mark.django_db
@pytest.mark.req("M-10")
def test_at_half_past_eight_a_reminder_goes_to_texas_and_news_wait_for_nine(texan, note, carrier):
    texan.notification_preferences.create(
        type="general_announcement", channel="sms", enabled=True, changed_by="system:test"
    )
    morning = wall("2026-11-24 08:30", "America/Chicago")
    send_at(morning, texan)
    news = send_at(morning, texan, GeneralAnnouncementPayload.example())
    assert len(carrier.texts()) == 1
    row = Delivery.objects.get(notification=news, channel="sms")
    assert (row.status, row.reason) == ("held", Reason.TEXT_HOURS)
    assert row.due_at == wall("2026-11-24 09:00", "America/Chicago")


@pytest.mark.django_db
@pytest.mark.req("M-09")
def test_who_lives_elsewhere_than_the_practice_sleeps_by_their_own_clock(location, note, carrier):
    away = make_patient("away@example.com", "Away", location)
    away.zone = "Pacific/Honolulu"
    away.save()
    phone_of(away, "+18085550142")
    send_at(wall("2026-11-24 09:00"), away)  # four in the morning in Honolulu
    assert carrier.texts() == []
    assert Delivery.objects.get(channel="sms").due_at == wall("2026-11-24 08:00", away.zone)


def test_a_location_is_in_a_state_there_is(location):
    location.state = "ZZ"
    with pytest.raises(Exception, match="ZZ is not a state"):
        location.full_clean()

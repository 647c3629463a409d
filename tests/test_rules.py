"""A receptionist edits what a location sends: rules that help no patient are refused by name."""

from datetime import time

import pytest
from django.urls import reverse

from notifications.types import Refused
from portal.models import ClosedDay, Location, ReminderRule
from portal.services import default_reminder_rules, keep
from portal.services.reminders import DEFAULT_RULES, MORE_DEFAULT_RULES
from portal.services.rule_words import sentence_of
from portal.services.rules import Allowance, problems_of
from portal.services.visit_calendar import Hours
from tests.clinic import DESK, NEW_YORK
from tests.conftest import signed_in

HOUR, DAY = 60, 24 * 60
What = ReminderRule.What
USUAL = Hours(zone=NEW_YORK)


def a_rule(name: str = "new", **options) -> ReminderRule:
    return ReminderRule(name=name, **options)


def the_usual(*, without: str = "") -> list[ReminderRule]:
    reminders = [a_rule(name, minutes_before=before) for name, before in DEFAULT_RULES.items()]
    more = [a_rule(**each) for each in MORE_DEFAULT_RULES]
    return [rule for rule in (*reminders, *more) if rule.name != without]


def said_of(rule: ReminderRule, *, others=(), hours=USUAL, allowance=None) -> list[tuple[str, str]]:
    found = problems_of(rule, others=others, hours=hours, allowance=allowance or Allowance())
    return [(problem.field, problem.message) for problem in found]


@pytest.mark.parametrize("rule", the_usual(), ids=lambda rule: rule.name)
def test_what_a_new_location_starts_with_is_allowed(rule):
    assert said_of(rule, others=the_usual(without=rule.name)) == []


@pytest.mark.parametrize(
    ("options", "field", "said"),
    [
        ({"minutes_after": DAY}, "minutes_before", "goes before a visit"),
        ({"minutes_before": DAY, "minutes_after": 5}, "minutes_before", "nothing else"),
        ({"what": What.FOLLOW_UP, "minutes_before": DAY}, "minutes_after", "goes after a visit"),
        ({"what": What.MISSED}, "minutes_after", "goes after a visit"),
        ({"minutes_before": 30}, "minutes_before", "too late"),
        ({"minutes_before": 400 * DAY}, "minutes_before", "A year"),
        ({"what": What.FOLLOW_UP, "minutes_after": 20 * DAY}, "minutes_after", "not sent any more"),
        ({"minutes_before": DAY, "until": "forms_done"}, "until", "asks for forms"),
        ({"what": What.FORMS, "minutes_before": DAY, "until": "confirmed"}, "until", "confirms"),
        ({"what": What.REVIEW, "minutes_after": DAY, "until": "confirmed"}, "until", "confirms"),
        ({"what": What.FORMS, "minutes_before": DAY, "ladder": "standard"}, "ladder", "a text"),
        ({"minutes_before": 2 * DAY, "ladder": "standard"}, "ladder", "Please confirm"),
        (
            {"what": What.CONFIRM, "minutes_before": 5 * HOUR, "ladder": "standard"},
            "minutes_before",
            "working day before",
        ),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_where_it_shows(options, field, said):
    (problem,) = said_of(a_rule(**options))
    assert problem[0] == field
    assert said in problem[1]


def test_a_rule_that_falls_into_the_night_for_every_visit_is_refused():
    (problem,) = said_of(a_rule(minutes_before=12 * HOUR), hours=at(time(10, 30), time(17)))
    assert problem[0] == "minutes_before" and "in the evening" in problem[1]


def test_a_rule_of_which_some_visits_are_told_the_evening_before_is_allowed():
    """Two hours before a visit at eight is six; it goes the evening before."""
    assert said_of(a_rule(minutes_before=2 * HOUR), hours=at(time(8), time(9))) == []


def at(opens: time, closes: time) -> Hours:
    return Hours(zone=NEW_YORK, opens_at=opens, closes_at=closes)


def test_a_second_text_on_one_day_is_refused_unless_the_practice_allows_it():
    rule = a_rule(minutes_before=4 * HOUR)
    others = [a_rule("2-hours", minutes_before=2 * HOUR)]
    (problem,) = said_of(rule, others=others)
    assert problem == (
        "minutes_before",
        "That makes texts on one day: 2. A number gets at most 1.",
    )
    assert said_of(rule, others=others, allowance=Allowance(a_day=2)) == []


def test_a_fourth_text_within_a_week_is_refused_but_one_the_week_before_is_not():
    usual = the_usual()
    (problem,) = said_of(a_rule(minutes_before=4 * DAY), others=usual)
    assert problem == (
        "minutes_before",
        "That makes texts within a week: 4. A number gets at most 3.",
    )
    assert said_of(a_rule(minutes_before=10 * DAY), others=usual) == []


def test_what_takes_no_text_or_reaches_somebody_else_does_not_count():
    usual = the_usual()
    by_email = a_rule(what=What.SAVE_THE_DATE, minutes_before=4 * DAY)
    assert said_of(by_email, others=usual) == []
    assert said_of(a_rule(minutes_before=4 * DAY, is_active=False), others=usual) == []
    for_new = [a_rule("a", minutes_before=4 * HOUR, audience="new")]
    assert said_of(a_rule(minutes_before=2 * HOUR, audience="known"), others=for_new) == []


def test_two_rules_for_the_same_moment_are_one_too_many():
    (problem,) = said_of(a_rule(minutes_before=7 * DAY), others=the_usual())
    assert problem == ("minutes_before", "“7-days” goes at the same moment.")


# -- in words ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"minutes_before": 2 * DAY, "until": "confirmed"},
            "2 days before, by email, text and push, until the patient has confirmed",
        ),
        ({"minutes_before": 90}, "1 hour 30 minutes before, by email, text and push"),
        (
            {"what": What.SAVE_THE_DATE, "minutes_before": 21 * DAY, "audience": "new"},
            "21 days before, by email, who comes for the first time",
        ),
        (
            {"what": What.CONFIRM, "minutes_before": 3 * DAY, "ladder": "standard"},
            "3 days before, push, then text, then email, then a call",
        ),
        (
            {"what": What.MISSED, "minutes_after": 60},
            "the same evening, by email, text and push",
        ),
        ({"what": What.REVIEW, "minutes_after": DAY}, "1 day after, in the portal"),
    ],
)
def test_a_rule_says_in_plain_words_what_it_does(options, said):
    assert sentence_of(a_rule(**options)) == said


# -- in the admin --------------------------------------------------------------------------------


@pytest.fixture
def chief_client(db, django_user_model):
    return signed_in(django_user_model.objects.create_superuser(username="chief@example.com"))


def page(model, view: str, *args) -> str:
    return reverse(f"admin:portal_{model._meta.model_name}_{view}", args=args)


def typed(location: Location, **changed) -> dict:
    return {
        "location": location.pk,
        "name": "one",
        "what": "remind",
        "minutes_before": 2 * DAY,
        "audience": "everyone",
        "until": "stands",
        "ladder": "",
        "is_active": "on",
    } | changed


def test_staff_read_what_each_rule_says(chief_client, location):
    default_reminder_rules(location)
    html = chief_client.get(page(ReminderRule, "changelist")).content.decode()
    assert "7 days before, by email, text and push" in html
    assert "2 days after, by email" in html


def test_the_reason_of_a_refused_rule_stands_at_its_field(chief_client, location):
    answer = chief_client.post(
        page(ReminderRule, "add"), typed(location, what="forms", until="confirmed")
    )
    assert answer.context["adminform"].form.errors.keys() == {"until"}
    assert not ReminderRule.objects.exists()
    assert chief_client.post(page(ReminderRule, "add"), typed(location)).status_code == 302
    again = typed(location, name="two")
    answer = chief_client.post(page(ReminderRule, "add"), again)
    assert "goes at the same moment" in answer.content.decode()


def test_a_rule_does_not_stand_in_its_own_way(chief_client, location):
    chief_client.post(page(ReminderRule, "add"), typed(location))
    rule = ReminderRule.objects.get()
    answer = chief_client.post(page(ReminderRule, "change", rule.pk), typed(location, name="a"))
    assert answer.status_code == 302


def test_the_service_refuses_the_same(location):
    rule = ReminderRule(location=location, name="late", minutes_before=10)
    with pytest.raises(Refused) as refusal:
        keep(rule, actor=DESK)
    assert refusal.value.field == "minutes_before"
    assert not ReminderRule.objects.exists()


def test_a_place_closes_after_it_opens_and_holidays_are_entered_once(chief_client, location):
    hours = {
        "practice": location.practice_id,
        "name": location.name,
        "zone": location.zone,
        "opens_at": "17:00",
        "closes_at": "08:00",
        "open_days": "12345",
    }
    answer = chief_client.post(page(Location, "change", location.pk), hours)
    assert answer.context["adminform"].form.errors.keys() == {"closes_at"}
    holiday = {"on": "2026-11-26", "name": "Thanksgiving", "location": ""}
    assert chief_client.post(page(ClosedDay, "add"), holiday).status_code == 302
    assert chief_client.post(page(ClosedDay, "add"), holiday).status_code == 200
    assert ClosedDay.objects.count() == 1

"""What is coming: a patient's week, a location's, and what a change of a rule would bring."""

import io
import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from notifications import clock
from notifications.enums import Reason
from notifications.models import (
    AuditEvent,
    CallTask,
    Delivery,
    PatientNotification,
    ScheduledNotification,
)
from notifications.scheduler import notification_scheduler_service
from portal.models import Location, ReminderRule, User
from portal.services import complete, dry_run, forecast, keep, remove
from portal.services.foreseeing import lines_of
from tests.clinic import DENVER, DESK, a_visit, wall
from tests.engine import BENS_NUMBER, NOON, NotePayload, email_of, phone_of, run, send
from tests.foreseen import foretold, lived

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("carrier", "noon")]
DAY = timedelta(days=1)
MINUTES = 24 * 60
TUESDAY = wall("2026-12-01 10:00")


@pytest.fixture
def rules(location):
    """A day before, and two hours before."""
    for name, minutes in (("1-day", MINUTES), ("2-hours", 120)):
        ReminderRule.objects.create(location=location, name=name, minutes_before=minutes)
    return location.reminder_rules


@pytest.fixture
def visit(rules, ana, location, provider):
    """Ana comes on Tuesday; she can be texted and written to. She was told a while ago."""
    phone_of(ana)
    email_of(ana)
    with clock.at(NOON - 20 * DAY):
        return a_visit(ana, TUESDAY, location=location, provider=provider, announce=False)


def told(*options: str) -> dict:
    said = io.StringIO()
    call_command("forecast", *options, "--json", stdout=said)
    return json.loads(said.getvalue())


def in_words(*options: str) -> str:
    said = io.StringIO()
    call_command("forecast", *options, stdout=said)
    return said.getvalue()


def times(account: dict, channel: str) -> dict[str, str]:
    return {each["at"]: each["says"] for each in account["coming"] if each["channel"] == channel}


def everything() -> tuple[int, ...]:
    tables = (PatientNotification, Delivery, ScheduledNotification, CallTask, ReminderRule)
    return tuple(table.objects.count() for table in tables)


# -- a patient's week ----------------------------------------------------------------------------


@pytest.fixture
def denver(practice) -> Location:
    place = Location.objects.create(practice=practice, name="Aurora", zone=DENVER)
    for name, minutes in (("2-days", 2 * MINUTES), ("2-hours", 120)):
        ReminderRule.objects.create(location=place, name=name, minutes_before=minutes)
    return place


@pytest.mark.req("P-40")
def test_anas_week_says_mondays_text_and_e_mail_and_that_a_second_text_yields(
    visit, ana, denver, provider
):
    with clock.at(NOON - 20 * DAY):
        a_visit(
            ana,
            wall("2026-12-02 12:00", DENVER),
            location=denver,
            provider=provider,
            announce=False,
        )
    week = told("--patient", str(ana.pk), "--days", "8")
    assert times(week, "sms") == {
        "2026-11-30T10:00-05:00": "Goes",
        "2026-11-30T14:00-05:00": Reason.RATE_LIMITED.label,
        "2026-12-01T08:00-05:00": "Goes",
        "2026-12-02T12:00-05:00": "Goes",
    }
    assert set(times(week, "email").values()) == {"Goes"}
    assert week["of"] == f"patient {ana.pk}"


@pytest.mark.req("P-40")
def test_what_is_foreseen_is_what_then_happens_to_ana_and_to_ben(visit, ana, ben, denver, provider):
    phone_of(ben)  # a number they share
    email_of(ben)
    with clock.at(NOON - 20 * DAY):
        a_visit(ben, wall("2026-12-02 07:30"), location=denver, provider=provider, announce=False)
    said = foretold(forecast(days=9))
    assert said == lived(since=NOON, until=NOON + 9 * DAY)
    assert {line[1] for line in said} == {str(ana.pk), str(ben.pk)}


def test_what_is_held_says_until_when_and_goes_then(ana, location, provider):
    phone_of(ana)
    ReminderRule.objects.create(location=location, name="1-day", minutes_before=MINUTES)
    with clock.at(NOON - 20 * DAY):
        a_visit(ana, wall("2026-12-01 22:30"), location=location, provider=provider, announce=False)
    said = in_words("--patient", "Ana Example")
    assert "sms     Held until 8:00 AM EST (patient's quiet hours); then: Goes" in said
    assert "sms     goes, held first                      1" in said


def test_what_is_held_already_says_so_too(ana, note):
    phone_of(ana)
    with clock.at(NOON + timedelta(hours=11)):
        send(ana)
        run()
        [text] = [each for each in told("--patient", str(ana.pk))["coming"] if each["goes"]]
    assert (text["channel"], text["at"]) == ("sms", "2026-11-25T08:00-05:00")
    assert [each["until"] for each in text["held"]] == ["2026-11-25T08:00-05:00"]


@pytest.mark.req("H-06", "S-17")
def test_a_forecast_names_nobody_and_is_kept_as_a_look(visit, ana):
    said = in_words("--patient", "ana@example.com")
    assert str(ana.pk) in said
    assert not {"Ana", "Example", "ana@example.com", "0142"} & set(said.split())
    look = AuditEvent.objects.filter(action="viewed").get()
    assert (look.actor, look.patient_id) == ("system:forecast", ana.pk)


def test_what_goes_to_ben_counts_at_the_number_he_shares_with_ana(
    visit, ana, ben, denver, provider
):
    phone_of(ben)  # the same number
    with clock.at(NOON - 20 * DAY):
        a_visit(
            ben,
            wall("2026-12-02 12:00", DENVER),
            location=denver,
            provider=provider,
            announce=False,
        )
    assert str(Reason.RATE_LIMITED.label) in times(told("--patient", str(ben.pk)), "sms").values()
    assert str(ana.pk) not in in_words("--patient", str(ben.pk))


@pytest.mark.parametrize(
    ("option", "wrong", "says"),
    [
        ("--patient", "Nobody Known", "Search the admin's Users by any part of a name"),
        ("--location", "Nowhere", "There are: Main St."),
    ],
)
def test_who_is_not_known_is_told_how_to_find_them(ana, option, wrong, says):
    with pytest.raises(CommandError, match=says):
        in_words(option, wrong)


def test_two_of_one_name_are_told_apart_by_their_ids(ana, ben):
    User.objects.update(first_name="Kim")
    with pytest.raises(CommandError, match=str(ben.pk)):
        in_words("--patient", "kim example")


def test_what_nobody_can_write_is_foreseen_as_such_and_the_rest_all_the_same(visit, ana, note):
    with clock.at(NOON):
        notification_scheduler_service.plan(
            patient_id=ana.pk,
            payload=NotePayload(link="//elsewhere"),
            subject="note:1",
            rule="note",
            due_at=NOON + DAY,
            key="note:1",
        )
    week = told("--patient", str(ana.pk))["coming"]
    assert [(each["type"], each["reason"]) for each in week if not each["channel"]] == [
        ("note", "unwritable")
    ]
    assert any(each["goes"] for each in week)


# -- a location ----------------------------------------------------------------------------------


def test_a_location_has_its_visits_and_what_else_its_own_patients_get(
    visit, ana, ben, denver, provider
):
    email_of(ben)
    User.objects.filter(pk=ben.pk).update(home_location=denver)
    with clock.at(NOON - 20 * DAY):
        a_visit(ben, TUESDAY, location=denver, provider=provider, announce=False)
    here, there = told("--location", "Main St"), told("--location", str(denver.pk))
    assert {each["patient"] for each in here["coming"]} == {str(ana.pk)}
    assert {each["patient"] for each in there["coming"]} == {str(ben.pk)}
    assert there["coming"][0]["at"] == "2026-11-29T08:00-07:00"
    looks = AuditEvent.objects.filter(action="viewed", details__list="forecast")
    assert sorted(looks.values_list("patient_id", flat=True)) == sorted([ana.pk, ben.pk])
    everybody = forecast(days=14)
    assert len(everybody) == len(here["coming"]) + len(there["coming"])


# -- a rule that is about to change --------------------------------------------------------------


@pytest.mark.req("P-40")
@pytest.mark.parametrize("change", ["new", "moved", "taken away"])
def test_a_dry_run_says_what_a_save_then_brings_and_writes_nothing(
    visit, rules, ana, ben, location, provider, change
):
    phone_of(ben, BENS_NUMBER)
    with clock.at(NOON - 20 * DAY):
        a_visit(ben, TUESDAY + 3 * DAY, location=location, provider=provider, announce=False)
    rule = rules.get(name="1-day")
    if change == "new":
        rule = ReminderRule(location=location, name="3-days", minutes_before=3 * MINUTES)
    elif change == "moved":
        rule.minutes_before = 3 * MINUTES
    before = everything(), set(ScheduledNotification.objects.values_list("pk", "due_at"))
    foreseen = dry_run(rule, remove=change == "taken away")
    after = everything(), set(ScheduledNotification.objects.values_list("pk", "due_at"))
    assert before == after
    assert lines_of(foreseen.before) == lines_of(forecast(days=30))
    if change == "taken away":
        done = remove(rules.get(name="1-day"), actor=DESK)
    else:
        done = keep(rule, actor=DESK)
    assert foreseen.changed == done.changed == 2
    assert _plain(foreseen.after) == _plain(forecast(days=30))
    assert foreseen.texts == {"new": 2, "moved": 0, "taken away": -2}[change]


def _plain(seen) -> list[tuple]:
    return sorted(
        (each.at, each.patient_id, each.type, each.channel, each.status, each.reason, each.held)
        for each in seen
    )


def test_a_dry_run_counts_texts_their_cost_and_who_hears_more(visit, rules, ana, ben, location):
    location.practice.text_price = Decimal("0.0079")
    location.practice.save()
    rule = ReminderRule(location=location, name="3-days", minutes_before=3 * MINUTES)
    foreseen = dry_run(rule)
    assert (foreseen.visits, foreseen.changed, foreseen.patients) == (1, 1, 1)
    assert (foreseen.texts, foreseen.cost) == (1, Decimal("0.0079"))
    assert (foreseen.more, foreseen.fewer) == (1, 0)
    texts = next(line for line in foreseen.lines if (line.channel, line.outcome) == ("sms", "goes"))
    assert (texts.before, texts.after) == (2, 3)
    assert {example.visit_id for example in foreseen.examples} == {visit.pk}
    assert all(example.is_new for example in foreseen.examples)


def test_a_text_more_to_one_may_be_one_less_to_another_at_the_same_number(
    visit, rules, ana, ben, location, denver, provider
):
    phone_of(ben)
    with clock.at(NOON - 20 * DAY):
        a_visit(
            ben,
            wall("2026-11-30 16:00", DENVER),
            location=denver,
            provider=provider,
            announce=False,
        )
    rule = ReminderRule(location=location, name="3-days", minutes_before=3 * MINUTES)
    foreseen = dry_run(rule)  # hers of the 28th comes before his, at the number they share
    assert foreseen.texts == 0
    assert (foreseen.more, foreseen.fewer) == (1, 1)
    yields = [line for line in foreseen.lines if line.reason == Reason.RATE_LIMITED]
    assert [(line.before, line.after) for line in yields] == [(0, 1)]


def test_a_rule_taken_away_takes_its_plans_also_of_visits_long_over(
    visit, rules, ana, location, provider
):
    late = ReminderRule.objects.create(
        location=location, name="review", what="review", minutes_after=10 * MINUTES
    )
    with clock.at(TUESDAY + timedelta(hours=1)):
        complete(appointment_id=visit.pk, actor=DESK)
    with clock.at(TUESDAY + 9 * DAY):
        assert dry_run(late, remove=True).changed == 1
        assert remove(late, actor=DESK).changed == 1
    assert not ScheduledNotification.objects.filter(rule="review", status="planned").exists()

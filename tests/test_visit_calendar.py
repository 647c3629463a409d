"""A visit's calendar: what a patient hears before it and after it, and when."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as some

from notifications import clock
from notifications.models import Delivery, PatientNotification, ScheduledNotification
from notifications.types import Refused
from portal.models import Appointment, Location, PatientForm, Provider, ReminderRule, User
from portal.services import (
    book,
    complete,
    complete_form,
    confirm,
    default_reminder_rules,
    mark_missed,
    request_form,
    reschedule,
)
from portal.services.visit_calendar import Hours, VisitFacts, VisitPlan, plans_of, to_plan
from tests.clinic import DENVER, DESK, HALF_AN_HOUR, NEW_YORK, a_visit, wall
from tests.conftest import signed_in
from tests.engine import email_of, phone_of, run

DAY, HOUR = 24 * 60, 60
What, Until, Ladder = ReminderRule.What, ReminderRule.Until, ReminderRule.Ladder
ONE_DAY = timedelta(days=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
THURSDAY = date(2026, 11, 26)  # Thanksgiving
ZONES = (
    NEW_YORK,
    DENVER,
    "America/Phoenix",
    "Pacific/Honolulu",
    "America/Indiana/Indianapolis",
)


# -- on paper: no database ------------------------------------------------------------------------


def a_rule(name: str, before: int | None = None, **options) -> ReminderRule:
    return ReminderRule(name=name, minutes_before=before, **options)


def on_paper(starts_at: datetime, zone: str = NEW_YORK, **options) -> Appointment:
    place = Location(name="Main St", zone=zone)
    return Appointment(
        starts_at=starts_at,
        ends_at=starts_at + HALF_AN_HOUR,
        location=place,
        provider=Provider(name="Dr Lee"),
        **options,
    )


def calendar(
    visit: Appointment,
    *rules: ReminderRule,
    closed: tuple[date, ...] = (),
    now: datetime = LONG_AGO,
    **facts,
) -> list[VisitPlan]:
    hours = Hours.of(visit.location, closed=closed)
    return plans_of(VisitFacts(visit=visit, **facts), rules=rules, hours=hours, now=now)


def on_the_wall(moment: datetime, zone: str = NEW_YORK) -> str:
    return moment.astimezone(ZoneInfo(zone)).strftime("%a %d %b %H:%M")


def due(plans: list[VisitPlan], zone: str = NEW_YORK) -> dict[str, str]:
    return {plan.rule: on_the_wall(plan.due_at, zone) for plan in plans}


@given(
    visit=some.integers(0, 2 * 365 * 24 * 60).map(
        lambda minute: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    ),
    days=some.sets(some.integers(1, 60), min_size=1, max_size=4),
    zone=some.sampled_from(ZONES),
)
@pytest.mark.req("R-11")
def test_r11_each_rule_is_one_message_at_the_visits_hour_on_the_wall(visit, days, zone):
    rules = [a_rule(f"{each}-days", each * DAY) for each in days]
    plans = calendar(on_paper(visit, zone), *rules)
    assert sorted(plan.rule for plan in plans) == sorted(rule.name for rule in rules)
    hour = visit.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    for plan in plans:
        wanted = hour - timedelta(days=int(plan.rule.removesuffix("-days")))
        got = plan.due_at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        is_skipped = not exists(wanted, zone)
        assert abs(got - wanted - (timedelta(hours=1) if is_skipped else timedelta(0))) <= (
            timedelta(minutes=1)
        )


def exists(hour: datetime, zone: str) -> bool:
    """Whether the clocks of a zone ever show this hour, or skip it."""
    there = hour.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).astimezone(ZoneInfo(zone))
    return there.replace(tzinfo=None) == hour


@pytest.mark.req("R-11")
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("changes_on", ["2026-03-08", "2026-11-01"])
def test_r11_across_a_change_of_the_clocks_a_week_before_half_past_nine_is_half_past_nine(
    zone, changes_on
):
    day = date.fromisoformat(changes_on) + timedelta(days=2)
    visit = datetime.combine(day, time(9, 30), tzinfo=ZoneInfo(zone))
    (plan,) = calendar(on_paper(visit, zone), a_rule("7-days", 7 * DAY))
    assert plan.due_at.astimezone(ZoneInfo(zone)).time() == time(9, 30)


def test_p20_two_hours_before_nine_would_be_told_at_eight_so_it_goes_the_evening_before():
    rule = a_rule("2-hours", 2 * HOUR)
    early = calendar(on_paper(wall("2026-11-24 09:00")), rule)
    assert due(early) == {"2-hours": "Mon 23 Nov 18:00"}
    assert early[0].expires_at == wall("2026-11-24 08:30")
    assert early[0].payload.appointment_date == wall("2026-11-24 09:00")
    enough = calendar(on_paper(wall("2026-11-24 09:30")), rule)
    assert due(enough) == {"2-hours": "Tue 24 Nov 07:30"}


def test_the_evening_before_is_by_the_clock_of_the_place():
    plans = calendar(on_paper(wall("2026-11-24 08:00", DENVER), DENVER), a_rule("2-hours", 120))
    assert due(plans, DENVER) == {"2-hours": "Mon 23 Nov 18:00"}


def test_of_two_rules_that_fall_on_the_same_evening_one_goes():
    rules = (a_rule("2-hours", 120), a_rule("1-hour", 60))
    assert len(calendar(on_paper(wall("2026-11-24 08:00")), *rules)) == 1


@pytest.mark.req("R-10")
def test_r10_what_saves_the_date_reminds_and_asks_takes_over_from_each_other():
    rules = (
        a_rule("save", 21 * DAY, what=What.SAVE_THE_DATE),
        a_rule("ask", 4 * DAY, what=What.CONFIRM),
        a_rule("2-days", 2 * DAY),
        a_rule("forms", 3 * DAY, what=What.FORMS),
    )
    plans = calendar(on_paper(wall("2026-12-10 10:00")), *rules, open_forms=("Health history",))
    ends = {plan.rule: plan.expires_at for plan in plans}
    starts = {plan.rule: plan.due_at for plan in plans}
    assert ends["save"] == starts["save"] + 3 * ONE_DAY  # it is not saved weeks late
    assert plans[0].payload.expires_at() == starts["ask"]
    assert ends["ask"] == starts["2-days"]
    assert ends["forms"] == ends["2-days"] == wall("2026-12-10 09:30")


def test_a_date_is_not_saved_late_and_asks_for_nothing():
    visit = on_paper(wall("2026-12-10 10:00"))
    save = a_rule("save", 21 * DAY, what=What.SAVE_THE_DATE)
    now = visit.starts_at - 20 * ONE_DAY
    (plan,) = calendar(visit, save, now=now)
    assert to_plan([plan], facts=VisitFacts(visit=visit), now=now) == []
    assert plan.payload.actions() == ()
    assert plan.payload.leaves_out() == ("sms", "push")


# -- when somebody is there ----------------------------------------------------------------------


def ask(before: int, **options) -> ReminderRule:
    return a_rule("ask", before, what=What.CONFIRM, **options)


def test_what_asks_for_a_call_comes_on_the_last_day_somebody_is_there():
    """Two days before a Tuesday is a Sunday, before a Saturday's visit Thanksgiving."""
    plans = calendar(on_paper(wall("2026-11-24 10:00")), ask(2 * DAY))
    assert due(plans) == {"ask": "Fri 20 Nov 10:00"}
    plans = calendar(on_paper(wall("2026-11-28 10:00")), ask(2 * DAY), closed=(THURSDAY,))
    assert due(plans) == {"ask": "Wed 25 Nov 10:00"}


def test_what_only_reminds_keeps_its_day():
    plans = calendar(on_paper(wall("2026-11-24 10:00")), a_rule("2-days", 2 * DAY))
    assert due(plans) == {"2-days": "Sun 22 Nov 10:00"}


def test_the_ladder_ends_when_the_desk_can_still_act_for_the_last_time():
    visit = on_paper(wall("2026-11-27 10:00"))  # the day after Thanksgiving
    (plan,) = calendar(visit, ask(3 * DAY, ladder=Ladder.STANDARD), closed=(THURSDAY,))
    assert plan.payload.ladder == "standard"
    assert plan.payload.reach_by == wall("2026-11-25 17:00")
    assert plan.payload.asks_from == plan.due_at == wall("2026-11-24 10:00")
    plain = calendar(visit, ask(3 * DAY), closed=(THURSDAY,))
    assert (plain[0].payload.ladder, plain[0].payload.reach_by) == ("", None)


def test_a_ladder_over_a_weekend_begins_early_enough_to_be_climbed():
    """Of a Monday's visit the last working day is Friday: a day and some hours before its end."""
    visit = on_paper(wall("2026-11-23 09:30"))
    (plan,) = calendar(visit, ask(2 * DAY, ladder=Ladder.STANDARD))
    assert plan.payload.reach_by == wall("2026-11-20 17:00")
    assert on_the_wall(plan.due_at) == "Thu 19 Nov 13:00"


def test_a_reminder_between_does_not_cut_the_ladder_short():
    visit = on_paper(wall("2026-11-25 15:00"))
    rules = (ask(3 * DAY, ladder=Ladder.MAIL_FIRST), a_rule("1-day", DAY))
    plans = {plan.rule: plan for plan in calendar(visit, *rules)}
    assert plans["ask"].expires_at == plans["1-day"].due_at  # as a plan: one after an outage
    assert plans["ask"].payload.expires_at() == plans["ask"].payload.reach_by


def test_who_has_confirmed_climbs_no_ladder_and_is_not_asked():
    visit = on_paper(wall("2026-11-25 15:00"), status="confirmed")
    ladder = ask(3 * DAY, ladder=Ladder.STANDARD)
    (plan,) = calendar(visit, ladder)
    assert (plan.payload.ladder, plan.payload.asks_to_confirm) == ("", False)
    assert calendar(visit, ask(3 * DAY, until=Until.CONFIRMED)) == []


# -- to whom -------------------------------------------------------------------------------------


def test_a_rule_may_be_for_those_who_come_for_the_first_time():
    visit = on_paper(wall("2026-11-25 15:00"))
    rules = (
        a_rule("how-to-find-us", 3 * DAY, audience="new"),
        a_rule("old", DAY, audience="known"),
    )
    assert list(due(calendar(visit, *rules, is_first_visit=True))) == ["how-to-find-us"]
    assert list(due(calendar(visit, *rules, is_first_visit=False))) == ["old"]


def test_nothing_is_planned_for_a_patient_who_left():
    visit = on_paper(wall("2026-11-25 15:00"))
    assert calendar(visit, a_rule("2-days", 2 * DAY), has_left=True) == []


def test_one_who_missed_a_visit_hears_the_same_evening_or_soon_after_it_was_noted():
    visit = on_paper(wall("2026-11-24 10:00"), status="missed")
    rule = a_rule("missed", what=What.MISSED, minutes_after=60)
    at_noon, late = wall("2026-11-24 12:00"), wall("2026-11-25 11:00")
    assert due(calendar(visit, rule, closed_at=at_noon)) == {"missed": "Tue 24 Nov 18:00"}
    assert due(calendar(visit, rule, closed_at=late)) == {"missed": "Wed 25 Nov 12:00"}
    assert calendar(visit, rule) == []  # nobody knows when it was noted


def test_a_review_is_asked_for_at_most_twice_a_year():
    visit = on_paper(wall("2026-11-24 10:00"), status="completed")
    rule = a_rule("review", what=What.REVIEW, minutes_after=DAY)
    assert due(calendar(visit, rule)) == {"review": "Wed 25 Nov 10:30"}
    assert calendar(visit, rule, last_review_at=wall("2026-07-01 10:00")) == []
    assert calendar(visit, rule, last_review_at=wall("2026-03-01 10:00")) != []


# -- in the book ---------------------------------------------------------------------------------

NINE_THIRTY = wall("2026-11-24 09:30")
MONTH_BEFORE = NINE_THIRTY - 30 * ONE_DAY


@pytest.fixture
def rules(location):
    return default_reminder_rules(location)


@pytest.fixture
def visit(db, rules, ana, location, provider) -> Appointment:
    with clock.at(MONTH_BEFORE):
        return a_visit(ana, NINE_THIRTY, location=location, provider=provider)


def planned(visit: Appointment) -> list[str]:
    rows = ScheduledNotification.objects.filter(subject=visit.subject, status="planned")
    return list(rows.order_by("due_at").values_list("rule", flat=True))


def plan_of(visit: Appointment, rule: str) -> ScheduledNotification:
    return ScheduledNotification.objects.get(subject=visit.subject, rule=rule, status="planned")


def last_of(patient, type_key: str) -> PatientNotification:
    return PatientNotification.objects.filter(patient=patient, type=type_key).latest("seq")


def test_a_new_location_saves_the_date_and_reminds_three_times(visit):
    assert planned(visit) == ["save-the-date", "7-days", "2-days", "2-hours"]


@pytest.mark.usefixtures("carrier")
def test_the_date_is_saved_by_email_and_takes_no_text(visit, ana):
    email_of(ana)
    phone_of(ana)
    run(NINE_THIRTY - 21 * ONE_DAY)
    said = last_of(ana, "appointment_reminder")
    assert "Please save the date." in said.message
    ways = Delivery.objects.filter(notification=said).values_list("channel", flat=True)
    assert sorted(ways) == ["email", "in_app"]


def test_a_visit_booked_two_weeks_ahead_has_no_date_to_save(rules, ana, location, provider):
    with clock.at(NINE_THIRTY - 14 * ONE_DAY):
        visit = a_visit(ana, NINE_THIRTY, location=location, provider=provider, announce=False)
    assert planned(visit) == ["7-days", "2-days", "2-hours"]


def test_who_confirms_is_no_longer_asked_by_what_ends_with_it(visit, location):
    location.reminder_rules.filter(name="2-days").update(until="confirmed")
    with clock.at(MONTH_BEFORE + ONE_DAY):
        confirm(appointment_id=visit.pk, actor=DESK)
    assert planned(visit) == ["save-the-date", "7-days", "2-hours"]
    assert plan_of(visit, "7-days").payload["asks_to_confirm"] is False


# -- forms ---------------------------------------------------------------------------------------


def wants(visit: Appointment, name: str, at: datetime = MONTH_BEFORE):
    with clock.at(at):
        return request_form(
            patient_id=visit.patient_id, appointment_id=visit.pk, name=name, actor=DESK
        )


def fills_in(form, at: datetime = MONTH_BEFORE):
    with clock.at(at):
        return complete_form(form_id=form.pk, actor=DESK)


def forms_planned(visit: Appointment) -> list[tuple[str, str]]:
    rows = ScheduledNotification.objects.filter(
        subject=visit.subject, status="planned", type="forms_due"
    )
    return [(row.rule, row.payload["forms"]) for row in rows.order_by("due_at")]


def test_forms_are_asked_for_until_the_last_is_filled_in(visit):
    history, consent = wants(visit, "Health history"), wants(visit, "X-ray consent")
    both = "Health history, X-ray consent"
    assert forms_planned(visit) == [("forms-3-days", both), ("forms-1-day", both)]
    fills_in(history)
    assert forms_planned(visit) == [
        ("forms-3-days", "X-ray consent"),
        ("forms-1-day", "X-ray consent"),
    ]
    fills_in(consent)
    assert forms_planned(visit) == []
    wants(visit, "Photo consent")
    assert [forms for _rule, forms in forms_planned(visit)] == ["Photo consent"] * 2


def test_the_same_form_is_asked_for_once_and_filled_in_once(visit):
    form = wants(visit, "Health history")
    assert wants(visit, " Health history ") == form
    assert fills_in(form).completed_at == fills_in(form, NINE_THIRTY).completed_at


def test_forms_move_with_the_visit(visit):
    wants(visit, "Health history")
    later = NINE_THIRTY + 7 * ONE_DAY
    with clock.at(MONTH_BEFORE + ONE_DAY):
        reschedule(
            appointment_id=visit.pk, starts_at=later, ends_at=later + HALF_AN_HOUR, actor=DESK
        )
    assert plan_of(visit, "forms-3-days").due_at == later - 3 * ONE_DAY


def test_a_form_wanted_the_evening_before_is_asked_for_at_once(visit, ana):
    evening = NINE_THIRTY - timedelta(hours=15)
    wants(visit, "Health history", at=evening)
    run(evening)
    assert "Health history" in last_of(ana, "forms_due").message


def test_a_message_about_forms_is_not_sent_once_they_are_filled_in(visit, ana):
    form = wants(visit, "Health history")
    other = ScheduledNotification.objects.get(subject=visit.subject, rule="forms-1-day")
    fills_in(form)
    ScheduledNotification.objects.filter(pk=other.pk).update(status="planned")  # just being made
    run(NINE_THIRTY - ONE_DAY)
    assert not PatientNotification.objects.filter(patient=ana, type="forms_due").exists()


def test_another_patients_visit_has_no_forms_of_anas(visit, ana, ben):
    with pytest.raises(Refused) as refusal:
        request_form(patient_id=ben.pk, appointment_id=visit.pk, name="Consent", actor=DESK)
    assert refusal.value.field == "appointment_id"
    with pytest.raises(Refused) as refusal:
        request_form(patient_id=ana.pk, appointment_id=visit.pk, name="  ", actor=DESK)
    assert refusal.value.field == "name"


# -- afterwards ----------------------------------------------------------------------------------


@pytest.fixture
def after(visit):
    with clock.at(NINE_THIRTY + timedelta(hours=2)) as moment:
        yield moment


def test_a_missed_visit_is_told_the_same_evening_and_taken_back_when_corrected(visit, ana, after):
    mark_missed(appointment_id=visit.pk, actor=DESK)
    assert plan_of(visit, "missed").due_at == wall("2026-11-24 18:00")
    complete(appointment_id=visit.pk, actor=DESK)
    assert planned(visit) == ["review"]
    mark_missed(appointment_id=visit.pk, actor=DESK)
    run(wall("2026-11-24 18:00"))
    assert "We did not see you" in last_of(ana, "appointment_missed").message


def test_who_books_again_is_not_told_of_the_missed_visit(visit, ana, after, location, provider):
    mark_missed(appointment_id=visit.pk, actor=DESK)
    book(
        patient_id=ana.pk,
        provider_id=provider.pk,
        location_id=location.pk,
        starts_at=NINE_THIRTY + 7 * ONE_DAY,
        ends_at=NINE_THIRTY + 7 * ONE_DAY + HALF_AN_HOUR,
        actor=DESK,
    )
    run(wall("2026-11-24 18:00"))
    assert not PatientNotification.objects.filter(patient=ana, type="appointment_missed").exists()


def test_only_who_was_treated_is_asked_how_they_are(visit, ana, after):
    complete(appointment_id=visit.pk, actor=DESK)
    assert planned(visit) == ["review"]
    complete(appointment_id=visit.pk, treatment="Tooth removed", watch_for="bleeding", actor=DESK)
    assert planned(visit) == ["review", "follow-up"]
    assert plan_of(visit, "follow-up").due_at == wall("2026-11-26 10:00")
    run(wall("2026-11-26 10:00"))
    assert "Tooth removed" in last_of(ana, "treatment_followup").message


def test_the_desk_writes_down_what_was_done_and_does_not_read_it_again(visit, after):
    chief = signed_in(User.objects.create_superuser(username="chief@example.com"))
    page = reverse("admin:portal_appointment_treated", args=[visit.pk])
    assert chief.post(page, {"watch_for": "bleeding"}).context["form"].errors.keys() == {
        "treatment"
    }
    done = chief.post(page, {"treatment": "Tooth removed", "watch_for": "bleeding"}, follow=True)
    assert "The visit is completed." in done.content.decode()
    assert "Tooth removed" not in done.content.decode()
    assert planned(visit) == ["review", "follow-up"]
    clerk = User.objects.create_user(username="clerk@example.com", is_staff=True)
    assert signed_in(clerk).get(page).status_code == 403


def test_forms_are_requested_and_filled_in_at_the_desk(visit):
    chief = signed_in(User.objects.create_superuser(username="chief@example.com"))
    asked = {"patient": visit.patient_id, "appointment": visit.pk, "name": "Health history"}
    with clock.at(MONTH_BEFORE):
        chief.post(reverse("admin:portal_patientform_add"), asked)
    assert [forms for _rule, forms in forms_planned(visit)] == ["Health history"] * 2
    listed = reverse("admin:portal_patientform_changelist")
    assert "Health history" not in chief.get(listed).content.decode()
    form = PatientForm.objects.get()
    ticked = {"action": "filled_in", "_selected_action": [str(form.pk)], "confirmed": "yes"}
    chief.post(listed, ticked)
    assert forms_planned(visit) == []


def test_a_second_visit_within_half_a_year_is_not_asked_about_again(
    visit, ana, ben, after, location, provider
):
    complete(appointment_id=visit.pk, actor=DESK)
    for patient, asked in ((ana, []), (ben, ["review"])):
        soon = a_visit(patient, NINE_THIRTY + ONE_DAY, location=location, provider=provider)
        with clock.at(NINE_THIRTY + 2 * ONE_DAY):
            complete(appointment_id=soon.pk, actor=DESK)
        assert planned(soon) == asked

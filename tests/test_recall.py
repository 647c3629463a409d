"""Regular visits that come due: asked in time, not too often, and no more once booked."""

import io
from datetime import UTC, date, datetime

import pytest
from django.core.management import call_command

from notifications import clock
from notifications.enums import PlanStatus
from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service
from notifications.types import Refused
from portal.models import Appointment, RecallSchedule
from portal.services import (
    cancel,
    change_recall,
    complete,
    complete_recall,
    end_recall,
    mark_missed,
    pause_recall,
    start_recall,
)
from portal.services.timing import day_of, months_later
from tests.clinic import DENVER, DESK, NEW_YORK, a_visit, wall
from tests.crowd import side_by_side
from tests.engine import email_of, run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("practice")]
JUNE, DUE = date(2026, 6, 15), date(2026, 12, 15)
AUTUMN = wall("2026-10-01 09:00")


def at(day: str, hour: str = "10:00") -> datetime:
    return wall(f"{day} {hour}")


def start(patient, **options) -> RecallSchedule:
    """Have a patient asked every six months since June, as entered on 1 October."""
    given = {"kind": "hygiene", "months": 6, "last_visit_on": JUNE} | options
    with clock.at(AUTUMN):
        return start_recall(patient_id=patient.pk, actor=DESK, **given)


def go(until: str) -> None:
    """Let the clock run whenever something is due, up to noon of a day."""
    last = wall(f"{until} 12:00")
    while due := _next_due(last):
        run(due)
    run(last)


def _next_due(last: datetime) -> datetime | None:
    with clock.at(last):
        plans = notification_scheduler_service.planned(days=0)
    return plans[0].due_at if plans else None


def asked(patient) -> list[str]:
    """Return the days on which a patient was asked to book, oldest first."""
    rows = patient_notification_service.inbox(patient_id=patient.pk, status="all").items
    kinds = ("hygiene_recall", "perio_recall")
    return sorted(str(day_of(row.created_at, zone=NEW_YORK)) for row in rows if row.type in kinds)


def planned(row: RecallSchedule) -> dict[str, datetime]:
    plans = notification_scheduler_service.planned_for(subject=row.subject)
    return {plan.rule: plan.due_at for plan in plans if plan.status == PlanStatus.PLANNED}


@pytest.mark.parametrize(
    ("last", "months", "due"),
    [
        ("2026-08-31", 6, "2027-02-28"),
        ("2027-08-31", 6, "2028-02-29"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2026-10-31", 1, "2026-11-30"),
        ("2026-12-15", 3, "2027-03-15"),
        ("2026-08-15", 4, "2026-12-15"),
    ],
)
def test_months_are_those_of_the_calendar(last, months, due):
    assert months_later(date.fromisoformat(last), months) == date.fromisoformat(due)


def test_she_is_asked_before_on_and_after_the_day_at_ten_where_she_lives(ana, ben):
    ana.zone = DENVER
    ana.save()
    row = start(ana)
    assert row.due_on == DUE
    assert planned(row) == {
        "14-before": wall("2026-12-01 10:00", DENVER),
        "on-the-day": wall("2026-12-15 10:00", DENVER),
        "30-after": wall("2027-01-14 10:00", DENVER),
        "60-after": wall("2027-02-13 10:00", DENVER),
    }
    go("2027-06-01")
    assert asked(ana) == ["2026-12-01", "2026-12-15", "2027-01-14", "2027-02-13"]
    assert asked(ben) == []


def test_ten_in_the_morning_stays_ten_when_the_clocks_change(ana):
    row = start(ana, last_visit_on=date(2026, 9, 20))  # due 20 March, a week into summer time
    assert planned(row)["14-before"] == datetime(2027, 3, 6, 15, tzinfo=UTC)
    assert planned(row)["on-the-day"] == datetime(2027, 3, 20, 14, tzinfo=UTC)


def test_a_clinic_closed_for_two_months_asks_once_when_it_is_back(ana):
    start(ana)
    go("2026-11-20")
    run(at("2027-01-20"))
    run(at("2027-01-21"))
    assert asked(ana) == ["2027-01-20"]


def test_each_reminder_takes_the_place_of_the_one_before_it(ana):
    start(ana)
    go("2026-12-16")
    with clock.at(at("2026-12-16", "13:00")):
        page = patient_notification_service.inbox(patient_id=ana.pk)
    newest, older = page.items
    assert older.expired_at is not None
    assert newest.expired_at is None


def test_who_has_booked_is_not_asked_until_the_visit_is_off(ana, location, provider):
    start(ana)
    with clock.at(AUTUMN):
        visit = a_visit(ana, at("2026-12-20"), location=location, provider=provider)
    go("2026-12-16")
    assert asked(ana) == []
    with clock.at(at("2026-12-17")):
        cancel(appointment_id=visit.pk, actor=DESK)
    go("2027-01-20")
    assert asked(ana) == ["2027-01-14"]


def test_a_visit_next_summer_is_not_the_one_that_is_due_unless_it_is_booked_as_it(
    ana, ben, location, provider
):
    for patient, is_recall in ((ana, False), (ben, True)):
        row = start(patient)
        with clock.at(AUTUMN):
            a_visit(
                patient,
                at("2027-06-20"),
                location=location,
                provider=provider,
                recall_id=row.pk if is_recall else None,
            )
    go("2026-12-02")
    assert asked(ana) == ["2026-12-01"]
    assert asked(ben) == []


def test_the_visit_that_is_the_recall_begins_the_next_cycle(ana, location, provider):
    row = start(ana)
    with clock.at(AUTUMN):
        visit = a_visit(
            ana,
            wall("2026-12-31 20:30"),  # already 2027 in UTC
            location=location,
            provider=provider,
            recall_id=row.pk,
        )
    go("2026-12-31")
    with clock.at(wall("2026-12-31 21:00")):
        complete(appointment_id=visit.pk, actor=DESK)
    row.refresh_from_db()
    assert (row.last_visit_on, row.due_on) == (date(2026, 12, 31), date(2027, 6, 30))
    go("2027-07-01")
    assert asked(ana) == ["2027-06-16", "2027-06-30"]


def test_a_visit_for_something_else_begins_no_cycle(ana, location, provider):
    row = start(ana)
    with clock.at(AUTUMN):
        visit = a_visit(ana, at("2026-10-05"), location=location, provider=provider)
    with clock.at(at("2026-10-05", "11:00")):
        complete(appointment_id=visit.pk, actor=DESK)
    row.refresh_from_db()
    assert row.due_on == DUE


def test_who_was_here_last_week_is_not_written_to_this_week(ana, ben, location, provider):
    for patient in (ana, ben):
        start(patient)
    with clock.at(AUTUMN):
        visit = a_visit(ana, at("2026-12-07"), location=location, provider=provider)
    with clock.at(at("2026-12-07", "11:00")):
        complete(appointment_id=visit.pk, actor=DESK)
    go("2027-01-20")
    assert asked(ana) == ["2027-01-14"]
    assert asked(ben) == ["2026-12-01", "2026-12-15", "2027-01-14"]


def test_a_visit_that_never_took_place_after_all_is_due_still(ana, location, provider):
    row = start(ana)
    with clock.at(AUTUMN):
        visit = a_visit(
            ana, at("2026-12-10"), location=location, provider=provider, recall_id=row.pk
        )
    with clock.at(at("2026-12-10", "11:00")):
        complete(appointment_id=visit.pk, actor=DESK)
        mark_missed(appointment_id=visit.pk, actor=DESK)
    row.refresh_from_db()
    assert row.due_on == date(2026, 12, 10)
    go("2027-01-10")
    assert asked(ana)[-1] == "2027-01-09"


def test_after_the_last_reminder_nobody_is_asked_until_the_desk_acts(ana):
    row = start(ana, max_reminders=2)
    go("2027-12-31")
    assert asked(ana) == ["2026-12-01", "2026-12-15"]
    with clock.at(at("2028-01-03")):
        complete_recall(recall_id=row.pk, on=date(2028, 1, 3), actor=DESK)
    go("2028-06-20")
    assert asked(ana)[2:] == ["2028-06-19"]


def test_what_falls_into_a_pause_is_left_out_and_the_next_goes(ana):
    row = start(ana)
    with clock.at(at("2026-11-20")):
        pause_recall(recall_id=row.pk, until=date(2027, 1, 1), actor=DESK)
    go("2027-03-01")
    assert asked(ana) == ["2027-01-14", "2027-02-13"]


def test_a_pause_longer_than_the_cycle_is_followed_by_one_reminder(ana):
    row = start(ana)
    with clock.at(at("2026-11-20")):
        pause_recall(recall_id=row.pk, until=date(2027, 4, 1), actor=DESK)
    go("2027-06-01")
    assert asked(ana) == ["2027-04-01"]


def test_a_pause_that_ends_early_brings_back_what_is_ahead(ana):
    row = start(ana)
    with clock.at(at("2026-11-20")):
        pause_recall(recall_id=row.pk, until=date(2027, 4, 1), actor=DESK)
        pause_recall(recall_id=row.pk, until=None, actor=DESK)
    assert set(planned(row)) == {"14-before", "on-the-day", "30-after", "60-after"}
    go("2026-12-02")
    assert asked(ana) == ["2026-12-01"]


def test_entered_late_at_night_she_is_asked_once_the_next_morning(ana):
    with clock.at(wall("2026-12-20 23:15")):
        start_recall(patient_id=ana.pk, kind="hygiene", months=6, last_visit_on=JUNE, actor=DESK)
    run(wall("2026-12-20 23:20"))
    assert asked(ana) == []
    run(wall("2026-12-21 10:00"))
    run(wall("2026-12-21 10:05"))
    assert asked(ana) == ["2026-12-21"]


def test_who_was_due_a_cycle_ago_is_left_to_the_desk(ana):
    row = start(ana, last_visit_on=date(2025, 1, 15))
    assert planned(row) == {}


def test_other_months_count_from_the_last_visit(ana):
    row = start(ana)
    with clock.at(at("2026-10-02")):
        changed = change_recall(recall_id=row.pk, months=9, actor=DESK)
    assert changed.due_on == date(2027, 3, 15)
    assert planned(row)["on-the-day"] == at("2027-03-15")
    with clock.at(at("2026-10-03")):
        change_recall(recall_id=row.pk, months=6, actor=DESK)
    assert planned(row)["on-the-day"] == at("2026-12-15")
    assert len(planned(row)) == 4


def test_a_recall_that_ended_asks_nothing_and_can_start_again(ana):
    row = start(ana)
    with clock.at(at("2026-11-20")):
        end_recall(recall_id=row.pk, actor=DESK)
        end_recall(recall_id=row.pk, actor=DESK)
        with pytest.raises(Refused, match="has ended"):
            pause_recall(recall_id=row.pk, until=None, actor=DESK)
    go("2026-12-02")
    assert asked(ana) == []
    with clock.at(at("2026-12-03")):
        again = start_recall(
            patient_id=ana.pk, kind="hygiene", months=6, last_visit_on=JUNE, actor=DESK
        )
    assert again.pk == row.pk
    go("2026-12-04")
    assert asked(ana) == ["2026-12-03"]


def test_gum_care_takes_the_place_of_the_cleaning(ana, ben):
    cleaning, bens = start(ana), start(ben)
    start(ana, kind="perio", months=3, last_visit_on=None, due_on=DUE)
    cleaning.refresh_from_db()
    assert cleaning.ended_at is not None
    assert planned(cleaning) == {}
    assert len(planned(bens)) == 4
    with pytest.raises(Refused) as refusal:
        start(ana)
    assert refusal.value.field == "kind"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kind": "whitening"}, "kind"),
        ({"months": 0}, "months"),
        ({"months": 61}, "months"),
        ({"max_reminders": -1}, "max_reminders"),
        ({"last_visit_on": None}, "due_on"),
    ],
)
def test_what_cannot_be_is_refused_and_the_field_is_named(ana, given, field):
    with pytest.raises(Refused) as refusal:
        start(ana, **given)
    assert refusal.value.field == field
    assert not RecallSchedule.objects.exists()


def test_a_visit_is_nobody_elses_recall(ana, ben, location, provider):
    row = start(ana)
    with pytest.raises(Refused) as refusal:
        a_visit(ben, at("2026-12-20"), location=location, provider=provider, recall_id=row.pk)
    assert refusal.value.field == "recall_id"
    assert not Appointment.objects.exists()


def test_outside_the_portal_nobody_can_tell_which_visit_is_due(ana, outbox):
    email_of(ana)
    start(ana, kind="perio", months=3, last_visit_on=None, due_on=DUE)
    go("2027-01-15")
    mails = [message.content for message in outbox("email")]
    assert len(mails) == 3
    assert "It was due on" in str(mails[-1])
    assert "gum" not in str(mails).lower()
    inbox = patient_notification_service.inbox(patient_id=ana.pk, status="all").items
    assert "gums healthy was due on Dec 15, 2026" in inbox[0].message


def test_recalls_of_before_an_upgrade_are_planned_by_one_command(ana, ben):
    row = RecallSchedule.objects.create(patient=ana, kind="hygiene", months=6, due_on=DUE)
    ended = {"ended_at": AUTUMN, "due_on": DUE}
    RecallSchedule.objects.create(patient=ben, kind="hygiene", months=6, **ended)
    start(ben, kind="perio")
    said = io.StringIO()
    with clock.at(AUTUMN):
        for _again in range(2):
            call_command("plan_recalls", stdout=said)
    assert said.getvalue() == ("Planned: 4 reminders of recalls\nPlanned: 0 reminders of recalls\n")
    assert len(planned(row)) == 4


@pytest.mark.django_db(transaction=True)
def test_a_visit_is_closed_while_the_desk_pauses_and_nobody_locks_the_other_out(
    ana, location, provider
):
    row = start(ana)
    with clock.at(AUTUMN):
        visit = a_visit(
            ana, at("2026-12-10"), location=location, provider=provider, recall_id=row.pk
        )
    go("2026-12-02")

    def close() -> None:
        for _round in range(6):
            complete(appointment_id=visit.pk, actor=DESK)
            mark_missed(appointment_id=visit.pk, actor=DESK)

    def pause() -> None:
        for until in (date(2027, 1, 1), None) * 6:
            pause_recall(recall_id=row.pk, until=until, actor=DESK)

    with clock.at(at("2026-12-10", "11:00")):
        side_by_side(close, pause)
    row.refresh_from_db()
    assert (row.due_on, row.paused_until) == (date(2026, 12, 10), None)
    assert set(planned(row)) == {"on-the-day", "30-after", "60-after"}


@pytest.mark.parametrize("day", [date.min, date(1026, 12, 15), date(2062, 12, 15), date.max])
def test_a_day_whose_year_was_mistyped_is_refused_and_named(ana, day):
    for field in ("due_on", "last_visit_on"):
        with pytest.raises(Refused, match="Check the year") as refusal:
            start(ana, **{field: day})
        assert refusal.value.field == field
    row = start(ana)
    for change, field in ((change_recall, "due_on"), (pause_recall, "until")):
        with clock.at(AUTUMN), pytest.raises(Refused, match="Check the year"):
            change(recall_id=row.pk, actor=DESK, **{field: day})
    row.refresh_from_db()
    assert (row.due_on, row.paused_until) == (DUE, None)

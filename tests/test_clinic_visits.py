"""A receptionist's day: what a patient hears when a visit is booked, moved, cancelled, over."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from notifications import clock
from notifications.enums import PatientNotificationPriority, PlanStatus
from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service
from notifications.types import Refused
from portal.models import Appointment, Location, Provider, ReminderRule
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.services import (
    answer,
    book,
    cancel,
    complete,
    confirm,
    default_reminder_rules,
    mark_missed,
    reschedule,
    visits,
)
from tests.clinic import DENVER, DESK, HALF_AN_HOUR, a_visit, wall

pytestmark = pytest.mark.django_db

NINE_THIRTY = wall("2026-11-24 09:30")
MONTH_BEFORE = NINE_THIRTY - timedelta(days=30)
EIGHT_DAYS_BEFORE = NINE_THIRTY - timedelta(days=8)
TEN_LATER = wall("2026-12-01 14:00")
HEARD = MONTH_BEFORE + timedelta(minutes=3)  # news of a booking has left by then


@pytest.fixture(autouse=True)
def rules(location):
    """The usual ones, but for the date to save: that is told of in test_visit_calendar.py."""
    default_reminder_rules(location)
    location.reminder_rules.filter(name="save-the-date").delete()


@pytest.fixture
def at_month_before():
    with clock.at(MONTH_BEFORE):
        yield


@pytest.fixture
def visit(at_month_before, ana, location, provider) -> Appointment:
    return a_visit(ana, NINE_THIRTY, location=location, provider=provider)


def heard(patient, **options) -> list[str]:
    """Return the types of a patient's messages, oldest first."""
    page = patient_notification_service.inbox(patient_id=patient.pk, status="all", **options)
    return [row.type for row in reversed(page.items)]


def last_message(patient):
    return patient_notification_service.inbox(patient_id=patient.pk, limit=1).items[0]


def planned(visit, status=PlanStatus.PLANNED) -> list[str]:
    plans = notification_scheduler_service.planned_for(subject=visit.subject)
    return [plan.rule for plan in plans if plan.status == status]


def plan_of(visit, rule: str):
    plans = notification_scheduler_service.planned_for(subject=visit.subject)
    return next(p for p in plans if p.rule == rule and p.status == PlanStatus.PLANNED)


def play(*moments: datetime) -> None:
    """Let the engine do its work at these moments."""
    for moment in moments:
        notification_scheduler_service.run_due(now=moment)


def through(start: datetime, end: datetime, every=timedelta(hours=2)):
    while start <= end:
        yield start
        start += every


def move(visit, starts_at: datetime = TEN_LATER, **options) -> Appointment:
    return reschedule(
        appointment_id=visit.pk,
        starts_at=starts_at,
        ends_at=starts_at + HALF_AN_HOUR,
        actor=DESK,
        **options,
    )


# -- booked --------------------------------------------------------------------------------------


def test_a_booked_visit_is_told_once_and_reminded_of_at_three_moments(visit, ana):
    assert heard(ana) == ["appointment_confirmed"]
    assert "booked for Tue, Nov 24 at 9:30 AM EST with Dr Lee" in last_message(ana).message
    assert planned(visit) == ["7-days", "2-days", "2-hours"]


def test_each_reminder_goes_at_its_moment_and_once(visit, ana):
    play(*through(EIGHT_DAYS_BEFORE, NINE_THIRTY + timedelta(days=1)))
    assert heard(ana) == ["appointment_confirmed", *["appointment_reminder"] * 3]
    rows = patient_notification_service.inbox(patient_id=ana.pk, status="all").items
    before = sorted(NINE_THIRTY - row.created_at for row in rows[:3])
    assert before == [timedelta(hours=2), timedelta(days=2), timedelta(days=7)]


def test_the_patient_gets_each_of_them_by_email_with_the_day_and_place(
    visit, ana, ana_email, outbox
):
    play(*through(EIGHT_DAYS_BEFORE, NINE_THIRTY))
    sent = outbox()
    assert len(sent) == 4
    assert {mail.content["subject"] for mail in sent} == {
        "You have a new message from Main Street Dental"
    }


def test_only_the_latest_reminder_counts_as_unread(visit, ana):
    play(*through(EIGHT_DAYS_BEFORE, NINE_THIRTY - timedelta(hours=1)))
    unread = patient_notification_service.inbox(patient_id=ana.pk, unread_only=True)
    assert [row.type for row in unread.items] == ["appointment_reminder", "appointment_confirmed"]
    assert unread.unread == 2


def test_after_an_outage_only_the_latest_overdue_reminder_goes(visit, ana):
    play(NINE_THIRTY - timedelta(hours=20))
    assert heard(ana).count("appointment_reminder") == 1
    assert planned(visit, PlanStatus.EXPIRED) == ["7-days"]
    assert planned(visit, PlanStatus.SENT) == ["2-days"]


@pytest.mark.req("R-10")
def test_r10_after_three_days_of_outage_nothing_stale_is_sent(visit, ana):
    play(NINE_THIRTY + timedelta(days=3))
    assert "appointment_reminder" not in heard(ana)
    assert planned(visit, PlanStatus.EXPIRED) == ["7-days", "2-days", "2-hours"]


def test_a_visit_booked_for_tomorrow_gets_no_reminder_on_top_of_the_news(ana, location, provider):
    with clock.at(NINE_THIRTY - timedelta(days=1)):
        visit = a_visit(ana, NINE_THIRTY, location=location, provider=provider)
        play(clock.now() + timedelta(minutes=1))
        assert heard(ana) == ["appointment_confirmed"]
        assert planned(visit) == ["2-hours"]


def test_a_visit_entered_late_without_a_word_gets_only_its_latest_overdue_reminder(
    ana, location, provider
):
    with clock.at(NINE_THIRTY - timedelta(days=1)):
        visit = a_visit(ana, NINE_THIRTY, location=location, provider=provider, announce=False)
        assert heard(ana) == []
        assert planned(visit) == ["2-days", "2-hours"]
        play(clock.now() + timedelta(minutes=1))
        assert heard(ana) == ["appointment_reminder"]


def test_a_visit_of_the_past_is_written_down_and_nobody_is_told(ana, location, provider):
    visit = a_visit(ana, wall("2013-12-10 09:00"), location=location, provider=provider)
    assert visit.status == Appointment.Status.BOOKED
    assert heard(ana) == []
    assert planned(visit) == []


def test_reminders_in_the_week_the_clocks_change_keep_the_hour_of_each_place(
    ana, practice, provider
):
    denver = Location.objects.create(practice=practice, name="West", zone=DENVER)
    default_reminder_rules(denver)
    with clock.at(wall("2026-02-01 12:00")):
        visit = a_visit(ana, wall("2026-03-10 09:30", DENVER), location=denver, provider=provider)
    assert plan_of(visit, "7-days").due_at == wall("2026-03-03 09:30", DENVER)
    assert plan_of(visit, "2-days").due_at == wall("2026-03-08 09:30", DENVER)
    assert plan_of(visit, "2-hours").due_at == wall("2026-03-10 07:30", DENVER)


def test_a_place_keeps_the_rules_it_made_for_itself(location):
    location.reminder_rules.all().delete()
    ReminderRule.objects.create(location=location, name="1-day", minutes_before=24 * 60)
    assert [rule.name for rule in default_reminder_rules(location)] == ["1-day"]


def test_a_rule_switched_off_reminds_no_more(at_month_before, ana, location, provider):
    location.reminder_rules.filter(name="2-days").update(is_active=False)
    visit = a_visit(ana, NINE_THIRTY, location=location, provider=provider)
    assert planned(visit) == ["7-days", "2-hours"]


# -- moved ---------------------------------------------------------------------------------------


def test_a_moved_visit_sends_one_moved_notice_and_no_reminder_with_the_old_time(visit, ana):
    play(HEARD)
    move(visit)
    assert heard(ana) == ["appointment_confirmed", "appointment_rescheduled"]
    said = last_message(ana).message
    assert "now on Tue, Dec 1 at 2:00 PM EST" in said
    assert "no longer on Tue, Nov 24 at 9:30 AM EST" in said
    play(*through(EIGHT_DAYS_BEFORE, TEN_LATER, every=timedelta(hours=1)))
    reminders = [
        row.message
        for row in patient_notification_service.inbox(
            patient_id=ana.pk, type_key="appointment_reminder", status="all"
        ).items
    ]
    assert len(reminders) == 3
    assert all("Dec 1 at 2:00 PM" in message for message in reminders)
    assert planned(visit, PlanStatus.CANCELLED) == ["7-days", "2-days", "2-hours"]


def test_the_news_of_the_old_time_is_not_sent_once_the_visit_has_moved(
    visit, ana, ana_email, outbox
):
    move(visit)
    play(HEARD)
    texts = [mail.content["text"] for mail in outbox()]
    assert len(texts) == 1
    assert "booked for Tue, Dec 1 at 2:00 PM EST" in texts[0]


def test_moving_a_visit_to_where_it_is_changes_nothing(visit, ana):
    again = move(visit, NINE_THIRTY)
    assert again.revision == 1
    assert heard(ana) == ["appointment_confirmed"]
    assert planned(visit) == ["7-days", "2-days", "2-hours"]


def test_a_longer_visit_at_the_same_time_is_no_news(visit, ana):
    longer = reschedule(
        appointment_id=visit.pk,
        starts_at=NINE_THIRTY,
        ends_at=NINE_THIRTY + timedelta(hours=2),
        actor=DESK,
    )
    longer.refresh_from_db()
    assert longer.ends_at == NINE_THIRTY + timedelta(hours=2)
    assert longer.revision == 1
    assert heard(ana) == ["appointment_confirmed"]


def test_another_provider_at_the_same_time_is_news(visit, ana):
    move(visit, NINE_THIRTY, provider_id=Provider.objects.create(name="Dr Novak").pk)
    said = last_message(ana).message
    assert "9:30 AM EST with Dr Novak" in said
    assert "no longer" not in said
    assert len(planned(visit)) == 3


def test_another_place_brings_its_own_clock_and_rules(visit, ana, practice):
    play(HEARD)
    denver = Location.objects.create(practice=practice, name="West", zone=DENVER)
    default_reminder_rules(denver)
    move(visit, wall("2026-11-24 09:30", DENVER), location_id=denver.pk)
    said = last_message(ana).message
    assert "now on Tue, Nov 24 at 9:30 AM MST" in said
    assert "no longer on Tue, Nov 24 at 9:30 AM EST" in said
    assert plan_of(visit, "2-days").due_at == wall("2026-11-22 09:30", DENVER)


def test_a_move_ends_the_patients_confirmation(visit):
    confirm(appointment_id=visit.pk, actor=DESK)
    moved = move(visit)
    assert moved.status == Appointment.Status.BOOKED
    assert moved.confirmed_at is None
    assert plan_of(visit, "7-days").payload["asks_to_confirm"] is True


def test_a_move_nobody_is_to_hear_of_changes_the_plans_all_the_same(visit, ana):
    move(visit, announce=False)
    assert heard(ana) == ["appointment_confirmed"]
    assert plan_of(visit, "2-days").due_at == wall("2026-11-29 14:00")


def test_a_change_within_hours_of_the_visit_is_urgent(visit, ana):
    play(HEARD)
    with clock.at(NINE_THIRTY - timedelta(hours=3)):
        move(visit)
        assert last_message(ana).priority == PatientNotificationPriority.URGENT
        play(clock.now())
        cancel(appointment_id=visit.pk, actor=DESK)
        assert last_message(ana).priority == PatientNotificationPriority.HIGH


# -- cancelled -----------------------------------------------------------------------------------


def test_a_cancelled_visit_is_told_once_and_sends_no_reminder(visit, ana):
    play(HEARD)
    cancel(appointment_id=visit.pk, actor=DESK)
    cancel(appointment_id=visit.pk, actor=DESK)
    play(*through(EIGHT_DAYS_BEFORE, NINE_THIRTY))
    assert heard(ana) == ["appointment_confirmed", "appointment_cancelled"]
    assert "Nov 24 at 9:30 AM EST with Dr Lee is cancelled" in last_message_of_all(ana)
    assert planned(visit) == []


def last_message_of_all(patient) -> str:
    page = patient_notification_service.inbox(patient_id=patient.pk, status="all", limit=1)
    return page.items[0].message


def test_a_visit_put_back_in_the_book_is_told_as_booked_and_reminded_of_again(visit, ana):
    cancel(appointment_id=visit.pk, actor=DESK)
    back = move(visit, NINE_THIRTY)
    assert back.status == Appointment.Status.BOOKED
    assert heard(ana)[-1] == "appointment_confirmed"
    assert planned(visit) == ["7-days", "2-days", "2-hours"]


def test_the_news_of_a_cancellation_is_not_sent_when_the_visit_is_on_again(
    visit, ana, ana_email, outbox
):
    play(HEARD)
    cancel(appointment_id=visit.pk, actor=DESK)
    move(visit, NINE_THIRTY)
    play(HEARD + timedelta(minutes=3))
    assert not [mail for mail in outbox() if "cancelled" in mail.content["text"]]


def test_cancelling_a_visit_of_yesterday_tells_nobody(visit, ana):
    with clock.at(NINE_THIRTY + timedelta(days=1)):
        cancel(appointment_id=visit.pk, actor=DESK)
    assert heard(ana) == ["appointment_confirmed"]


# -- confirmed -----------------------------------------------------------------------------------


def test_a_confirmed_visit_is_still_reminded_of_but_not_asked_about(visit, ana):
    confirm(appointment_id=visit.pk, actor=DESK)
    play(*through(EIGHT_DAYS_BEFORE, NINE_THIRTY))
    page = patient_notification_service.inbox(
        patient_id=ana.pk, type_key="appointment_reminder", status="all"
    )
    assert len(page.items) == 3
    assert not [row for row in page.items if "Please confirm" in row.message]


def test_an_unconfirmed_visit_is_asked_about_until_the_day_before(visit, ana):
    play(*through(EIGHT_DAYS_BEFORE, NINE_THIRTY))
    page = patient_notification_service.inbox(
        patient_id=ana.pk, type_key="appointment_reminder", status="all"
    )
    asks = ["Please confirm" in row.message for row in reversed(page.items)]
    assert asks == [True, True, False]


def test_a_visit_booked_and_confirmed_in_one_go_is_still_told_as_booked(
    visit, ana, ana_email, outbox
):
    confirm(appointment_id=visit.pk, actor=DESK)
    play(HEARD)
    assert len(outbox()) == 1


def test_confirming_twice_is_confirming_once(visit):
    first = confirm(appointment_id=visit.pk, actor=DESK).confirmed_at
    with clock.at(MONTH_BEFORE + timedelta(days=1)):
        assert confirm(appointment_id=visit.pk, actor=DESK).confirmed_at == first
    assert planned(visit) == ["7-days", "2-days", "2-hours"]


def test_a_patient_confirms_by_answering_the_reminder(visit, ana):
    week_before = NINE_THIRTY - timedelta(days=7)
    play(week_before)
    reminder = last_message(ana)
    with clock.at(week_before + timedelta(hours=1)):
        for _press in range(2):
            answered = answer(
                patient_id=ana.pk,
                notification_id=reminder.pk,
                action="confirm",
                actor=f"user:{ana.pk}",
            )
    visit.refresh_from_db()
    assert visit.status == Appointment.Status.CONFIRMED
    assert answered.action_taken == "confirm"
    assert plan_of(visit, "2-days").payload["asks_to_confirm"] is False


def test_an_old_reminder_cannot_confirm_the_new_time(visit, ana):
    play(NINE_THIRTY - timedelta(days=7))
    reminder = last_message(ana)
    move(visit)
    with pytest.raises(Refused, match="has changed"):
        answer(
            patient_id=ana.pk,
            notification_id=reminder.pk,
            action="confirm",
            actor=f"user:{ana.pk}",
        )
    visit.refresh_from_db()
    assert visit.status == Appointment.Status.BOOKED


def test_another_patient_cannot_answer_for_ana(visit, ana, ben):
    play(NINE_THIRTY - timedelta(days=7))
    reminder = last_message(ana)
    with pytest.raises(type(reminder).DoesNotExist):
        answer(
            patient_id=ben.pk,
            notification_id=reminder.pk,
            action="confirm",
            actor=f"user:{ben.pk}",
        )
    visit.refresh_from_db()
    assert visit.status == Appointment.Status.BOOKED


def test_a_message_about_somebody_elses_visit_confirms_nothing(visit, ana, ben):
    forged = patient_notification_service.create_notification(
        patient_id=ben.pk,
        payload=AppointmentReminderPayload(
            appointment_id=visit.pk,
            appointment_date=visit.starts_at,
            provider_name="Dr Lee",
            asks_to_confirm=True,
        ),
    )
    with pytest.raises(Refused):
        answer(
            patient_id=ben.pk, notification_id=forged.pk, action="confirm", actor=f"user:{ben.pk}"
        )
    visit.refresh_from_db()
    assert visit.status == Appointment.Status.BOOKED


def test_an_example_message_can_be_answered_and_changes_no_visit(ana):
    trial = patient_notification_service.create_notification(
        patient_id=ana.pk, payload=AppointmentReminderPayload.example()
    )
    answered = answer(
        patient_id=ana.pk, notification_id=trial.pk, action="confirm", actor=f"user:{ana.pk}"
    )
    assert answered.acted_at is not None


# -- over ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("close", [complete, mark_missed])
def test_a_visit_that_is_over_ends_what_was_planned(visit, ana, close):
    with clock.at(NINE_THIRTY + timedelta(hours=1)):
        close(appointment_id=visit.pk, actor=DESK)
        close(appointment_id=visit.pk, actor=DESK)
    assert not {"7-days", "2-days", "2-hours"} & set(planned(visit))
    assert heard(ana) == ["appointment_confirmed"]


def test_a_visit_marked_wrongly_can_be_corrected(visit):
    with clock.at(NINE_THIRTY + timedelta(hours=1)):
        mark_missed(appointment_id=visit.pk, actor=DESK)
        done = complete(appointment_id=visit.pk, actor=DESK)
    assert done.status == Appointment.Status.COMPLETED


# -- what the desk cannot do ---------------------------------------------------------------------


def test_what_cannot_be_done_is_refused_with_a_sentence(visit):
    with pytest.raises(Refused, match="not begun"):
        mark_missed(appointment_id=visit.pk, actor=DESK)
    with clock.at(NINE_THIRTY + timedelta(hours=1)):
        with pytest.raises(Refused, match="already begun"):
            confirm(appointment_id=visit.pk, actor=DESK)
        complete(appointment_id=visit.pk, actor=DESK)
        with pytest.raises(Refused, match="over"):
            cancel(appointment_id=visit.pk, actor=DESK)
        with pytest.raises(Refused, match="taken place"):
            move(visit)


def test_a_visit_of_a_later_day_did_not_take_place_and_is_still_reminded_of(visit):
    with pytest.raises(Refused, match="not begun"):
        complete(appointment_id=visit.pk, actor=DESK)
    assert len(planned(visit)) == 3
    with clock.at(visit.starts_at - HALF_AN_HOUR):  # who is early may be done early
        assert complete(appointment_id=visit.pk, actor=DESK).status == "completed"


def test_a_cancelled_visit_is_neither_confirmed_nor_completed(visit):
    cancel(appointment_id=visit.pk, actor=DESK)
    for act in (confirm, complete, mark_missed):
        with pytest.raises(Refused):
            act(appointment_id=visit.pk, actor=DESK)


@pytest.mark.parametrize("unknown", ["patient_id", "provider_id", "location_id"])
def test_an_unknown_person_or_place_is_refused_and_named(unknown, ana, location, provider):
    known = {"patient_id": ana.pk, "provider_id": provider.pk, "location_id": location.pk}
    with pytest.raises(Refused) as refusal:
        book(
            **known | {unknown: uuid4()},
            starts_at=NINE_THIRTY,
            ends_at=NINE_THIRTY + HALF_AN_HOUR,
            actor=DESK,
        )
    assert refusal.value.field == unknown


def test_a_time_without_zone_or_length_is_refused_and_named(visit):
    with pytest.raises(Refused) as refusal:
        move(visit, NINE_THIRTY.replace(tzinfo=None))
    assert refusal.value.field == "starts_at"
    with pytest.raises(Refused) as refusal:
        reschedule(appointment_id=visit.pk, starts_at=NINE_THIRTY, ends_at=NINE_THIRTY, actor=DESK)
    assert refusal.value.field == "ends_at"


def test_an_unknown_visit_is_refused(db):
    with pytest.raises(Refused) as refusal:
        confirm(appointment_id=uuid4(), actor=DESK)
    assert refusal.value.field == "appointment_id"


def test_a_booking_that_fails_leaves_neither_plan_nor_message(ana, location, provider, monkeypatch):
    def fails(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr(visits, "tell_booked", fails)
    with clock.at(MONTH_BEFORE), pytest.raises(RuntimeError):
        a_visit(ana, NINE_THIRTY, location=location, provider=provider)
    assert not Appointment.objects.exists()
    assert notification_scheduler_service.planned(days=365) == []


def test_a_batch_of_reminders_is_checked_in_one_query(
    at_month_before, ana, location, provider, django_assert_num_queries
):
    payloads = [
        AppointmentReminderPayload.load(plan.payload)
        for day in range(5)
        for plan in notification_scheduler_service.planned_for(
            subject=a_visit(
                ana, NINE_THIRTY + timedelta(days=day), location=location, provider=provider
            ).subject
        )
    ]
    with django_assert_num_queries(1):
        assert AppointmentReminderPayload.irrelevant(payloads) == set()
    Appointment.objects.all().delete()
    assert AppointmentReminderPayload.irrelevant(payloads) == set(payloads)

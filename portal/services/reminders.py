"""A visit's plans as its services ask for them, and the rules a new location starts with."""

from collections.abc import Mapping
from datetime import UTC, datetime

from django.db.models import F

from notifications import clock
from notifications.enums import Reason
from notifications.scheduler import notification_scheduler_service
from portal.models import Appointment, Location, Provider, ReminderRule
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.services.visit_calendar import Hours, Manner, VisitFacts, VisitPlan, plans_of, replan
from portal.services.visit_calendar.times import MINUTES_A_DAY

What = ReminderRule.What
DEFAULT_RULES = {"7-days": 7 * MINUTES_A_DAY, "2-days": 2 * MINUTES_A_DAY, "2-hours": 120}
UNTIL_FILLED_IN = {"what": What.FORMS, "until": ReminderRule.Until.FORMS_DONE}
MORE_DEFAULT_RULES = (
    {"name": "save-the-date", "what": What.SAVE_THE_DATE, "minutes_before": 21 * MINUTES_A_DAY},
    {"name": "forms-3-days", "minutes_before": 3 * MINUTES_A_DAY, **UNTIL_FILLED_IN},
    {"name": "forms-1-day", "minutes_before": MINUTES_A_DAY, **UNTIL_FILLED_IN},
    {"name": "missed", "what": What.MISSED, "minutes_after": 60},
    {"name": "follow-up", "what": What.FOLLOW_UP, "minutes_after": 2 * MINUTES_A_DAY},
    {"name": "review", "what": What.REVIEW, "minutes_after": MINUTES_A_DAY},
)
BEFORE_ALL_TIME = datetime.min.replace(tzinfo=UTC)


def plan_reminders(visit: Appointment, *, with_overdue: bool) -> None:
    """Plan what is sent about a visit by its location's rules, in the caller's transaction.

    A patient who is being told this very moment needs no overdue reminder as well; one whose
    visit is entered late, without a message, does. Planning it again makes nothing new.
    """
    told = {} if with_overdue else {visit.subject: clock.now()}
    replan([visit], Manner(told=told))


def remind_unheard(visit: Appointment) -> None:
    """Plan anew the reminder that a move called off before it left, where the move is taken back.

    The patient is told of neither, so an overdue reminder is planned too.
    """
    kinds = (AppointmentReminderPayload.type_key,)
    if notification_scheduler_service.unheard(subject=visit.subject, types=kinds) is not None:
        plan_reminders(visit, with_overdue=True)


def plan_aftermath(visit: Appointment) -> None:
    """Plan what follows a visit that was just completed or missed, by its location's rules."""
    replan([visit], Manner(closed_at=clock.now()))


def refresh_plans(visit: Appointment) -> None:
    """Let what is planned about a visit say how it stands now; nothing late is added."""
    replan([visit], Manner(told={visit.subject: clock.now()}))


def stop_asking(visit: Appointment) -> None:
    """Let what would ask again only remind, or not go at all where its rule says so.

    What has been made already stays as it is. Who answers this moment needs no overdue reminder.
    """
    replan([visit], Manner(reason=Reason.ANSWERED, told={visit.subject: clock.now()}))


def refresh_others(visit: Appointment) -> None:
    """Let a patient's visits ahead go by whether they come for the first time, after this one.

    One that somebody is changing at this moment is left to them: whoever holds it may wait for us.
    """
    ahead = Appointment.objects.filter(
        patient=visit.patient_id, status__in=Appointment.UPCOMING, starts_at__gt=clock.now()
    ).exclude(pk=visit.pk)
    held = ahead.select_for_update(of=("self",), skip_locked=True)
    others = list(held.select_related("location", "provider", "patient").order_by("pk"))
    if others:
        replan(others, Manner(is_change=True))


def reminder_steps(*, starts_at: datetime, zone: str, rules: Mapping[str, int]) -> list[VisitPlan]:
    """Return the reminders of a visit that nobody booked yet, the earliest first.

    `rules` is minutes before by name. Each expires when the next is due, the last half an hour
    before the visit, so that after an outage only the latest goes. A rule that leaves no time to
    act yields none.
    """
    visit = Appointment(
        starts_at=starts_at, ends_at=starts_at, location=Location(zone=zone), provider=Provider()
    )
    return plans_of(
        VisitFacts(visit=visit),
        rules=[ReminderRule(name=name, minutes_before=each) for name, each in rules.items()],
        hours=Hours(zone=zone),
        now=BEFORE_ALL_TIME,
    )


def default_reminder_rules(location: Location) -> list[ReminderRule]:
    """Give a location without any rules the default ones; return its rules, the earliest first."""
    if not location.reminder_rules.exists():
        reminders = [
            {"name": name, "minutes_before": minutes} for name, minutes in DEFAULT_RULES.items()
        ]
        ReminderRule.objects.bulk_create(
            ReminderRule(location=location, **each) for each in (*reminders, *MORE_DEFAULT_RULES)
        )
    before_first = F("minutes_after").asc(nulls_first=True)
    return list(location.reminder_rules.order_by(before_first, "-minutes_before"))

"""When a visit is reminded of. The times are worked out here; the engine keeps and sends them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from notifications import clock
from notifications.enums import PlanStatus, Reason
from notifications.scheduler import notification_scheduler_service
from portal.models import Appointment, Location, ReminderRule
from portal.notification_types._visit import visit_fields
from portal.notification_types.appointment_reminder import (
    LAST_MOMENT,
    AppointmentReminderPayload,
)

MINUTES_A_DAY = 24 * 60
DEFAULT_RULES = {"7-days": 7 * MINUTES_A_DAY, "2-days": 2 * MINUTES_A_DAY, "2-hours": 120}
# Closer to the visit an answer no longer helps the desk to fill the chair.
ASKS_AT_LEAST = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class ReminderStep:
    """One reminder of a visit: when it goes, and until when it may still go."""

    rule: str
    due_at: datetime
    expires_at: datetime


def moment_before(*, starts_at: datetime, minutes: int, zone: str) -> datetime:
    """Return the moment `minutes` before a visit: UTC, aware.

    Whole days keep the wall clock of `zone`, so that a week before 9:30 is 9:30 across a change
    of the clocks; a time the clocks skip moves forward, one they repeat is the first. The hours
    that remain are elapsed time.
    """
    days, rest = divmod(minutes, MINUTES_A_DAY)
    local = starts_at.astimezone(ZoneInfo(zone))
    if days:  # arithmetic within one zone is on the wall clock, and answers with fold=0
        local -= timedelta(days=days)
    return local.astimezone(UTC) - timedelta(minutes=rest)


def reminder_steps(
    *, starts_at: datetime, zone: str, rules: Mapping[str, int]
) -> list[ReminderStep]:
    """Return a visit's reminders, the earliest first; `rules` is minutes before by name.

    Each expires when the next is due, the last half an hour before the visit, so that after an
    outage only the latest goes. A rule that leaves no time to act yields none.
    """
    due = sorted(
        (moment_before(starts_at=starts_at, minutes=minutes, zone=zone), name)
        for name, minutes in rules.items()
    )
    last = starts_at - LAST_MOMENT
    ends = [min(next_due, last) for next_due, _name in due[1:]] + [last]
    return [
        ReminderStep(rule=name, due_at=due_at, expires_at=end)
        for (due_at, name), end in zip(due, ends, strict=False)
        if due_at < end
    ]


def steps_ahead(
    steps: list[ReminderStep], *, now: datetime, with_overdue: bool
) -> list[ReminderStep]:
    """Return the steps still to go: those not yet due, and `with_overdue` the latest that is.

    A patient who is being told this very moment needs no overdue reminder as well; one whose
    visit is entered late, without a message, does.
    """
    if with_overdue:
        return [step for step in steps if step.expires_at > now]
    return [step for step in steps if step.due_at > now]


def plan_reminders(visit: Appointment, *, with_overdue: bool) -> None:
    """Plan a visit's reminders by its location's rules, in the caller's transaction.

    Planning the same visit and revision again makes nothing new.
    """
    steps = steps_of(visit, rules=rules_of(visit.location))
    plan_steps(visit, steps_ahead(steps, now=clock.now(), with_overdue=with_overdue))


def rules_of(location: Location) -> dict[str, int]:
    """Return a location's rules in force: minutes before by name."""
    rules = location.reminder_rules.filter(is_active=True)
    return dict(rules.values_list("name", "minutes_before"))


def steps_of(visit: Appointment, *, rules: Mapping[str, int]) -> list[ReminderStep]:
    """Return the reminders that rules give a visit, past ones too, the earliest first."""
    return reminder_steps(starts_at=visit.starts_at, zone=visit.location.zone, rules=rules)


def key_of(visit: Appointment, step: ReminderStep) -> str:
    """Return the key a step's plan has: the same for the same visit, revision and rule."""
    return f"reminder:{visit.pk}:{visit.revision}:{step.rule}"


def plan_steps(visit: Appointment, steps: Iterable[ReminderStep]) -> None:
    """Plan some of a visit's reminders, in the caller's transaction."""
    for step in steps:
        _plan(visit, step)


def stop_asking(visit: Appointment) -> None:
    """Put reminders that only remind in the place of those that would ask again.

    What has been made already, and the reminders that ask nothing, stay as they are.
    """
    plans = notification_scheduler_service.planned_for(subject=visit.subject)
    asking = [
        (plan, AppointmentReminderPayload.load(plan.payload))
        for plan in plans
        if plan.status == PlanStatus.PLANNED and plan.payload.get("asks_to_confirm")
    ]
    rules = [plan.rule for plan, _payload in asking]
    notification_scheduler_service.cancel(
        subject=visit.subject, reason=Reason.ANSWERED, rules=rules
    )
    for plan, payload in asking:
        notification_scheduler_service.plan(
            patient_id=visit.patient_id,
            payload=replace(payload, asks_to_confirm=False),
            subject=visit.subject,
            rule=plan.rule,
            due_at=plan.due_at,
            key=f"{plan.key}:confirmed",
            revision=plan.revision,
            expires_at=plan.expires_at,
        )


def default_reminder_rules(location: Location) -> list[ReminderRule]:
    """Give a location without any rules the default ones; return its rules."""
    if not location.reminder_rules.exists():
        ReminderRule.objects.bulk_create(
            ReminderRule(location=location, name=name, minutes_before=minutes)
            for name, minutes in DEFAULT_RULES.items()
        )
    return list(location.reminder_rules.order_by("-minutes_before"))


def _plan(visit: Appointment, step: ReminderStep) -> None:
    notification_scheduler_service.plan(
        patient_id=visit.patient_id,
        payload=AppointmentReminderPayload(
            **visit_fields(visit),
            asks_to_confirm=_asks(visit, step),
            current_until=step.expires_at,
        ),
        subject=visit.subject,
        rule=step.rule,
        due_at=step.due_at,
        key=key_of(visit, step),
        revision=visit.revision,
        expires_at=step.expires_at,
    )


def _asks(visit: Appointment, step: ReminderStep) -> bool:
    has_answered = visit.status == Appointment.Status.CONFIRMED
    return not has_answered and visit.starts_at - step.due_at >= ASKS_AT_LEAST

"""What is to be sent about one visit by its location's rules: every step, with its times. Pure.

Booking, backfill, re-planning and dry runs ask here. Rules may be rows that were never saved.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from notifications.types import NotificationPayload, length_of
from portal.models import Appointment, ReminderRule
from portal.notification_types._ladders import LADDERS
from portal.notification_types.appointment_missed import USEFUL_FOR as MISSED_USEFUL_FOR
from portal.notification_types.appointment_reminder import LAST_MOMENT
from portal.notification_types.review_request import ReviewRequestPayload
from portal.notification_types.treatment_followup import TreatmentFollowupPayload
from portal.services.visit_calendar.facts import VisitFacts
from portal.services.visit_calendar.hours import Hours
from portal.services.visit_calendar.payloads import payload_of_step
from portal.services.visit_calendar.times import (
    EVENING,
    MINUTES_A_DAY,
    evening_before_if_too_early,
    moment_after,
    moment_before,
)

What, Status = ReminderRule.What, Appointment.Status

# Of one chain a step expires when the next is due, so that after an outage only the latest goes.
# Of two at the same moment the one that stands later here is the one that goes.
CHAINS: tuple[tuple[str, ...], ...] = (
    (What.SAVE_THE_DATE, What.REMIND, What.CONFIRM),
    (What.FORMS,),
    (What.MISSED,),
    (What.FOLLOW_UP,),
    (What.REVIEW,),
)
LATEST: dict[str, timedelta] = {  # how long after its start a message about a past visit helps
    What.MISSED: MISSED_USEFUL_FOR,
    What.FOLLOW_UP: TreatmentFollowupPayload.useful_for,
    What.REVIEW: ReviewRequestPayload.useful_for,
}
SAVED_WITHIN = timedelta(days=3)  # after an outage a date is not saved weeks late
REVIEW_AGAIN_AFTER = timedelta(days=183)  # at most once in half a year


@dataclass(frozen=True, kw_only=True)
class VisitPlan:
    """One message about a visit: when it is made (aware), and until when it still may be."""

    rule: str
    what: str
    due_at: datetime
    expires_at: datetime
    payload: NotificationPayload

    @property
    def chain(self) -> tuple[str, ...]:
        return chain_of(self.what)


def plans_of(
    facts: VisitFacts, *, rules: Iterable[ReminderRule], hours: Hours, now: datetime
) -> list[VisitPlan]:
    """Return every step the rules in force give a visit that is not over at `now`, in order.

    Steps that are due already are among them, at most the latest of each chain; which of those is
    still to be sent, `to_plan` says. `now` is aware.
    """
    applying = [rule for rule in rules if rule.is_active and applies(rule, facts)]
    steps = [step for chain in CHAINS for step in _chain(chain, applying, facts, hours)]
    return sorted((step for step in steps if step.expires_at > now), key=lambda step: step.due_at)


def to_plan(
    plans: Sequence[VisitPlan], *, facts: VisitFacts, now: datetime, is_change: bool = False
) -> list[VisitPlan]:
    """Return the steps that are still to be sent: those ahead, and few of those that are due.

    Who heard of the visit since a step was due needs no late one, and a date is not saved late.
    With `is_change`, of a rule or of opening hours, a late step goes only where no other follows:
    a change for a thousand visits sends no heap.
    """
    return [
        plan
        for plan in plans
        if plan.due_at > now
        or _goes_late(plan, facts)
        and not (is_change and _would_be_a_heap(plan, plans))
    ]


def applies(rule: ReminderRule, facts: VisitFacts) -> bool:
    """Return whether a rule has something to say about a visit as it stands."""
    audience, is_first = rule.audience, facts.is_first_visit
    is_meant = audience == rule.Audience.EVERYONE or (audience == rule.Audience.NEW) == is_first
    return is_meant and not facts.has_left and CONDITIONS[rule.what](rule, facts)


def chain_of(what: str) -> tuple[str, ...]:
    """Return the chain whose steps take over from each other."""
    return next(chain for chain in CHAINS if what in chain)


# -- which rules have something to say -----------------------------------------------------------


def _stands(rule: ReminderRule, facts: VisitFacts) -> bool:
    is_answered = facts.visit.status == Status.CONFIRMED and rule.until == rule.Until.CONFIRMED
    return facts.visit.is_upcoming and not is_answered


def _lacks_forms(_rule: ReminderRule, facts: VisitFacts) -> bool:
    return facts.visit.is_upcoming and bool(facts.open_forms)


def _was_missed(_rule: ReminderRule, facts: VisitFacts) -> bool:
    return facts.visit.status == Status.MISSED and facts.closed_at is not None


def _was_treated(_rule: ReminderRule, facts: VisitFacts) -> bool:
    return facts.visit.status == Status.COMPLETED and bool(facts.visit.treatment)


def _was_kept(_rule: ReminderRule, facts: VisitFacts) -> bool:
    last, visit = facts.last_review_at, facts.visit
    is_rare = last is None or visit.ends_at - last >= REVIEW_AGAIN_AFTER
    return visit.status == Status.COMPLETED and is_rare


CONDITIONS: dict[str, Callable[[ReminderRule, VisitFacts], bool]] = {
    What.SAVE_THE_DATE: _stands,
    What.REMIND: _stands,
    What.CONFIRM: _stands,
    What.FORMS: _lacks_forms,
    What.MISSED: _was_missed,
    What.FOLLOW_UP: _was_treated,
    What.REVIEW: _was_kept,
}


# -- when ----------------------------------------------------------------------------------------


def _chain(
    chain: tuple[str, ...],
    rules: Sequence[ReminderRule],
    facts: VisitFacts,
    hours: Hours,
) -> list[VisitPlan]:
    mine = [rule for rule in rules if rule.what in chain]
    due = sorted(
        ((due_of(rule, facts, hours=hours), rule) for rule in mine),
        key=lambda pair: (pair[0], chain.index(pair[1].what), pair[1].name),
    )
    last = _last_moment(facts.visit, chain)
    ends = [min(next_due, last) for next_due, _rule in due[1:]] + [last]
    return [
        VisitPlan(
            rule=rule.name,
            what=rule.what,
            due_at=due_at,
            expires_at=min(end, due_at + SAVED_WITHIN) if rule.what == What.SAVE_THE_DATE else end,
            payload=payload_of_step(rule, facts, hours=hours, due_at=due_at, expires_at=end),
        )
        for (due_at, rule), end in zip(due, ends, strict=False)
        if due_at < end
    ]


def due_of(rule: ReminderRule, facts: VisitFacts, *, hours: Hours) -> datetime:
    """Return when a rule's message about a visit is due: UTC, aware."""
    visit = facts.visit
    if rule.what == What.MISSED:
        return _due_after_a_miss(rule, facts, hours=hours)
    if rule.minutes_after is not None:
        return moment_after(ends_at=visit.ends_at, minutes=rule.minutes_after, zone=hours.zone)
    due = moment_before(starts_at=visit.starts_at, minutes=rule.minutes_before, zone=hours.zone)
    if rule.what == What.CONFIRM:
        due = _when_somebody_is_there(due, rule, visit=visit, hours=hours)
    return evening_before_if_too_early(due, starts_at=visit.starts_at, hours=hours)


def _due_after_a_miss(rule: ReminderRule, facts: VisitFacts, *, hours: Hours) -> datetime:
    """Not at once, when it may hurt, but the same evening; or some time after it was noted."""
    marked_at, visit = facts.closed_at, facts.visit
    if rule.minutes_after >= MINUTES_A_DAY:
        due = moment_after(ends_at=visit.ends_at, minutes=rule.minutes_after, zone=hours.zone)
        return max(due, marked_at)
    evening = hours.at(hours.day_of(visit.starts_at), EVENING)
    return max(evening, marked_at + timedelta(minutes=rule.minutes_after))


def _when_somebody_is_there(
    due: datetime, rule: ReminderRule, *, visit: Appointment, hours: Hours
) -> datetime:
    """What asks for an answer or a call comes on an open day, a ladder with time to climb it."""
    if hours.day_of(due) == hours.day_of(visit.starts_at):
        return due
    due = hours.on_an_open_day(due)
    reach_by = hours.last_closing_before(hours.day_of(visit.starts_at))
    if rule.ladder and reach_by is not None:
        needed = length_of(LADDERS[rule.ladder])
        return min(due, hours.on_an_open_day(reach_by - needed))
    return due


def _last_moment(visit: Appointment, chain: tuple[str, ...]) -> datetime:
    useful_for = LATEST.get(chain[0])
    return visit.starts_at + (-LAST_MOMENT if useful_for is None else useful_for)


# -- what is late --------------------------------------------------------------------------------


def _goes_late(plan: VisitPlan, facts: VisitFacts) -> bool:
    """Return whether a step that is due already is still worth a message."""
    if plan.what == What.SAVE_THE_DATE:
        return False
    heard_at = {CHAINS[0]: facts.told_at, CHAINS[1]: facts.forms_told_at}.get(plan.chain)
    return heard_at is None or heard_at < plan.due_at


def _would_be_a_heap(plan: VisitPlan, plans: Sequence[VisitPlan]) -> bool:
    """Return whether a late step need not go: another follows, or the visit is over anyway."""
    is_over = plan.what in ReminderRule.AFTERWARDS
    return is_over or any(
        other.chain == plan.chain and other.due_at > plan.due_at for other in plans
    )

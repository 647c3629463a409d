"""What the visits in the book are owed: reminders that nobody has planned yet.

A rule that is new, or a visit that came without plans, leaves a gap; this fills it. Nobody hears
that a visit was booked, nothing stale is planned, and a second run makes nothing new.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from notifications import audit, clock
from notifications.crypto import keys_loaded
from notifications.enums import AuditAction
from notifications.scheduler import notification_scheduler_service
from portal.models import Appointment, ReminderRule
from portal.services.reminders import ReminderStep, key_of, plan_steps, steps_ahead, steps_of

ACTOR = "system:backfill"
CHUNK = 50  # visits a transaction

Rules = Mapping[UUID, Mapping[str, int]]
Owed = tuple[Appointment, list[ReminderStep]]


@dataclass(kw_only=True)
class Backfilled:
    """What a run did, or in a rehearsal would do. `at_once`: plans that are due already."""

    looked_at: int = 0
    lacking: int = 0
    at_once: int = 0
    plans: Counter[str] = field(default_factory=Counter)  # by rule


def visits_ahead(
    *, booked_since: datetime | None = None, until: datetime | None = None
) -> QuerySet[Appointment]:
    """Return the visits still to come, in the order of their ids. Bounds are aware."""
    visits = Appointment.objects.filter(
        status__in=Appointment.UPCOMING, starts_at__gt=clock.now()
    ).order_by("pk")
    if booked_since is not None:
        visits = visits.filter(created_at__gte=booked_since)
    return visits if until is None else visits.filter(starts_at__lte=until)


def backfill(
    visits: QuerySet[Appointment],
    *,
    is_rehearsal: bool = False,
    on_progress: Callable[[int], None] = lambda count: None,
) -> Backfilled:
    """Plan what these visits are owed, fifty a transaction; return what was planned.

    Cut off and run again, it ends where one that was not would have. `on_progress` hears how
    many more visits are done.
    """
    done, last = Backfilled(), None
    while count := len(some := _next(visits, after=last, done=done, is_rehearsal=is_rehearsal)):
        last = some[-1]
        on_progress(count)
    return done


@transaction.atomic
def _next(
    visits: QuerySet[Appointment], *, after: UUID | None, done: Backfilled, is_rehearsal: bool
) -> list[UUID]:
    """Fill the gaps of the next visits, held so that none moves meanwhile; return their ids."""
    following = visits if after is None else visits.filter(pk__gt=after)
    held = following.select_related("location", "provider").select_for_update(of=("self",))
    some = list(held[:CHUNK])
    owed = _owed(some)
    if not is_rehearsal:
        _plan(owed)
    _count(done, some, owed)
    return [visit.pk for visit in some]


def _owed(visits: Sequence[Appointment]) -> list[Owed]:
    """Return the visits that lack reminders, with those. A fixed number of queries."""
    rules = _rules_of({visit.location_id for visit in visits})
    subjects = [visit.subject for visit in visits]
    plans = notification_scheduler_service.plans_about(subjects=subjects)
    told = notification_scheduler_service.last_told(subjects=subjects)
    lacking = [
        (visit, _missing(visit, rules, plans.get(visit.subject, []), told.get(visit.subject)))
        for visit in visits
    ]
    return [(visit, steps) for visit, steps in lacking if steps]


def _rules_of(location_ids: set[UUID]) -> Rules:
    rules: dict[UUID, dict[str, int]] = {each: {} for each in location_ids}
    rows = ReminderRule.objects.filter(location_id__in=location_ids, is_active=True)
    for row in rows:
        rules[row.location_id][row.name] = row.minutes_before
    return rules


def _missing(
    visit: Appointment, rules: Rules, plans: Sequence, told_at: datetime | None
) -> list[ReminderStep]:
    """Return a visit's reminders that are still to go and that nobody planned.

    A plan for the same moment counts, whatever its rule is called now. Who has heard of the
    visit since a reminder was due needs no late one.
    """
    now = clock.now()
    steps = steps_ahead(steps_of(visit, rules=rules[visit.location_id]), now=now, with_overdue=True)
    keys = {plan.key for plan in plans}
    moments = {plan.due_at for plan in plans if plan.revision == visit.revision}
    return [
        step
        for step in steps
        if key_of(visit, step) not in keys
        and step.due_at not in moments
        and not (step.due_at <= now and told_at is not None and told_at >= step.due_at)
    ]


def _plan(owed: Sequence[Owed]) -> None:
    """Plan reminders and note it in the trail, a row a visit."""
    with keys_loaded({visit.patient_id for visit, _steps in owed}, create=True):
        for visit, steps in owed:
            plan_steps(visit, steps)
            audit.record(
                action=AuditAction.PLAN,
                actor=ACTOR,
                patient_id=visit.patient_id,
                obj=visit,
                change="backfilled",
                plans=len(steps),
            )


def _count(done: Backfilled, some: Sequence[Appointment], owed: Sequence[Owed]) -> None:
    steps = [step for _visit, steps in owed for step in steps]
    done.looked_at += len(some)
    done.lacking += len(owed)
    done.at_once += sum(step.due_at <= clock.now() for step in steps)
    done.plans += Counter(step.rule for step in steps)

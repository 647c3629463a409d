"""Brings the plans of visits in line with their calendar, as often as it is asked.

What is right stays, what is wrong is set right or taken back, what is missing is added; a second
run changes nothing. What has become a message is left alone.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from notifications import audit, clock, plans
from notifications.crypto import keys_loaded
from notifications.enums import AuditAction, PlanStatus, Reason
from notifications.plans import Plan, PlanChange, PlanDraft
from portal.models import Appointment
from portal.notification_types.appointment_missed import AppointmentMissedPayload
from portal.services.visit_calendar.differences import Differences, differences
from portal.services.visit_calendar.known import Known, Rules, known_about
from portal.services.visit_calendar.visit_plans import VisitPlan

CHUNK = 50  # visits a transaction
ACTOR = "system:replanning"


@dataclass(kw_only=True)
class Replanned:
    """What a run did, or in a rehearsal would do: visits, and plans by rule.

    `at_once` counts the plans among the added ones that are due already.
    """

    looked_at: int = 0
    changed: int = 0
    at_once: int = 0
    added: Counter[str] = field(default_factory=Counter)
    corrected: Counter[str] = field(default_factory=Counter)
    withdrawn: Counter[str] = field(default_factory=Counter)

    def count(self, change: Differences) -> None:
        """Count one more visit that was not as it should be."""
        self.changed += 1
        self.at_once += sum(step.due_at <= clock.now() for step, _key in change.added)
        self.added.update(step.rule for step, _key in change.added)
        self.corrected.update(step.rule for _row, step in change.corrected)
        self.withdrawn.update(row.rule for row in change.withdrawn)


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How to re-plan. `told`: when patients heard of each subject, looked up if None.

    `is_change`: of a rule or of hours, so that nothing late goes where something follows.
    `only_gaps`: what is planned stays as it is. `rules` stand in for those of the tables.
    `closed_at`: when the visits were marked as missed (aware), if that is now. `change` is what
    the audit trail calls it.
    """

    actor: str = ACTOR
    change: str = "replanned"
    reason: str = Reason.SUPERSEDED
    told: Mapping[str, datetime] | None = None
    rules: Rules | None = None
    closed_at: datetime | None = None
    is_change: bool = False
    only_gaps: bool = False
    is_rehearsal: bool = False


def replan(visits: Sequence[Appointment], manner: Manner | None = None) -> Replanned:
    """Re-plan visits in the caller's transaction, which holds them.

    Their locations, providers and patients are loaded. A fixed number of queries, and a few for
    what changes.
    """
    manner, done = manner or Manner(), Replanned()
    _replan(visits, manner, done)
    return done


def replan_all(
    visits: QuerySet[Appointment],
    manner: Manner | None = None,
    *,
    on_progress: Callable[[int], None] = lambda count: None,
) -> Replanned:
    """Re-plan any number of visits, fifty a transaction, in the order of their ids; audited.

    Cut off and run again, it ends where one that was not would have. `on_progress` hears how many
    more visits are done.
    """
    done, last = Replanned(), None
    while some := _next(visits.order_by("pk"), manner or Manner(), after=last, done=done):
        last = some[-1].pk
        on_progress(len(some))
    return done


@transaction.atomic
def _next(
    visits: QuerySet[Appointment], manner: Manner, *, after: UUID | None, done: Replanned
) -> list[Appointment]:
    """Re-plan the next visits, held so that none moves meanwhile; return them."""
    following = visits if after is None else visits.filter(pk__gt=after)
    held = following.select_related("location", "provider", "patient")
    some = list(held.select_for_update(of=("self",))[:CHUNK])
    if some:
        changed = _replan(some, manner, done)
        if not manner.is_rehearsal:
            _audit(changed, manner)
    return some


def plans_if(
    visits: QuerySet[Appointment], manner: Manner
) -> tuple[PlanChange, Replanned, list[Appointment]]:
    """Return what re-planning visits would do to their plans, and whom of them it concerns.

    Writes nothing and holds nothing, whatever `manner` says. The rows are not saved.
    """
    manner, done, change = replace(manner, is_rehearsal=True), Replanned(), PlanChange()
    concerned: list[Appointment] = []
    rows = list(visits.order_by("pk").select_related("location", "provider", "patient"))
    for start in range(0, len(rows), CHUNK):
        for visit, found in _replan(rows[start : start + CHUNK], manner, done):
            concerned.append(visit)
            _imagine(visit, found, change)
    return change, done, concerned


def _imagine(visit: Appointment, found: Differences, change: PlanChange) -> None:
    """Add to a change what `_write` would write of a visit."""
    change.gone |= {row.pk for row in found.withdrawn}
    change.gone |= {row.pk for row, _step in found.corrected}
    change.rows += [
        plans.set_right(
            copy(row), payload=step.payload, due_at=step.due_at, expires_at=step.expires_at
        )
        for row, step in found.corrected
    ]
    change.rows += [plans.row_of(_draft(visit, step, key)) for step, key in found.added]


def _replan(
    visits: Sequence[Appointment], manner: Manner, done: Replanned
) -> list[tuple[Appointment, Differences]]:
    """Re-plan visits and count what it takes; return those that were not as they should be."""
    known = known_about(visits, rules=manner.rules, told=manner.told)
    subjects = [visit.subject for visit in visits]
    rows = plans.about(subjects=subjects, hold=not manner.is_rehearsal)
    with keys_loaded({visit.patient_id for visit in visits}):
        found = [(each, _found(each, known, rows.get(each.subject, ()), manner)) for each in visits]
    changed = [(visit, change) for visit, change in found if change]
    if changed and not manner.is_rehearsal:
        _write(changed, manner)
    done.looked_at += len(visits)
    for _visit, change in changed:
        done.count(change)
    return changed


# -- one visit -----------------------------------------------------------------------------------


def _found(visit: Appointment, known: Known, rows: Sequence[Plan], manner: Manner) -> Differences:
    now = clock.now()
    facts = known.facts(visit, closed_at=manner.closed_at or _closed_at(visit, rows))
    steps, wanted = known.plans(facts, now=now, is_change=manner.is_change)
    found = differences(visit, rows=rows, steps=steps, wanted=wanted, now=now)
    return Differences(added=found.added) if manner.only_gaps else found


def _closed_at(visit: Appointment, rows: Sequence[Plan]) -> datetime | None:
    """Return when a missed visit was marked as such, as far as its plans tell."""
    if visit.status != Appointment.Status.MISSED:
        return None
    made = [
        row.created_at
        for row in rows
        if row.type == AppointmentMissedPayload.type_key and row.status == PlanStatus.PLANNED
    ]
    return min(made, default=None)


def _write(changed: Sequence[tuple[Appointment, Differences]], manner: Manner) -> None:
    with keys_loaded({visit.patient_id for visit, _change in changed}, create=True):
        for _visit, change in changed:
            for row, step in change.corrected:
                plans.correct(
                    row, payload=step.payload, due_at=step.due_at, expires_at=step.expires_at
                )
        plans.plan_many(
            _draft(visit, step, key) for visit, change in changed for step, key in change.added
        )
    gone = [row for _visit, change in changed for row in change.withdrawn]
    if gone:
        plans.withdraw(gone, reason=manner.reason)


def _draft(visit: Appointment, step: VisitPlan, key: str) -> PlanDraft:
    return PlanDraft(
        patient_id=visit.patient_id,
        payload=step.payload,
        subject=visit.subject,
        rule=step.rule,
        due_at=step.due_at,
        key=key,
        revision=visit.revision,
        expires_at=step.expires_at,
    )


def _audit(changed: Sequence[tuple[Appointment, Differences]], manner: Manner) -> None:
    """Note whose plans changed, a row a visit."""
    audit.record_each(
        action=AuditAction.PLAN,
        actor=manner.actor,
        rows=[
            (visit.patient_id, visit, {"change": manner.change} | _numbers(change))
            for visit, change in changed
        ],
    )


def _numbers(change: Differences) -> dict[str, int]:
    return {
        "plans": len(change.added),
        "corrected": len(change.corrected),
        "withdrawn": len(change.withdrawn),
    }

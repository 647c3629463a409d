"""What is planned about a visit against what should be: what to add, set right, take back. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from notifications.enums import PlanStatus, Reason
from notifications.plans import Plan
from portal.models import Appointment, ReminderRule
from portal.services.visit_calendar.visit_plans import VisitPlan

# A plan that ended so is not made again: the patient is here already, or nobody could write it.
FINAL = frozenset({Reason.ANSWERED, Reason.CANCELLED, Reason.WITHDRAWN, Reason.UNWRITABLE})


@dataclass(kw_only=True)
class Differences:
    """The steps nobody planned, with their keys; plans that changed; plans that are no longer."""

    added: list[tuple[VisitPlan, str]] = field(default_factory=list)
    corrected: list[tuple[Plan, VisitPlan]] = field(default_factory=list)
    withdrawn: list[Plan] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.added or self.corrected or self.withdrawn)


def differences(
    visit: Appointment,
    *,
    rows: Sequence[Plan],
    steps: Sequence[VisitPlan],
    wanted: Sequence[VisitPlan],
    now: datetime,
) -> Differences:
    """Compare a visit's plans, of whatever status, with its calendar.

    `steps` are all that are not over, `wanted` those among them that are still to be sent. A plan
    that is due this minute stays, though nobody would plan it now.
    """
    mine = [row for row in rows if row.key.startswith(_stem(visit))]
    standing = [row for row in mine if row.status == PlanStatus.PLANNED]
    found, kept = Differences(), set()
    row_of = _paired(steps, standing, visit)
    for step in steps:
        row = row_of.get(step.rule)
        if row is None:
            if step in wanted and not _is_settled(step, mine, visit, now):
                found.added.append((step, _key(visit, step, mine)))
        elif step in wanted or row.due_at == step.due_at:
            kept.add(row.pk)
            if not _says(row, step):
                found.corrected.append((row, step))
    found.withdrawn = [row for row in standing if row.pk not in kept]
    return found


def _stem(visit: Appointment) -> str:
    return f"reminder:{visit.pk}:"


def key_of(visit: Appointment, rule: str) -> str:
    """Return the key of a rule's first plan: the same for the same visit, revision and rule."""
    return f"{_stem(visit)}{visit.revision}:{rule}"


def _key(visit: Appointment, step: VisitPlan, rows: Sequence[Plan]) -> str:
    """Return a key nobody used: a rule that was taken back and is back again has a new plan."""
    first = key_of(visit, step.rule)
    used = sum(row.key == first or row.key.startswith(f"{first}:") for row in rows)
    return f"{first}:{used + 1}" if used else first


def _paired(
    steps: Sequence[VisitPlan], rows: Sequence[Plan], visit: Appointment
) -> dict[str, Plan]:
    """Return the plan of each step by its rule, none for two of them.

    It is its rule's own, else one for the same moment from before a renaming.
    """
    left = [row for row in rows if row.revision == visit.revision]
    paired: dict[str, Plan] = {}
    for is_its in (lambda row, step: row.rule == step.rule, _is_same):
        for step in steps:
            row = next((row for row in left if is_its(row, step)), None)
            if row is not None and step.rule not in paired:
                paired[step.rule] = row
                left.remove(row)
    return paired


def _is_same(row: Plan, step: VisitPlan) -> bool:
    return row.type == step.payload.type_key and row.due_at == step.due_at


def _is_settled(step: VisitPlan, rows: Sequence[Plan], visit: Appointment, now: datetime) -> bool:
    """Return whether this step was sent already, or called off by somebody."""
    about = [row for row in rows if row.revision == visit.revision]
    about = [row for row in about if row.rule == step.rule or _is_same(row, step)]
    return any(_settles(row, step, now) for row in about)


def _settles(row: Plan, step: VisitPlan, now: datetime) -> bool:
    if row.status == PlanStatus.CANCELLED:
        # What a patient filled in may be wanted again; what was called off by rules may be back.
        is_form = step.what == ReminderRule.What.FORMS
        return row.reason in ({Reason.UNWRITABLE} if is_form else FINAL)
    if row.status == PlanStatus.EXPIRED:
        return step.due_at <= now or row.due_at == step.due_at
    return row.status == PlanStatus.SENT


def _says(row: Plan, step: VisitPlan) -> bool:
    """Return whether a plan goes when the step does and says what it says."""
    if (row.type, row.due_at, row.expires_at) != (
        step.payload.type_key,
        step.due_at,
        step.expires_at,
    ):
        return False
    try:
        return type(step.payload).load(row.payload) == step.payload
    except (TypeError, ValueError):  # written by another version: it is written anew
        return False

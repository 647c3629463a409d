"""The reminders of one cycle of a recall: when they go, what a pause leaves, what they say."""

from dataclasses import replace
from typing import Any

from notifications import clock
from portal.models import RecallSchedule
from portal.notification_types._recall import RecallPayload
from portal.notification_types.hygiene_recall import HygieneRecallPayload
from portal.notification_types.perio_recall import PerioRecallPayload
from portal.services.planning import plan_steps
from portal.services.timing import (
    Step,
    day_of,
    months_later,
    steps_about,
    still_to_go,
    ten_o_clock,
    zone_of,
)

# Days after the day it is due, by the name of the step.
STEPS = {"14-before": -14, "on-the-day": 0, "30-after": 30, "60-after": 60}
PAYLOADS: dict[str, type[RecallPayload]] = {
    RecallSchedule.Kind.HYGIENE: HygieneRecallPayload,
    RecallSchedule.Kind.PERIO: PerioRecallPayload,
}


def plan_cycle(row: RecallSchedule) -> None:
    """Plan the reminders of this cycle that can still go. Again: nothing new."""
    if row.ended_at is not None:
        return
    zone = zone_of(row.patient_id)
    steps = still_to_go(recall_steps(row, zone=zone), now=clock.now(), zone=zone)
    plan_steps(
        _after_pause(row, steps, zone=zone),
        patient_id=row.patient_id,
        subject=row.subject,
        prefix=f"recall:{row.pk}:{row.due_on.isoformat()}",
        payload=lambda step: PAYLOADS[row.kind](**_said(row, step, zone=zone)),
        most=row.max_reminders,
    )


def recall_steps(row: RecallSchedule, *, zone: str) -> list[Step]:
    """Return the reminders of a cycle, past ones too; the last is good for a cycle's length."""
    until = months_later(row.due_on, row.months)
    return steps_about(row.due_on, days=STEPS, until=until, zone=zone)


def _after_pause(row: RecallSchedule, steps: list[Step], *, zone: str) -> list[Step]:
    """Leave out what falls into a pause; if that is all there was, the last goes as it ends."""
    if row.paused_until is None or not steps:
        return steps
    resumed_at = ten_o_clock(row.paused_until, zone=zone)
    left = [step for step in steps if step.due_at >= resumed_at]
    if not left and resumed_at < steps[-1].expires_at:
        left = [replace(steps[-1], due_at=resumed_at)]
    return left


def _said(row: RecallSchedule, step: Step, *, zone: str) -> dict[str, Any]:
    return {
        "recall_id": row.pk,
        "due_on": row.due_on,
        "last_visit_on": row.last_visit_on,
        "is_overdue": day_of(step.due_at, zone=zone) > row.due_on,
        "current_until": step.follows_at,
    }

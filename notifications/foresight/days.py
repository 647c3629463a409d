"""The days that are coming, a tick at a time, as the clock and the workers would live them."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from django.db import Error

from notifications import clock, households, promotion
from notifications.delivery import household
from notifications.delivery.claim import status_of
from notifications.delivery.climbing import (
    has_ended_badly,
    is_for_a_call,
    is_ladder,
    next_step,
    stand_ins,
)
from notifications.delivery.judging import Verdict, decide_all
from notifications.enums import (
    OPEN_STATUSES,
    Action,
    DeliveryStatus,
    PlanStatus,
    Reason,
)
from notifications.foresight.seen import CALL_DUE, Foreseen
from notifications.foresight.world import World
from notifications.models import Delivery, PatientNotification, ScheduledNotification
from notifications.promotion import UNWRITABLE, Fate
from notifications.switches import Switches
from notifications.types import Rung

logger = logging.getLogger(__name__)

NOTHING_HELD = Switches()


class Days:
    """Lives through a world, and notes what comes of everything in it."""

    def __init__(self, *, world: World, now: datetime) -> None:
        self._world, self._now = world, now
        self._seen: list[Foreseen] = []
        self._held: dict[UUID, list[tuple[Reason, datetime]]] = defaultdict(list)
        for row in world.open.values():
            if row.status == DeliveryStatus.HELD:
                self._held[row.pk].append((Reason(row.reason), row.due_at))

    def live(self, *, until: datetime) -> list[Foreseen]:
        """Return what comes up to a moment (aware), in order of time."""
        while (due := self._world.next_due()) is not None and due <= until:
            self._now = max(clock.next_tick(due).astimezone(UTC), self._now)
            with clock.at(self._now):
                self._make()
                while rows := self._world.due_rows(self._now):
                    self._decide(rows)
                self._call()
        return self._seen

    # -- plans ------------------------------------------------------------------------------

    def _make(self) -> None:
        due = [plan for plan in self._world.plans.values() if plan.due_at <= self._now]
        if not due:
            return
        rest = [plan for plan in self._world.plans.values() if plan.due_at > self._now]
        numbers = self._world.numbers
        due += households.going_with(due, rest, numbers=numbers, now=self._now)
        fates = promotion.fates(due, now=self._now, profiles=self._world.people.profiles)
        for plan in sorted(due, key=lambda plan: (plan.patient_id, plan.due_at)):
            del self._world.plans[plan.pk]
            self._settle(plan, fates[plan.pk])

    def _settle(self, plan: ScheduledNotification, fate: Fate) -> None:
        if fate.payload is None:
            self._note_plan(plan, fate)
            return
        try:
            message = self._world.make(plan, fate.payload)
        except Error:
            raise
        except Exception as fault:  # as when it is made: one must not keep back the others
            logger.error("plan %s cannot be foreseen: %s", plan.pk, type(fault).__name__)
            self._note_plan(plan, UNWRITABLE)
            return
        for row in self._world.deliveries[message.pk] if message else ():
            if row.status not in OPEN_STATUSES:
                self._note(row)

    # -- deliveries -------------------------------------------------------------------------

    def _decide(self, rows: Sequence[Delivery]) -> None:
        verdicts = self._verdicts(rows)
        for verdict in verdicts:
            self._apply(verdict)
        skipped = [each.row for each in verdicts if each.decision.action == Action.SKIP]
        for ended in _by_message(skipped).values():
            self._move_on(ended)

    def _verdicts(self, rows: Sequence[Delivery]) -> list[Verdict]:
        """Decide on what is due, with the later texts of households that go with it."""
        people, tally = self._world.people, self._world.tally
        looked_at = [*rows, *self._early(rows)]
        verdicts = decide_all(looked_at, people=people, switched=NOTHING_HELD, tally=tally)
        return [verdict for verdict in verdicts if not household.is_early(verdict)]

    def _early(self, rows: Sequence[Delivery]) -> list[Delivery]:
        texts = [row for row in rows if household.goes_together(row)]
        if not texts:
            return []
        later = [
            row
            for row in self._world.open.values()
            if row.due_at > self._now
            and row.status == DeliveryStatus.PLANNED
            and household.goes_together(row)
        ]
        return household.going_with(texts, later, numbers=self._world.numbers, now=self._now)

    def _apply(self, verdict: Verdict) -> None:
        row, decision = verdict.row, verdict.decision
        row.status, row.reason = status_of(decision), decision.reason
        row.reason_params = decision.params
        if decision.action == Action.HOLD:
            row.due_at = decision.at
            self._held[row.pk].append((decision.reason, decision.at))
            return
        if decision.action == Action.SEND:
            row.level = decision.level
        del self._world.open[row.pk]
        self._note(row)

    # -- what comes instead -----------------------------------------------------------------

    def _move_on(self, ended: Sequence[Delivery]) -> None:
        """Do what `delivery.escalate` does, to rows that are never saved."""
        rows, message = self._world.outside_of(ended[0]), ended[0].notification
        for row in [each for each in rows if has_ended_badly(each)]:
            self._follow(row, rows)
        if is_ladder(rows):
            for row in ended:
                self._follow(row, rows)
        if is_for_a_call(message, rows):
            self._call_now(message)

    def _follow(self, row: Delivery, rows: Sequence[Delivery]) -> None:
        following = next_step(rungs=rows, ended=row)
        if following.outcome is not None:
            self._world.calls.pop(row.notification_id, None)
        elif following.step is not None:
            for each in rows:
                if each.step == following.step and each.status in OPEN_STATUSES:
                    each.due_at = min(each.due_at, self._now)
        elif following.is_call and is_ladder(rows):
            self._call_now(row.notification)
        elif not is_ladder(rows):
            for each in stand_ins(rows=rows, ended=row):
                self._open(each, step=row.step + 1)

    def _open(self, row: Delivery, *, step: int) -> None:
        row.status, row.reason, row.step = DeliveryStatus.PLANNED, Reason.NONE, step
        row.due_at = self._now
        self._world.open[row.pk] = row

    # -- calls ------------------------------------------------------------------------------

    def _call_now(self, message: PatientNotification) -> None:
        call = self._world.calls.get(message.pk)
        if call is not None:
            call.due_at = min(call.due_at, self._now)
        else:
            self._note_call(message, self._now)

    def _call(self) -> None:
        for notification_id, call in list(self._world.calls.items()):
            if call.due_at <= self._now:
                del self._world.calls[notification_id]
                self._note_call(call.notification, self._now)

    # -- what is noted ----------------------------------------------------------------------

    def _note(self, row: Delivery) -> None:
        message = row.notification
        self._seen.append(
            Foreseen(
                at=self._now,
                patient_id=message.patient_id,
                type=message.type,
                channel=row.channel,
                status=str(row.status),
                reason=Reason(row.reason),
                subject=message.subject,
                rule=self._world.rules.get(message.pk, ""),
                priority=str(message.priority),
                level=int(row.level),
                held=tuple(self._held.pop(row.pk, ())),
                params=dict(row.reason_params),
            )
        )

    def _note_plan(self, plan: ScheduledNotification, fate: Fate) -> None:
        self._seen.append(
            Foreseen(
                at=self._now,
                patient_id=plan.patient_id,
                type=plan.type,
                channel="",
                status=str(PlanStatus(fate.status)),
                reason=fate.reason,
                subject=plan.subject,
                rule=plan.rule,
            )
        )

    def _note_call(self, message: PatientNotification, at: datetime) -> None:
        self._seen.append(
            Foreseen(
                at=at,
                patient_id=message.patient_id,
                type=message.type,
                channel=Rung.CALL,
                status=CALL_DUE,
                subject=message.subject,
                rule=self._world.rules.get(message.pk, ""),
                priority=str(message.priority),
            )
        )


def _by_message(rows: Sequence[Delivery]) -> dict[UUID, list[Delivery]]:
    found: dict[UUID, list[Delivery]] = defaultdict(list)
    for row in rows:
        found[row.notification_id].append(row)
    return found

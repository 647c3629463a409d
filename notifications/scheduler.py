"""The second front door: what is planned for later, and what the clock does each minute."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Min

from notifications import (
    audit,
    calls,
    clock,
    delivery,
    foresight,
    heartbeats,
    inbox,
    plans,
    promotion,
    watermark,
)
from notifications.delivery import Unheard
from notifications.enums import OPEN_STATUSES, CallOutcome, PlanStatus, Reason
from notifications.foresight import Foreseen
from notifications.models import Delivery, PatientNotification, ScheduledNotification
from notifications.plans import PlanChange, PlanDraft
from notifications.reconciler import reconcile
from notifications.types import NotificationPayload

logger = logging.getLogger(__name__)

BATCH = 50


@dataclass(kw_only=True)
class TickReport:
    """What a run did: plans by outcome, deliveries by status, messages expired and woken."""

    plans: dict[str, int] = field(default_factory=dict)
    deliveries: dict[str, int] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)
    expired: int = 0
    woken: int = 0

    def add_plan(self, status: str) -> None:
        self.plans[str(status)] = self.plans.get(str(status), 0) + 1

    def add(self, other: "TickReport") -> None:
        """Count another run in."""
        for mine, more in ((self.plans, other.plans), (self.deliveries, other.deliveries)):
            for status, count in more.items():
                mine[status] = mine.get(status, 0) + count
        self.expired += other.expired
        self.woken += other.woken

    @property
    def total(self) -> int:
        return sum(self.plans.values()) + sum(self.deliveries.values())


class NotificationSchedulerService:
    """Plan, cancel and foresee automated notifications; make what is due."""

    @transaction.atomic
    def plan(
        self,
        *,
        patient_id: UUID,
        payload: NotificationPayload,
        subject: str,
        rule: str,
        due_at: datetime,
        key: str,
        revision: int = 1,
        expires_at: datetime | None = None,
    ) -> ScheduledNotification:
        """Plan a message for `due_at` (aware) in the caller's transaction.

        The same `key` returns the plan that is there, whatever became of it. After `expires_at`
        it is no longer made.
        """
        draft = PlanDraft(
            patient_id=patient_id,
            payload=payload,
            subject=subject,
            rule=rule,
            due_at=due_at,
            key=key,
            revision=revision,
            expires_at=expires_at,
        )
        plans.plan_many([draft])
        return ScheduledNotification.objects.get(key=key)  # another's, where it was there

    @transaction.atomic
    def cancel(
        self,
        *,
        subject: str,
        reason: str = Reason.CANCELLED,
        rules: Sequence[str] | None = None,
    ) -> int:
        """Cancel what is planned about a subject, and what has not left; return how many plans.

        What the patient already has about it becomes "no longer current". With `rules`, only the
        plans of these rules end, and what has been made goes on.
        """
        plans = ScheduledNotification.objects.filter(subject=subject, status=PlanStatus.PLANNED)
        if rules is not None:
            plans = plans.filter(rule__in=rules)
        # First: it waits for a plan that is just becoming a message, which is then there to end.
        count = plans.update(status=PlanStatus.CANCELLED, reason=reason, settled_at=clock.now())
        if rules is None:
            delivery.cancel_open(subject=subject, reason=reason)
            inbox.expire_about(subject=subject)
            calls.settle_about(subject=subject, outcome=CallOutcome.CANCELLED)
        return count

    def answered(self, *, subject: str, action: str, actor: str) -> int:
        """End what still asks for an `action` about a subject, such as `confirm`, and its calls.

        Returns how many deliveries. What only reminds goes on, and so do plans.
        """
        return delivery.answer_open(subject=subject, action=action, actor=actor)

    @transaction.atomic
    def note_done(self, *, subject: str, action: str, actor: str, is_read: bool = True) -> int:
        """Settle the messages that lead to an `action` about a subject, such as `move`: it is done.

        Returns how many it looked at. An answer they have been given stays. `is_read`: the patient
        did it and needs to read them no more; False for what the desk did.
        """
        about = {"subject": subject, "action": action, "actor": actor}
        return inbox.note_about(**about, is_read=is_read)

    @transaction.atomic
    def note_undone(self, *, subject: str, action: str, actor: str) -> int:
        """Let those messages lead there and ask again; return how many they are."""
        return inbox.ask_again_about(subject=subject, action=action, actor=actor)

    @transaction.atomic
    def cancel_all(self, *, patient_id: UUID, reason: str) -> int:
        """Cancel all that is planned for a patient, and what has not left; return how many plans.

        What they have in the portal stays as it is.
        """
        plans = ScheduledNotification.objects.filter(patient_id=patient_id)
        count = plans.filter(status=PlanStatus.PLANNED).update(
            status=PlanStatus.CANCELLED, reason=reason, settled_at=clock.now()
        )
        delivery.cancel_open_of(patient_id=patient_id, reason=reason)
        calls.settle_of(patient_id=patient_id, outcome=CallOutcome.CANCELLED)
        return count

    def unheard(self, *, subject: str, types: Sequence[str]) -> Unheard | None:
        """Return a subject's newest message of some types, if nobody can have heard it.

        Asked after `cancel`, in the same transaction: see `delivery.called_off_unheard`.
        """
        return delivery.called_off_unheard(subject=subject, types=types)

    def merge(self, *, earlier: Unheard, into: UUID) -> None:
        """Note that the message `into` says as well what was called off of an earlier one."""
        delivery.merge(earlier=earlier, into=into)

    def run_due(self, *, now: datetime | None = None, limit: int = 500) -> TickReport:
        """Make what is planned up to `now` (aware; the clock's if None) and deliver what is due.

        Safe to run twice, or on two machines at once.
        """
        report, begun = TickReport(), monotonic()
        with clock.at(now):
            report.settled = reconcile()
            self.make_due(report=report, limit=limit)
            report.expired, report.woken = inbox.expire_due(), inbox.wake_due()
            # What the rest took is missing here: the queue ends a task after a minute.
            left = delivery.WORK_SECONDS - (monotonic() - begun)
            report.deliveries = delivery.run_due(seconds=left).counts
        return report

    def next_due(self) -> datetime | None:
        """Return when the next plan or delivery is due, or since when it is. Aware, UTC.

        For a clock that jumps, as a simulation's does; the real one looks every minute.
        """
        plans = ScheduledNotification.objects.filter(status=PlanStatus.PLANNED)
        deliveries = Delivery.objects.filter(status__in=OPEN_STATUSES)
        first = [rows.aggregate(at=Min("due_at"))["at"] for rows in (plans, deliveries)]
        return min((moment for moment in first if moment is not None), default=None)

    def make_due(self, *, report: TickReport, limit: int = 500) -> None:
        """Turn plans that are due into messages, in batches, up to `limit`."""
        while promoted := promotion.promote(limit=BATCH):
            for row in promoted:
                report.add_plan(row.status)
            if sum(report.plans.values()) >= limit:
                break

    def planned(
        self, *, days: int = 14, patient_id: UUID | None = None
    ) -> list[ScheduledNotification]:
        """Return the plans of the coming days as they stand, in order of time."""
        rows = ScheduledNotification.objects.filter(
            status=PlanStatus.PLANNED, due_at__lte=_in(days)
        )
        if patient_id is not None:
            rows = rows.filter(patient_id=patient_id)
        return list(rows.order_by("due_at", "id"))

    def forecast(
        self,
        *,
        days: int = 14,
        patient_id: UUID | None = None,
        patient_ids: Iterable[UUID] | None = None,
    ) -> list[Foreseen]:
        """Return what will go out in the coming days, and what will not and why, in order.

        To one patient, to some, or to everybody. See `foresight`: told as if nobody did anything
        any more, by the functions that send.
        """
        patients = patient_ids if patient_id is None else [patient_id]
        return foresight.foresee(until=_in(days), patient_ids=patients)

    def foresee(self, *, plans: Sequence[ScheduledNotification], days: int) -> list[Foreseen]:
        """Return the same with other plans in the place of those there are; they may be unsaved."""
        return foresight.foresee(until=_in(days), plans=plans)

    def foresee_change(
        self, *, patient_ids: Iterable[UUID], change: PlanChange, days: int
    ) -> tuple[list[Foreseen], list[Foreseen]]:
        """Return what comes as things stand, and what would if plans were changed; writes nothing.

        Of these patients and of whoever shares an address with them.
        """
        return foresight.foresee_change(until=_in(days), patient_ids=patient_ids, change=change)

    def planned_for(self, *, subject: str) -> list[ScheduledNotification]:
        """Return every plan about a subject, whatever became of it, in order."""
        return list(ScheduledNotification.objects.filter(subject=subject).order_by("due_at"))

    def plans_about(self, *, subjects: Iterable[str]) -> dict[str, list[ScheduledNotification]]:
        """Return every plan about each of these subjects, without its payload. One query."""
        found: dict[str, list[ScheduledNotification]] = {}
        rows = ScheduledNotification.objects.filter(subject__in=list(subjects)).defer("payload")
        for row in rows.order_by("due_at"):
            found.setdefault(row.subject, []).append(row)
        return found

    def last_told(self, *, subjects: Iterable[str], type_key: str = "") -> dict[str, datetime]:
        """Return when the newest message about each subject was made. Aware. One query."""
        made = PatientNotification.objects.filter(subject__in=list(subjects)).order_by()
        if type_key:
            made = made.filter(type=type_key)
        newest = made.values_list("subject").annotate(at=Max("created_at"))
        return dict(newest)


def _in(days: int) -> datetime:
    return clock.now() + timedelta(days=days)


def tick() -> None:
    """Do what is due each minute. Runs as the one scheduled task; safe twice, or late."""
    heartbeats.beat(heartbeats.CLOCK)
    notification_scheduler_service.run_due()
    finish_tick()
    heartbeats.beat(heartbeats.WORKER)


def finish_tick() -> None:
    """Seal the audit trail, keep house once an hour, and show that the clock runs."""
    audit.seal()
    kept = heartbeats.last(heartbeats.HOUSE)
    if kept is None or f"{kept:%F %H}" != f"{clock.real_now():%F %H}":
        inbox.recount()
        inbox.forget_old_events()
        heartbeats.beat(heartbeats.HOUSE)
    heartbeats.beat(heartbeats.CLOCK)
    watermark.note()


notification_scheduler_service = NotificationSchedulerService()

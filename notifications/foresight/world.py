"""What a forecast starts from and changes as it goes: rows in memory, none of them saved."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self
from uuid import UUID

from notifications import calls, households
from notifications.candidates import candidates
from notifications.creation import Draft, notification_of
from notifications.delivery.tally import Tally
from notifications.enums import OPEN_STATUSES, PatientNotificationChannel
from notifications.facts import People
from notifications.models import (
    CallTask,
    ContactPoint,
    Delivery,
    PatientNotification,
    ScheduledNotification,
)
from notifications.types import NotificationPayload


@dataclass(kw_only=True)
class World:
    """Plans, messages with their deliveries, and calls, as a forecast has them at a moment."""

    people: People
    numbers: dict[UUID, set[str]]
    plans: dict[UUID, ScheduledNotification]
    deliveries: dict[UUID, list[Delivery]]  # by message, in the order of their steps
    calls: dict[UUID, CallTask]  # by message, those still waiting
    keys: set[tuple[UUID, str]]  # of the messages there are
    open: dict[UUID, Delivery]
    rules: dict[UUID, str] = field(default_factory=dict)  # by message
    tally: Tally = field(default_factory=Tally)

    @classmethod
    def of(
        cls,
        *,
        plans: Iterable[ScheduledNotification],
        deliveries: Iterable[Delivery],
        waiting: Iterable[CallTask],
    ) -> Self:
        """Return the world in which these plans, open deliveries and calls are still to come."""
        planned = {plan.pk: plan for plan in plans}
        by_message = _with_what_else_they_have(list(deliveries))
        patients = {plan.patient_id for plan in planned.values()}
        patients |= {rows[0].notification.patient_id for rows in by_message.values()}
        return cls(
            people=People.of(patients),
            numbers=households.numbers_around(patients),
            plans=planned,
            deliveries=by_message,
            calls={call.notification_id: call for call in waiting},
            keys=_keys_used(planned.values()),
            open={row.pk: row for rows in by_message.values() for row in rows if _is_open(row)},
        )

    def next_due(self) -> datetime | None:
        """Return when there is something to do next, or None. Aware."""
        things = (self.plans.values(), self.open.values(), self.calls.values())
        return min((each.due_at for group in things for each in group), default=None)

    def due_rows(self, now: datetime) -> list[Delivery]:
        """Return what is to be decided on now, in the order in which it is claimed."""
        rows = [row for row in self.open.values() if row.due_at <= now]
        return sorted(rows, key=lambda row: (row.rank, row.due_at, row.pk))

    def outside_of(self, row: Delivery) -> list[Delivery]:
        """Return all that leaves the portal of a delivery's message, in the order of its steps."""
        rows = [each for each in self.deliveries[row.notification_id] if not _is_here(each)]
        return sorted(rows, key=lambda each: (each.step, each.pk))

    def make(
        self, plan: ScheduledNotification, payload: NotificationPayload
    ) -> PatientNotification | None:
        """Make the message of a plan, by the clock's time; None where it was made before."""
        if (plan.patient_id, plan.key) in self.keys:
            return None
        draft = Draft(
            patient_id=plan.patient_id,
            payload=payload,
            key=plan.key,
            priority=payload.priority,
            subject=plan.subject,
        )
        row = notification_of(draft, self.people.profiles[plan.patient_id], seq=0)
        rows = candidates(row, payload, self._contacts_of(plan.patient_id))
        self.deliveries[row.pk] = rows
        self.open |= {each.pk: each for each in rows if _is_open(each)}
        self.rules[row.pk] = plan.rule
        call = calls.call_of(row, payload.rungs())
        if call is not None:
            self.calls[row.pk] = call
        return row

    def _contacts_of(self, patient_id: UUID) -> list[ContactPoint]:
        known = self.people.addresses_of([patient_id])
        return sorted(known, key=lambda contact: contact.created_at)


def _is_open(row: Delivery) -> bool:
    return row.status in OPEN_STATUSES


def _is_here(row: Delivery) -> bool:
    return PatientNotificationChannel.known(row.channel).contact_kind is None


def _with_what_else_they_have(rows: list[Delivery]) -> dict[UUID, list[Delivery]]:
    """Return all deliveries of these rows' messages: what is over decides what may follow."""
    messages = {row.notification_id: row.notification for row in rows}
    of_all = Delivery.objects.filter(notification__in=messages).select_related("contact")
    found: dict[UUID, list[Delivery]] = defaultdict(list)
    for row in of_all.order_by("step", "id"):
        row.notification = messages[row.notification_id]
        found[row.notification_id].append(row)
    return dict(found)


def _keys_used(plans: Iterable[ScheduledNotification]) -> set[tuple[UUID, str]]:
    rows = PatientNotification.objects.filter(key__in=[plan.key for plan in plans])
    return set(rows.values_list("patient_id", "key"))

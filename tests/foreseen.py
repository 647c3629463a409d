"""What a forecast says beside what then happens: both as plain lines that can be compared.

A line says when, for whom, about what, on which channel, how it ends and why.
"""

from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet

from notifications import calls, clock, incoming
from notifications.enums import OPEN_STATUSES, DeliveryStatus, PlanStatus
from notifications.foresight import Foreseen
from notifications.models import CallTask, Delivery, PatientNotification, ScheduledNotification
from notifications.types import Receipt, Rung
from portal.management.simulation.line import Line as TimeLine

Line = tuple[str, ...]
ARRIVED = (DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED)


def foretold(seen: list[Foreseen]) -> Counter[Line]:
    """Return a forecast's lines."""
    return Counter(
        _line(each.at, each, each.type, each.subject, each.channel, _end(each.status), each.reason)
        for each in seen
    )


def lived(*, since: datetime, until: datetime) -> Counter[Line]:
    """Let the engine live while nobody does anything and all arrives; return what came of it."""
    before = {
        model: _ids(rows)
        for model, rows in (
            (PatientNotification, PatientNotification.objects.all()),
            (Delivery, Delivery.objects.filter(status__in=OPEN_STATUSES)),
            (ScheduledNotification, _planned()),
        )
    }
    with clock.at(since):
        before[CallTask] = _ids(calls.waiting())
    line = TimeLine(begins_at=since, after=_let_all_arrive)
    line.play(until=until, progress=lambda _moment: None)
    return Counter([*_deliveries(before), *_plans(before), *_calls(before, until)])


def _deliveries(before: dict[type[Model], set[UUID]]) -> list[Line]:
    rows = Delivery.objects.exclude(status__in=OPEN_STATUSES).select_related("notification")
    return [
        _of_delivery(row)
        for row in rows.prefetch_related("tries")
        if row.notification_id not in before[PatientNotification] or row.pk in before[Delivery]
    ]


def _of_delivery(row: Delivery) -> Line:
    message, tries = row.notification, list(row.tries.all())
    at = tries[0].started_at if tries else row.status_at
    end = _end(row.status)
    return _line(at, message, message.type, message.subject, row.channel, end, row.reason)


def _plans(before: dict[type[Model], set[UUID]]) -> list[Line]:
    rows = ScheduledNotification.objects.filter(pk__in=before[ScheduledNotification])
    return [
        _line(row.settled_at, row, row.type, row.subject, "", row.status, row.reason)
        for row in rows.filter(notification=None).exclude(status=PlanStatus.PLANNED)
    ]


def _calls(before: dict[type[Model], set[UUID]], until: datetime) -> list[Line]:
    rows = CallTask.objects.filter(settled_at=None, due_at__lte=until)
    return [
        _line(
            clock.next_tick(row.due_at),
            row,
            row.notification.type,
            row.notification.subject,
            Rung.CALL,
            "due",
            "",
        )
        for row in rows.exclude(notification=None).select_related("notification")
        if row.pk in before[CallTask] or row.notification_id not in before[PatientNotification]
    ]


def _let_all_arrive() -> None:
    for row in Delivery.objects.filter(status=DeliveryStatus.ACCEPTED, status_at=clock.now()):
        receipt = Receipt(
            delivery_id=row.pk,
            provider_id=row.provider_id,
            event_key=str(row.pk),
            status=DeliveryStatus.DELIVERED,
        )
        incoming.take_receipts(channel=row.channel, receipts=[receipt])


def _planned() -> QuerySet[ScheduledNotification]:
    return ScheduledNotification.objects.filter(status=PlanStatus.PLANNED)


def _ids(rows: QuerySet) -> set[UUID]:
    return set(rows.values_list("pk", flat=True))


def _end(status: str) -> str:
    return "went" if status in ARRIVED else str(status)


def _line(at: datetime, owner: Any, *rest: Any) -> Line:
    return (f"{at:%F %H:%M}", str(owner.patient_id), *(str(each) for each in rest))

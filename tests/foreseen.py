"""What a forecast says beside what then happens: both as plain lines that can be compared."""

from collections import Counter
from datetime import datetime

from notifications import clock, incoming
from notifications.enums import DeliveryStatus
from notifications.foresight import Foreseen
from notifications.models import CallTask, Delivery, PatientNotification, ScheduledNotification
from notifications.types import Receipt
from portal.management.simulation.line import Line

WENT = "went"
Line_ = tuple[str, ...]


def as_told(seen: list[Foreseen]) -> Counter:
    """Return the forecast's lines: when, to whom, about what, on which channel, and how it ends."""
    return Counter(
        (
            f"{each.at:%F %H:%M}",
            str(each.patient_id),
            each.type,
            each.subject,
            each.channel,
            WENT
            if each.status in (DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED)
            else each.status,
            str(each.reason),
        )
        for each in seen
    )


def as_lived(*, since: datetime, until: datetime) -> Counter:
    """Let the engine live through these days with nobody doing anything; return what came of it."""
    open_before = set(_open_outside().values_list("pk", flat=True))
    made_before = set(PatientNotification.objects.values_list("pk", flat=True))
    planned = set(
        ScheduledNotification.objects.filter(status="planned").values_list("pk", flat=True)
    )
    waiting = set(
        CallTask.objects.filter(settled_at=None, due_at__gt=since).values_list("pk", flat=True)
    )
    line = Line(begins_at=since, after=_all_arrive)
    line.play(until=until, progress=lambda _moment: None)
    lines: Counter = Counter()
    for row in Delivery.objects.select_related("notification").prefetch_related("tries"):
        is_new = row.notification_id not in made_before
        if is_new or row.pk in open_before:
            line_ = _of_delivery(row)
            lines.update([line_] if line_ else [])
    for plan in ScheduledNotification.objects.filter(pk__in=planned, notification=None):
        if plan.status != "planned":
            lines[
                _line(plan.settled_at, plan, plan.type, plan.subject, "", plan.status, plan.reason)
            ] += 1
    for call in CallTask.objects.filter(settled_at=None, due_at__lte=until):
        if call.pk in waiting or call.notification_id not in made_before:
            at = clock.next_tick(call.due_at)
            lines[_line(at, call, call.notification.type, call.subject, "call", "due", "")] += 1
    return lines


def _open_outside():
    return Delivery.objects.filter(status__in=("planned", "held"))


def _all_arrive() -> None:
    for row in Delivery.objects.filter(status=DeliveryStatus.ACCEPTED, status_at=clock.now()):
        receipt = Receipt(
            delivery_id=row.pk,
            provider_id=row.provider_id,
            event_key=str(row.pk),
            status=DeliveryStatus.DELIVERED,
        )
        incoming.take_receipts(channel=row.channel, receipts=[receipt])


def _of_delivery(row: Delivery):
    if row.status in ("planned", "held"):
        return None
    message = row.notification
    tries = list(row.tries.all())
    went = row.status in (DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED)
    at = tries[0].started_at if tries else row.status_at
    return _line(
        at,
        message,
        message.type,
        message.subject,
        row.channel,
        WENT if went else row.status,
        row.reason,
    )


def _line(at, owner, type_key, subject, channel, status, reason) -> Line_:
    return (
        f"{at:%F %H:%M}",
        str(owner.patient_id),
        type_key,
        subject,
        channel,
        str(status),
        str(reason),
    )

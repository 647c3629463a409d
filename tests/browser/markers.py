"""The desk sends one of every type of message with a mark in each private field, and looks where
the marks got to.
"""

from __future__ import annotations

import dataclasses
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.admin.models import LogEntry

from notifications import clock
from notifications.contacts import devices
from notifications.enums import OPEN_STATUSES, Level, PatientNotificationType
from notifications.models import AuditEvent, Delivery, InboxEvent
from notifications.providers.outbox import OutboxMessage
from notifications.services import patient_notification_service as service
from notifications.types import NotificationPayload
from portal.models import Appointment
from tests.pushing import browser_keys

MARK, SUM = "Zyzzyva gingivitis", Decimal("98765.43")


def equip(*, patient_id: UUID) -> None:
    """Give a patient a device that is pushed to."""
    devices.add_device(
        patient_id=patient_id,
        endpoint=f"https://updates.push.services.mozilla.com/wpush/v2/{patient_id}",
        **browser_keys(),
        label="Firefox on Linux",
        actor="system:desk",
    )


def tell_all(*, patient_id: UUID) -> dict[str, str]:
    """Send one of each type, marked; return their ids by type."""
    return {
        cls.type_key: str(
            service.create_notification(patient_id=patient_id, payload=marked(cls.example())).pk
        )
        for cls in PatientNotificationType.classes()
    }


def marked(payload: NotificationPayload) -> NotificationPayload:
    """Return a payload whose private words and sums of money are marks."""
    private = {
        field.name: _mark(getattr(payload, field.name))
        for field in dataclasses.fields(payload)
        if field.metadata["level"] == Level.L2 and not field.name.endswith("_zone")
    }
    return dataclasses.replace(payload, **private)


def _mark(value: Any) -> Any:
    if isinstance(value, Decimal):
        return SUM
    if isinstance(value, tuple):
        return (MARK,)
    if isinstance(value, int | date | datetime) or value is None:
        return value
    return MARK


def seat(*, visit_id: UUID) -> dict[str, str]:
    """Return the ids of a visit's patient, provider and location, as the desk's form wants them."""
    visit = Appointment.objects.get(pk=visit_id)
    return {name: str(getattr(visit, f"{name}_id")) for name in ("patient", "provider", "location")}


def under_way(*, patient_id: UUID) -> int:
    """Return how many deliveries are due and not yet settled."""
    open_ones = Delivery.objects.filter(
        notification__patient_id=patient_id, status__in=(*OPEN_STATUSES, "sending")
    )
    return open_ones.filter(due_at__lte=clock.now()).count()


def sent_to(*, patient_id: UUID) -> dict[str, list[dict]]:
    """Return what the outbox has for a patient, by channel."""
    ids = Delivery.objects.filter(notification__patient_id=patient_id).values_list("pk", flat=True)
    found: dict[str, list[dict]] = {"email": [], "sms": [], "push": []}
    for row in OutboxMessage.objects.filter(delivery_id__in=[str(pk) for pk in ids]):
        found[row.channel].append(row.content)
    return found


def traces() -> list[str]:
    """Return what is written down in the clear: of changes by the desk, events and the trail."""
    entries = [f"{each.object_repr} {each.change_message}" for each in LogEntry.objects.all()]
    events = [str(row) for row in InboxEvent.objects.values()]
    return entries + events + [str(row) for row in AuditEvent.objects.values()]

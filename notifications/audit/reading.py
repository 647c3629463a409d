"""What the trail says in numbers, for monitors."""

from datetime import datetime

from notifications.enums import AuditAction
from notifications.models import AuditEvent


def refused_minutes(*, actor: str, since: datetime) -> int:
    """Return in how many minutes an actor was refused, each route counted for itself.

    Not how often: the trail has one row an actor, route and minute.
    """
    refused = AuditEvent.objects.filter(action=AuditAction.DENIED, actor=actor, at__gte=since)
    return refused.count()

"""What the trail says: in numbers, for monitors, and who an actor is, for people."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth import get_user_model

from notifications.enums import AuditAction
from notifications.models import AuditEvent


def refused_minutes(*, actor: str, since: datetime) -> int:
    """Return in how many minutes an actor was refused, each route counted for itself.

    Not how often: the trail has one row an actor, route and minute.
    """
    refused = AuditEvent.objects.filter(action=AuditAction.DENIED, actor=actor, at__gte=since)
    return refused.count()


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """Return what to call actors: people by their names, programs by their job. One query at most.

    A person who is gone is called by the id that is left.
    """
    names = {actor: actor.partition(":")[2] for actor in actors if actor}
    ids = [name for actor, name in names.items() if actor.startswith("user:")]
    people = get_user_model().objects.filter(pk__in=ids) if ids else []
    named = {f"user:{each.pk}": each.get_full_name() or each.get_username() for each in people}
    return names | named

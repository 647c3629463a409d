"""What the trail says: in numbers, for monitors, and who an actor is, for people."""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _

from notifications.enums import AuditAction
from notifications.models import AuditEvent


def refused_minutes(*, actor: str, since: datetime) -> int:
    """Return in how many minutes an actor was refused, each route counted for itself.

    Not how often: the trail has one row an actor, route and minute.
    """
    refused = AuditEvent.objects.filter(action=AuditAction.DENIED, actor=actor, at__gte=since)
    return refused.count()


def names_of(actors: Sequence[str]) -> dict[str, str]:
    """Return what to call actors, people by their names; nothing of who is gone. One query."""
    programs = [actor for actor in actors if actor.startswith("system:")]
    names = {
        each: _("the system (%(job)s)") % {"job": each.removeprefix("system:")} for each in programs
    }
    ids = [actor.removeprefix("user:") for actor in actors if actor.startswith("user:")]
    people = get_user_model().objects.filter(pk__in=ids) if ids else []
    named = {f"user:{each.pk}": each.get_full_name() or each.get_username() for each in people}
    return names | named

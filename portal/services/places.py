"""What the practice changes about itself: places, providers, rules, closed days.

Whatever a visit's messages depend on is saved here and the visits are re-planned, in one
transaction: a plan not made yet speaks from then on of the new phone number, and goes by the new
hours and rules. What has been sent stays as it was.
"""

from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet

from notifications import clock
from portal.models import Appointment, ClosedDay, Location, Provider, ReminderRule
from portal.services.rules import check_rule
from portal.services.visit_calendar import Manner, Replanned, replan_all

Setting = Location | Provider | ReminderRule | ClosedDay
# How long after a visit something about it may still be planned, where no rule says more.
AFTERWARDS = timedelta(days=3)


@transaction.atomic
def keep(setting: Setting, *, actor: str) -> Replanned:
    """Save a location, a provider, a rule or a closed day, and re-plan the visits it concerns.

    Raises Refused for a rule that cannot be (`check_rule`).
    """
    if isinstance(setting, ReminderRule):
        check_rule(setting)
    visits = visits_concerned(setting)
    setting.save()
    return _replan(visits, actor=actor)


@transaction.atomic
def remove(setting: Setting, *, actor: str) -> Replanned:
    """Take away a rule or a closed day, and re-plan the visits it concerned.

    A location or provider whom any visit names stays: raises ProtectedError.
    """
    visits = visits_concerned(setting)
    setting.delete()
    return _replan(visits, actor=actor)


def visits_concerned(setting: Setting) -> QuerySet[Appointment]:
    """Return the visits that depend on a setting as it stands in the tables, or as it is given."""
    before = type(setting).objects.filter(pk=setting.pk).first()
    both = [setting] if before is None else [setting, before]
    concerned = reduce(or_, map(_concerned, both))
    reach = max(getattr(each, "minutes_after", None) or 0 for each in both)
    return unfinished_visits(reach=reach).filter(concerned)


def replan_visits(concerned: Q, *, actor: str) -> Replanned:
    """Re-plan the visits that are not over and done with, among those of a condition."""
    return _replan(unfinished_visits().filter(concerned), actor=actor)


def _replan(visits: QuerySet[Appointment], *, actor: str) -> Replanned:
    return replan_all(visits, Manner(actor=actor, is_change=True))


def unfinished_visits(*, reach: int = 0) -> QuerySet[Appointment]:
    """Return the visits about which something is still to be sent, or may be: in order of ids.

    `reach`: minutes after a visit that a rule reaches which is not in the tables, or no longer.
    """
    now = clock.now()
    ahead = Q(status__in=Appointment.UPCOMING, starts_at__gt=now)
    over = Q(status__in=(Appointment.Status.MISSED, Appointment.Status.COMPLETED))
    return Appointment.objects.filter(
        ahead | over & Q(ends_at__gt=_reaches_back(now, reach))
    ).order_by("pk")


def _reaches_back(now: datetime, reach: int) -> datetime:
    longest = ReminderRule.objects.aggregate(longest=Max("minutes_after"))["longest"] or 0
    return now - timedelta(minutes=max(longest, reach)) - AFTERWARDS


def _concerned(setting: Setting) -> Q:
    """Return which visits depend on a setting."""
    if isinstance(setting, Location):
        return Q(location_id=setting.pk)
    if isinstance(setting, Provider):
        return Q(provider_id=setting.pk)
    if setting.location_id is None:  # closed everywhere
        return Q(pk=F("pk"))
    return Q(location_id=setting.location_id)

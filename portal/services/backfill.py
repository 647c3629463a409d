"""What the visits in the book are owed: messages that nobody has planned yet.

A rule that is new, or a visit that came without plans, leaves a gap; this fills it and changes
nothing else. Nobody hears that a visit was booked, nothing stale is planned, and a second run
makes nothing new.
"""

from collections.abc import Callable
from datetime import datetime

from django.db.models import QuerySet

from notifications import clock
from portal.models import Appointment
from portal.services.visit_calendar import Manner, Replanned, replan_all

ACTOR = "system:backfill"


def visits_ahead(
    *, booked_since: datetime | None = None, until: datetime | None = None
) -> QuerySet[Appointment]:
    """Return the visits still to come, in the order of their ids. Bounds are aware."""
    visits = Appointment.objects.filter(
        status__in=Appointment.UPCOMING, starts_at__gt=clock.now()
    ).order_by("pk")
    if booked_since is not None:
        visits = visits.filter(created_at__gte=booked_since)
    return visits if until is None else visits.filter(starts_at__lte=until)


def backfill(
    visits: QuerySet[Appointment],
    *,
    is_rehearsal: bool = False,
    on_progress: Callable[[int], None] = lambda count: None,
) -> Replanned:
    """Plan what these visits are owed, fifty a transaction; return what was planned.

    Cut off and run again, it ends where one that was not would have. `on_progress` hears how
    many more visits are done.
    """
    manner = Manner(actor=ACTOR, change="backfilled", only_gaps=True, is_rehearsal=is_rehearsal)
    return replan_all(visits, manner, on_progress=on_progress)

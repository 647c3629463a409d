"""What the engine's clock asks the clinic for each minute: reminders that nobody planned.

Visits get their plans in the transaction that books them. One without any came another way: a row
put in by hand, a backup, a fault. It is found while its patient can still be reminded.
"""

from datetime import timedelta

from notifications import clock
from notifications.scheduler import notification_scheduler_service
from portal.models import Appointment
from portal.services.backfill import backfill, visits_ahead

AHEAD = timedelta(days=2)  # today's visits and tomorrow's, in any zone


def plan_missing() -> int:
    """Plan the reminders of visits soon to come that have no plan at all; return how many."""
    soon = visits_ahead(until=clock.now() + AHEAD)
    visits = dict(soon.values_list("pk", "pk"))
    subjects = {Appointment(pk=pk).subject: pk for pk in visits}
    planned = notification_scheduler_service.plans_about(subjects=subjects)
    lacking = [pk for subject, pk in subjects.items() if subject not in planned]
    if not lacking:
        return 0
    return backfill(Appointment.objects.filter(pk__in=lacking)).added.total()

"""What the clock asks the clinic for each minute, before anything is sent.

Guardianships whose end has come, such as an 18th birthday, are acted on. A visit that was asked to
be moved and stays after our call is asked about again. Reminders that nobody planned are: visits
get their plans in the transaction that books them, and one without any came another way: a row put
in by hand, a backup, a fault. It is found while its patient can still be reminded.
"""

import logging
from collections.abc import Callable
from datetime import timedelta

from django.db import InterfaceError, OperationalError, transaction

from notifications import clock
from notifications.scheduler import notification_scheduler_service
from portal.models import Appointment
from portal.services.backfill import backfill, visits_ahead
from portal.services.guardians import close_guardianships, date_guardianships
from portal.services.wishes import ask_again_after_calls

logger = logging.getLogger(__name__)

AHEAD = timedelta(days=2)  # today's visits and tomorrow's, in any zone


def keep_up() -> None:
    """Do a minute's work. One step's trouble takes nothing from the others.

    Only a database that is away is everybody's trouble.
    """
    for step in STEPS:
        try:
            with transaction.atomic():
                step()
        except (OperationalError, InterfaceError):
            raise
        except Exception as fault:
            logger.error("the step %s failed: %s", step.__name__, type(fault).__name__)


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


def date_each_hour() -> int:
    """Give ties that came without an end theirs, at each full hour; return how many.

    Who makes or corrects one dates it at once; this is for rows put in another way. Dates of birth
    are sealed, and a look opens all of them: not every minute.
    """
    return date_guardianships() if clock.now().minute == 0 else 0


STEPS: tuple[Callable[[], int], ...] = (
    date_each_hour,
    close_guardianships,
    ask_again_after_calls,
    plan_missing,
)

"""What an entry in the book may name and when it may be: anything else is refused, with a reason.

Each `Refused` names the field; its sentence is for the person at the desk.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _

from notifications import clock
from notifications.types import Refused
from portal.models import Location, User
from portal.models.zones import validate_zone

LONGEST = timedelta(days=1)
FURTHEST = timedelta(days=5 * 366)  # beyond that, somebody mistyped the year
LONG_AGO = timedelta(days=120 * 366)  # nobody was a patient then


def known(rows: models.QuerySet, row_id: UUID, field: str) -> Any:
    """Return a row by its id. Raises Refused for one that does not exist."""
    found = rows.filter(pk=row_id).first()
    if found is None:
        raise Refused(_("There is no such entry in the book."), field=field)
    return found


def patient_of(patient_id: UUID, *, starts_at: datetime) -> User:
    """Return the patient of a visit. Raises Refused for one unknown, or as `refuse_departed`."""
    patient = known(User.objects, patient_id, "patient_id")
    refuse_departed(patient, starts_at=starts_at)
    return patient


def refuse_departed(patient: User, *, starts_at: datetime) -> None:
    """Raise Refused for a patient who died or left and a visit still to come (aware).

    One of the past may be written down, or set right.
    """
    if patient.departure and starts_at > clock.now():
        message = _("This person is no longer a patient here, so no visit can be booked.")
        raise Refused(message, field="patient_id")


def place_of(location_id: UUID) -> Location:
    """Return a location. Raises Refused for one unknown, and for one whose clock nobody knows."""
    location = known(Location.objects, location_id, "location_id")
    check_clock(location)
    return location


def check_clock(location: Location) -> None:
    """Raise Refused for a location without a time zone there is: nothing can be timed by it."""
    try:
        validate_zone(location.zone)
    except ValidationError:
        message = _("The time zone of this location is not known. Correct the location first.")
        raise Refused(message, field="location_id") from None


def check_times(*, starts_at: datetime, ends_at: datetime) -> None:
    """Raise Refused for times that no visit can have.

    Those without a zone, an end before the start, more than a day, more than five years ahead or
    longer ago than somebody lives.
    """
    for field, moment in (("starts_at", starts_at), ("ends_at", ends_at)):
        if timezone.is_naive(moment):
            raise Refused(_("A visit's time needs its zone."), field=field)
    if ends_at <= starts_at:
        raise Refused(_("A visit must end after it starts."), field="ends_at")
    if ends_at - starts_at > LONGEST:
        raise Refused(_("A visit cannot last longer than a day. Check the end."), field="ends_at")
    if starts_at - clock.now() > FURTHEST:
        message = _("A visit cannot be more than five years ahead. Check the year.")
        raise Refused(message, field="starts_at")
    if clock.now() - starts_at > LONG_AGO:
        raise Refused(_("This day cannot be. Check the year."), field="starts_at")

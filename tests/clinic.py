"""The desk of the tests' clinic: the clock on its wall, and visits to tell stories about."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from portal.models import Appointment, Location, Provider, User
from portal.services import book

DESK = "system:desk"
NEW_YORK, DENVER = "America/New_York", "America/Denver"
HALF_AN_HOUR = timedelta(minutes=30)


def wall(text: str, zone: str = NEW_YORK) -> datetime:
    """Return "2026-11-24 09:30" of a zone's wall clock as an aware moment."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def a_visit(
    patient: User, starts_at: datetime, *, location: Location, provider: Provider, **options
) -> Appointment:
    """Book a visit of half an hour."""
    return book(
        patient_id=patient.pk,
        provider_id=provider.pk,
        location_id=location.pk,
        starts_at=starts_at,
        ends_at=starts_at + HALF_AN_HOUR,
        actor=DESK,
        **options,
    )

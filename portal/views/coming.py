"""What is coming to a patient, as they read it: by the functions that send, grouped by day."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from notifications.enums import PatientNotificationChannel, PatientNotificationType
from notifications.scheduler import Foreseen
from portal.models import Appointment, User
from portal.services import forecast

DAYS = 14


@dataclass(frozen=True, kw_only=True)
class Coming:
    """One message at one moment (aware), with how it stands on each channel."""

    at: datetime
    type: str
    visit: Appointment | None
    lines: list[Foreseen] = field(default_factory=list)

    @property
    def day(self) -> date:
        return timezone.localdate(self.at)

    @property
    def label(self) -> str:
        return str(PatientNotificationType.get(self.type).label)

    @property
    def icon(self) -> str:
        return PatientNotificationType.get(self.type).icon

    @property
    def goes(self) -> list[tuple[str, str]]:
        """Return the channels it comes on, each as its icon and its name."""
        channels = dict.fromkeys(each.channel for each in self.lines if each.goes)
        known = map(PatientNotificationChannel.get, channels)
        return [(channel.icon, str(channel.label)) for channel in known]

    @property
    def is_outside(self) -> bool:
        """Return whether any of it leaves the portal."""
        return any(each.goes and each.is_outside for each in self.lines)

    @property
    def by(self) -> str:
        """Return "Email and Text": how it comes to the patient where they are."""
        outside = {each.channel: each.channel_label for each in self.lines if each.is_outside}
        going = {each.channel for each in self.lines if each.goes}
        return get_text_list([name for key, name in outside.items() if key in going], _("and"))

    @property
    def waits(self) -> list[tuple[str, str]]:
        """Return what holds it back before it comes, as (channel, why and until when)."""
        coming = [each for each in self.lines if each.goes]
        return [(each.channel_label, why) for each in coming for why in each.waits_to_patient]

    @property
    def not_sent(self) -> list[tuple[str, str]]:
        """Return where it does not come, as (channel, why); a device's reason once."""
        silent = [each for each in self.lines if not each.goes and not each.is_call]
        return list(dict.fromkeys((each.channel_label, each.to_patient) for each in silent))

    @property
    def calls(self) -> bool:
        return any(each.is_call for each in self.lines)


def coming_to(patient: User) -> list[Coming]:
    """Return what comes to a patient in the next two weeks, in order of time. Writes nothing."""
    seen = forecast(patient_id=patient.pk, days=DAYS)
    visits = _visits(seen, patient)
    found: dict[tuple, Coming] = {}
    for each in seen:
        key = each.at, each.type, each.subject
        new = Coming(at=each.at, type=each.type, visit=visits.get(each.subject))
        found.setdefault(key, new).lines.append(each)
    return list(found.values())


def next_of(coming: Iterable[Coming]) -> Coming | None:
    """Return the first that reaches the patient outside of the portal, or None."""
    return next((each for each in coming if each.is_outside), None)


def _visits(seen: Iterable[Any], patient: User) -> dict[str, Appointment]:
    """Return the patient's visits that are spoken of, by subject, in one query."""
    about = [each.subject.partition(":") for each in seen]
    ids = {UUID(name) for kind, _colon, name in about if kind == "appointment"}
    rows = Appointment.objects.filter(pk__in=ids, patient=patient)
    rows = rows.select_related("location", "provider").defer("reason", "notes", "treatment")
    return {visit.subject: visit for visit in rows}

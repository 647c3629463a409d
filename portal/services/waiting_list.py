"""Who would come earlier: joining the waiting list, leaving it, and whom a free time fits."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from notifications import clock
from notifications.types import Refused
from portal.models import Appointment, Location, Opening, Provider, WaitingListEntry
from portal.services.entries import known
from portal.services.planning import note, patient_here

LONGEST_VISIT = 8 * 60  # minutes
LONGEST_NOTICE = 14 * 24  # hours


@transaction.atomic
def join_waiting_list(
    *,
    patient_id: UUID,
    location_id: UUID,
    actor: str,
    provider_id: UUID | None = None,
    appointment_id: UUID | None = None,
    minutes: int = 30,
    notice_hours: int = 2,
) -> WaitingListEntry:
    """Put a patient on a location's waiting list, once for each visit they would come earlier for.

    No provider: any of them. `minutes` is the time they need, `notice_hours` how long before it
    they must know. Raises Refused naming the field.
    """
    patient = patient_here(patient_id)
    _check(minutes=minutes, notice_hours=notice_hours)
    entry = WaitingListEntry(
        patient=patient,
        location=known(Location.objects, location_id, "location_id"),
        provider=provider_id and known(Provider.objects, provider_id, "provider_id"),
        appointment=appointment_id and _own_visit(appointment_id, patient_id=patient_id),
        minutes=minutes,
        notice_hours=notice_hours,
        created_at=clock.now(),
    )
    same = WaitingListEntry.objects.filter(patient=patient, location=location_id, ended_at=None)
    if same.filter(appointment=entry.appointment).exists():
        raise Refused(_("The patient is on this waiting list already."), field="patient_id")
    entry.save(force_insert=True)
    note(entry, patient_id=patient.pk, change="joined", actor=actor)
    return entry


@transaction.atomic
def leave_waiting_list(*, entry_id: UUID, actor: str) -> WaitingListEntry:
    """Take a patient off a waiting list; what they were offered they can no longer take."""
    entry = known(WaitingListEntry.objects.select_for_update(), entry_id, "entry_id")
    if entry.ended_at is None:
        end_entry(entry, change="left", actor=actor)
    return entry


def end_entry(entry: WaitingListEntry, *, change: str, actor: str) -> None:
    """Write down that somebody waits no more, in the caller's transaction."""
    entry.ended_at = clock.now()
    entry.save(update_fields=["ended_at"])
    note(entry, patient_id=entry.patient_id, change=change, actor=actor)


def fitting(opening: Opening) -> list[WaitingListEntry]:
    """Return whom a free time fits, a patient once: who waited longest first. Two queries.

    It fits who waits for this place and provider, needs no longer, hears of it early enough, has
    nothing else at that hour, and comes earlier by it.
    """
    return _once_a_patient(entry for entry in _candidates(opening) if fits(entry, opening))


def fits(entry: WaitingListEntry, opening: Opening) -> bool:
    """Return whether somebody who waits here could come then and would gain by it."""
    visit = entry.appointment
    asked = timedelta(minutes=entry.minutes)
    needed = asked if visit is None else max(asked, visit.ends_at - visit.starts_at)
    is_earlier = visit is None or (visit.is_upcoming and opening.starts_at < visit.starts_at)
    in_time = opening.starts_at - clock.now() >= timedelta(hours=entry.notice_hours)
    return is_earlier and in_time and needed <= opening.ends_at - opening.starts_at


def is_busy(entry: WaitingListEntry, opening: Opening) -> bool:
    """Return whether the patient has something else at that hour."""
    others = _at_that_hour(opening).exclude(pk=entry.appointment_id)
    return others.filter(patient=entry.patient_id).exists()


def _candidates(opening: Opening) -> QuerySet[WaitingListEntry]:
    any_provider = Q(provider=None) | Q(provider=opening.provider_id)
    rows = WaitingListEntry.objects.filter(
        any_provider, location=opening.location_id, ended_at=None, patient__departure=""
    )
    is_their_own = Q(appointment__isnull=False) & Q(appointment__in=_at_that_hour(opening))
    busy = _at_that_hour(opening).values("patient_id")
    return (
        rows.filter(~Q(patient__in=busy) | is_their_own)
        .select_related("appointment", "patient")
        .order_by(F("created_at"), "pk")
    )


def _at_that_hour(opening: Opening) -> QuerySet[Appointment]:
    return Appointment.objects.filter(
        status__in=Appointment.UPCOMING,
        starts_at__lt=opening.ends_at,
        ends_at__gt=opening.starts_at,
    )


def _once_a_patient(entries: Iterable[WaitingListEntry]) -> list[WaitingListEntry]:
    first: dict[UUID, WaitingListEntry] = {}
    for entry in entries:
        first.setdefault(entry.patient_id, entry)
    return list(first.values())


def _own_visit(appointment_id: UUID, *, patient_id: UUID) -> Appointment:
    own = Appointment.objects.filter(patient_id=patient_id)
    visit = known(own, appointment_id, "appointment_id")
    if not visit.is_upcoming or visit.starts_at <= clock.now():
        raise Refused(_("This visit is no longer in the book."), field="appointment_id")
    return visit


def _check(*, minutes: int, notice_hours: int) -> None:
    if not 5 <= minutes <= LONGEST_VISIT:
        raise Refused(_("A visit takes between 5 minutes and 8 hours."), field="minutes")
    if not 0 <= notice_hours <= LONGEST_NOTICE:
        raise Refused(_("Choose at most two weeks of notice."), field="notice_hours")

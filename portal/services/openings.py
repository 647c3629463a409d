"""A time that became free: offered to whom it fits, and given to the first who takes it.

Whoever takes it holds the opening's row, so that of any number at once one has it. Their visit is
booked or moved, their place on the list ends and the others' offers are over in one transaction.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from notifications import clock
from notifications.enums import Reason
from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service
from notifications.types import Refused
from portal.models import Appointment, Location, Opening, Provider, WaitingListEntry
from portal.notification_types.opening_offer import OpeningOfferPayload
from portal.services.entries import check_times, known
from portal.services.planning import note
from portal.services.visits import book, reschedule
from portal.services.waiting_list import end_entry, fits, fitting, is_busy

ANSWER_BEFORE = timedelta(hours=1)  # the start, unless the desk says otherwise


@transaction.atomic
def offer_opening(
    *,
    provider_id: UUID,
    location_id: UUID,
    starts_at: datetime,
    ends_at: datetime,
    actor: str,
    answer_by: datetime | None = None,
) -> Opening:
    """Offer a free time to whom on the waiting list it fits, all at once; return the opening.

    Times are aware. `answer_by` is an hour before it begins if None, half way there if it is
    nearer. The first to accept has it. Raises Refused naming the field.
    """
    # Held, so that nobody offers the same hours of a provider twice.
    provider = known(Provider.objects.select_for_update(no_key=True), provider_id, "provider_id")
    location = known(Location.objects, location_id, "location_id")
    _check_times(starts_at=starts_at, ends_at=ends_at, answer_by=answer_by)
    opening = Opening(
        provider=provider,
        location=location,
        starts_at=starts_at,
        ends_at=ends_at,
        answer_by=answer_by or _latest_answer(starts_at),
        created_at=clock.now(),
    )
    _require_free(opening)
    if _offered_already(opening):
        raise Refused(_("This time is being offered already."), field="starts_at")
    opening.save(force_insert=True)
    note(opening, patient_id=None, change="offered", actor=actor)
    # Inboxes are locked in the order of patients, as by everyone who holds several.
    for entry in sorted(fitting(opening), key=lambda entry: entry.patient_id):
        _tell(opening, entry, actor=actor)
    return opening


@transaction.atomic
def offer_time_of(*, appointment_id: UUID, actor: str) -> Opening:
    """Offer the time of a visit that was cancelled. Raises Refused if it was not, or is over."""
    visit = known(Appointment.objects, appointment_id, "appointment_id")
    if visit.status != Appointment.Status.CANCELLED:
        raise Refused(_("Only the time of a cancelled visit is free."), field="status")
    return offer_opening(
        provider_id=visit.provider_id,
        location_id=visit.location_id,
        starts_at=visit.starts_at,
        ends_at=visit.ends_at,
        actor=actor,
    )


@transaction.atomic
def accept_opening(*, opening_id: UUID, entry_id: UUID, actor: str) -> Appointment:
    """Give a free time to the first who takes it; return their visit, booked or moved into it.

    Whoever has it already changes nothing by a second press. Raises Refused, for everybody else
    and for what is over, taken back or no longer fits, with a sentence for the person.
    """
    opening = _held(opening_id)
    entry = known(
        WaitingListEntry.objects.select_for_update(of=("self",)).select_related("appointment"),
        entry_id,
        "entry_id",
    )
    if opening.taken_by_id == entry.pk and opening.visit is not None:
        return opening.visit
    _hold_visit(entry)
    _require_open(opening, entry)
    # The offers end first: inboxes are locked in the order they were told, the patient's with them.
    opening.taken_at, opening.taken_by = clock.now(), entry
    opening.save(update_fields=["taken_at", "taken_by"])
    notification_scheduler_service.cancel(subject=opening.subject, reason=Reason.WITHDRAWN)
    opening.visit = _seat(opening, entry, actor=actor)
    opening.save(update_fields=["visit"])
    end_entry(entry, change="came_earlier", actor=actor)
    note(opening, patient_id=entry.patient_id, change="taken", actor=actor)
    return opening.visit


@transaction.atomic
def close_opening(*, opening_id: UUID, actor: str) -> Opening:
    """Take an offered time back: nobody can take it any more. Twice changes nothing."""
    opening = _held(opening_id)
    if opening.taken_at is not None:
        raise Refused(_("Somebody has taken this time."), field="opening_id")
    if opening.closed_at is None:
        opening.closed_at = clock.now()
        opening.save(update_fields=["closed_at"])
        note(opening, patient_id=None, change="taken_back", actor=actor)
        notification_scheduler_service.cancel(subject=opening.subject, reason=Reason.WITHDRAWN)
    return opening


# -- the row -------------------------------------------------------------------------------------


def _held(opening_id: UUID) -> Opening:
    rows = Opening.objects.select_for_update(of=("self",))
    return known(rows.select_related("provider", "location"), opening_id, "opening_id")


def _check_times(*, starts_at: datetime, ends_at: datetime, answer_by: datetime | None) -> None:
    check_times(starts_at=starts_at, ends_at=ends_at)  # a visit is to fit into it
    if answer_by is not None and timezone.is_naive(answer_by):
        raise Refused(_("A time needs its zone."), field="answer_by")
    if starts_at <= clock.now():
        raise Refused(_("This time has begun already."), field="starts_at")
    if answer_by is not None and not clock.now() < answer_by <= starts_at:
        raise Refused(_("Choose a time between now and when it starts."), field="answer_by")


def _latest_answer(starts_at: datetime) -> datetime:
    now = clock.now()
    return max(starts_at - ANSWER_BEFORE, now + (starts_at - now) / 2)


def _require_free(opening: Opening, *, but: UUID | None = None) -> None:
    """Refuse a time at which its provider sees somebody. `but` is a visit that makes room."""
    overlapping = Appointment.objects.filter(
        provider=opening.provider_id,
        status__in=Appointment.UPCOMING,
        starts_at__lt=opening.ends_at,
        ends_at__gt=opening.starts_at,
    )
    if overlapping.exclude(pk=but).exists():
        raise Refused(_("This time is not free any more."), field="starts_at")


def _offered_already(opening: Opening) -> bool:
    rows = Opening.objects.filter(
        provider=opening.provider_id,
        taken_at=None,
        closed_at=None,
        answer_by__gt=clock.now(),
        starts_at__lt=opening.ends_at,
        ends_at__gt=opening.starts_at,
    )
    return rows.exists()


def _require_open(opening: Opening, entry: WaitingListEntry) -> None:
    if opening.taken_at is not None:
        raise Refused(
            _("Somebody was a little quicker. We will tell you of the next time that is free."),
            field="action",
        )
    if opening.closed_at is not None or opening.answer_by <= clock.now():
        raise Refused(_("This offer is over. Please call us for another time."), field="action")
    if entry.ended_at is not None or not fits(entry, opening) or is_busy(entry, opening):
        raise Refused(_("This time does not suit your visit any more."), field="action")
    _require_free(opening, but=entry.appointment_id)


def _hold_visit(entry: WaitingListEntry) -> None:
    """Lock the visit before any inbox, as everything does that changes a visit; read it anew."""
    if entry.appointment_id is not None:
        entry.appointment = Appointment.objects.select_for_update().get(pk=entry.appointment_id)


def _seat(opening: Opening, entry: WaitingListEntry, *, actor: str) -> Appointment:
    """Move the visit of who waited into the free time, or book one; the patient is told once."""
    visit, free = entry.appointment, opening.ends_at - opening.starts_at
    length = visit.ends_at - visit.starts_at if visit else timedelta(minutes=entry.minutes)
    where: dict[str, Any] = {
        "provider_id": opening.provider_id,
        "location_id": opening.location_id,
        "starts_at": opening.starts_at,
        "ends_at": opening.starts_at + min(length, free),
        "actor": actor,
    }
    if visit is not None:
        return reschedule(appointment_id=visit.pk, **where)
    return book(patient_id=entry.patient_id, **where)


# -- what is said --------------------------------------------------------------------------------


def _tell(opening: Opening, entry: WaitingListEntry, *, actor: str) -> None:
    length = opening.ends_at - opening.starts_at
    patient_notification_service.create_notification(
        patient_id=entry.patient_id,
        payload=OpeningOfferPayload(
            provider_id=opening.provider_id,
            appointment_date=opening.starts_at,
            minutes=int(length.total_seconds() // 60),
            answer_by=opening.answer_by,
            appointment_id=entry.appointment_id,
            provider_name=opening.provider.name,
            location_name=opening.location.name,
            location_zone=opening.location.zone,
            location_phone=opening.location.phone,
            opening_id=opening.pk,
            entry_id=entry.pk,
        ),
        key=f"opening:{opening.pk}:{entry.pk}",
        actor=actor,
        subject=opening.subject,
    )

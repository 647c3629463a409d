"""What time, or a change of what they are about, does to messages; what keeps counters true."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, Q

from notifications import clock, realtime
from notifications.enums import InboxEventKind
from notifications.inbox.changes import (
    Apply,
    asking_again,
    change,
    expiring,
    noting,
    outdating,
    waking,
)
from notifications.models import COUNTED, InboxEvent, InboxState, PatientNotification

EVENTS_KEPT = timedelta(days=30)
ACTOR = "system:tick"
BATCH = 500


def expire_due(*, limit: int = BATCH) -> int:
    """Settle unread messages whose time has passed as "no longer current"; return how many."""
    past = Q(expires_at__lte=clock.now(), expired_at=None, read_at=None)
    return _each(past, event=InboxEventKind.EXPIRED, apply=expiring, limit=limit)


def expire_about(*, subject: str) -> int:
    """Settle every message about a subject as "no longer current": what it says has changed."""
    return _each(Q(subject=subject, expired_at=None), event=InboxEventKind.EXPIRED, apply=outdating)


def note_about(*, subject: str, action: str, actor: str, is_read: bool) -> int:
    """Settle the messages about a subject that lead to an `action`, now that it is done.

    `is_read`: by the patient, who needs to read them no more.
    """
    is_current = Q(expires_at=None) | Q(expires_at__gt=clock.now())
    open_ones = is_current & Q(subject=subject, acted_at=None, expired_at=None)
    apply = noting(action, is_read=is_read)
    return _each(open_ones, event=InboxEventKind.ACTED, apply=apply, actor=actor)


def ask_again_about(*, subject: str, action: str, actor: str) -> int:
    """Let those messages ask again; return how many there were."""
    noted = Q(subject=subject, action_taken=action)
    apply = asking_again(action)
    return _each(noted, event=InboxEventKind.ACTED, apply=apply, actor=actor)


def wake_due(*, limit: int = BATCH) -> int:
    """Bring back, unread, what was snoozed until now; return how many."""
    due = Q(snoozed_until__lte=clock.now())
    return _each(due, event=InboxEventKind.WOKEN, apply=waking, limit=limit)


def _each(
    condition: Q, *, event: InboxEventKind, apply: Apply, limit: int = BATCH, actor: str = ACTOR
) -> int:
    rows = PatientNotification.objects.filter(condition).values_list("patient_id", "pk")
    found = list(rows.order_by("pk")[:limit])
    for patient_id, pk in found:
        change(patient_id=patient_id, notification_id=pk, event=event, apply=apply, actor=actor)
    return len(found)


def recount() -> int:
    """Put right any counter that does not say what the rows say; return how many were wrong."""
    counted = Count("patient__patientnotifications", filter=_counted_of_patient())
    wrong = InboxState.objects.annotate(truth=counted).exclude(truth=F("unread")).order_by("pk")
    patient_ids = list(wrong.values_list("pk", flat=True))
    for patient_id in patient_ids:
        _recount(patient_id)
    return len(patient_ids)


def _counted_of_patient() -> Q:
    marks = ("read_at", "dismissed_at", "archived_at", "snoozed_until", "expired_at")
    return Q(**{f"patient__patientnotifications__{mark}": None for mark in marks})


@transaction.atomic
def _recount(patient_id: UUID) -> None:
    realtime.lock(patient_id=patient_id)
    _seq, said = realtime.position(patient_id=patient_id)
    truth = PatientNotification.objects.filter(COUNTED, patient_id=patient_id).count()
    if truth != said:
        realtime.record(
            patient_id=patient_id,
            event=InboxEventKind.UNREAD_COUNT,
            unread_delta=truth - said,
        )


def forget_old_events() -> int:
    """Delete events older than 30 days; whoever asks for them is told to start over."""
    old = InboxEvent.objects.filter(created_at__lt=clock.now() - EVENTS_KEPT)
    return old.delete()[0]

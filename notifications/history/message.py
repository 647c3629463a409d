"""What happened to one message, line by line: for its patient, and for staff."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from notifications import clock, policy, rendering
from notifications.enums import PatientNotificationChannel, PatientNotificationType
from notifications.facts import facts_for
from notifications.history.words import (
    channel_label,
    words_for,
    words_of_call,
    words_to_patient,
)
from notifications.models import CallTask, Delivery, DeliveryAttempt, PatientNotification


@dataclass(frozen=True, kw_only=True)
class HistoryEntry:
    """One line: when (aware), on which channel, what, and what staff can do about it.

    `sentence` is for staff, `to_patient` says the same to the one it is about, or nothing;
    `reason` is the code both are made of, where there is one.
    """

    at: datetime
    kind: str  # a status of a delivery, or what the patient did
    channel: str = ""
    label: str = ""
    sentence: str = ""
    to_patient: str = ""
    reason: str = ""
    next_step: str = ""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a delivery is or is not sent: the gates in order, each with its objection or none."""

    delivery_id: UUID
    channel: str
    status: str
    gates: list[tuple[str, str]]  # (gate, reason code or "")


def history(notification: PatientNotification) -> list[HistoryEntry]:
    """Return what happened to a message, oldest first, in the current language."""
    rows = notification.deliveries.order_by("status_at", "id").prefetch_related("tries")
    entries = what_the_patient_did(notification) + calls_about([notification])[notification.pk]
    for row in rows:
        entries += _of_delivery(row)
    return sorted(entries, key=lambda entry: entry.at)


def explain(notification: PatientNotification) -> list[Explanation]:
    """Return, a channel each, the gates as they stand now."""
    rows = [
        row
        for row in notification.deliveries.select_related("notification").order_by("id")
        if row.channel in PatientNotificationChannel
    ]
    known = facts_for(deliveries=rows, now=clock.now())
    return [_explanation(row, facts) for row, facts in zip(rows, known, strict=True)]


def _explanation(row: Delivery, facts: policy.Facts) -> Explanation:
    gates = [(name, str(no.reason) if no else "") for name, no in policy.explain(facts)]
    return Explanation(delivery_id=row.pk, channel=row.channel, status=row.status, gates=gates)


def what_the_patient_did(notification: PatientNotification) -> list[HistoryEntry]:
    """Return when it was read, answered and put away, and when it ended; oldest first."""
    moments = [
        ("read", notification.read_at, _("Read")),
        ("acted", notification.acted_at, _words_of_answer(notification)),
        ("dismissed", notification.dismissed_at, _("Dismissed")),
        ("archived", notification.archived_at, _("Archived")),
        ("expired", notification.expired_at, _("No longer current")),
    ]
    label = channel_label("in_app")
    did = [
        HistoryEntry(
            at=at, kind=kind, channel="in_app", label=label, sentence=said, to_patient=said
        )
        for kind, at, said in moments
        if at is not None
    ]
    return sorted(did, key=lambda entry: entry.at)


def _words_of_answer(notification: PatientNotification) -> str:
    """Return what became of what a message asks. Where it leads, the desk may have done it."""
    leads_to = getattr(PatientNotificationType.get(notification.type), "leads_to", "")
    was_done = bool(leads_to) and notification.action_taken == leads_to
    return _("Dealt with") if was_done else _("Answered")


def calls_about(
    notifications: Sequence[PatientNotification],
) -> dict[UUID, list[HistoryEntry]]:
    """Return the calls to make about each of some messages; for staff alone. One query."""
    rows = CallTask.objects.filter(notification__in=notifications)
    found: dict[UUID, list[HistoryEntry]] = defaultdict(list)
    for row in rows.order_by("due_at", "id"):
        entry = HistoryEntry(
            at=row.settled_at or row.due_at,
            kind="call",
            label=_("Call to make"),
            sentence=words_of_call(row),
            reason=row.reason,
        )
        found[row.notification_id].append(entry)
    return found


def _of_delivery(row: Delivery) -> list[HistoryEntry]:
    tries = [_of_try(row, attempt) for attempt in row.tries.all() if row.attempts > 1]
    stands = HistoryEntry(
        at=row.status_at,
        kind=row.status,
        channel=row.channel,
        label=channel_label(row.channel),
        sentence=words_for(row),
        to_patient=words_to_patient(row),
        reason=row.reason,
        next_step=rendering.next_step(row.reason),
    )
    return [*tries, stands]


def _of_try(row: Delivery, attempt: DeliveryAttempt) -> HistoryEntry:
    said = _("Try %(number)s: %(result)s") % {
        "number": attempt.number,
        "result": attempt.get_result_display(),
    }
    return HistoryEntry(
        at=attempt.finished_at or attempt.started_at,
        kind=attempt.result,
        channel=row.channel,
        label=channel_label(row.channel),
        sentence=said,
        to_patient=said,
    )

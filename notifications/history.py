"""What happened to a message, in words: for the patient's page and the desk's timeline."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from notifications import clock, policy, rendering
from notifications.enums import DeliveryStatus, PatientNotificationChannel
from notifications.facts import facts_for
from notifications.models import Delivery, PatientNotification


@dataclass(frozen=True, kw_only=True)
class HistoryEntry:
    """One line: when (aware), on which channel, what, and what staff can do about it."""

    at: datetime
    kind: str  # a status of a delivery, or what the patient did
    channel: str = ""
    label: str = ""
    sentence: str = ""
    next_step: str = ""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a delivery is or is not sent: the gates in order, each with its objection or none."""

    channel: str
    status: str
    gates: list[tuple[str, str]]  # (gate, reason code or "")


def history(notification: PatientNotification) -> list[HistoryEntry]:
    """Return what happened to a message, oldest first, in the current language."""
    rows = notification.deliveries.order_by("status_at", "id").prefetch_related("tries")
    entries = _of_notification(notification)
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
    return Explanation(channel=row.channel, status=row.status, gates=gates)


def _of_notification(notification: PatientNotification) -> list[HistoryEntry]:
    moments = [
        ("read", notification.read_at, _("Read")),
        ("acted", notification.acted_at, _("Answered")),
        ("dismissed", notification.dismissed_at, _("Dismissed")),
        ("archived", notification.archived_at, _("Archived")),
        ("expired", notification.expired_at, _("No longer current")),
    ]
    return [
        HistoryEntry(
            at=at, kind=kind, channel="in_app", label=_channel_label("in_app"), sentence=said
        )
        for kind, at, said in moments
        if at is not None
    ]


def _of_delivery(row: Delivery) -> list[HistoryEntry]:
    label = _channel_label(row.channel)
    tries = [
        HistoryEntry(
            at=attempt.finished_at or attempt.started_at,
            kind=attempt.result,
            channel=row.channel,
            label=label,
            sentence=_("Try %(number)s: %(result)s")
            % {"number": attempt.number, "result": attempt.get_result_display()},
        )
        for attempt in row.tries.all()
        if row.attempts > 1
    ]
    stands = HistoryEntry(
        at=row.status_at,
        kind=row.status,
        channel=row.channel,
        label=label,
        sentence=words_for(row),
        next_step=rendering.next_step(row.reason),
    )
    return [*tries, stands]


def words_for(row: Delivery) -> str:
    """Return a delivery's status in words, with the reason where it was not delivered."""
    said = str(DeliveryStatus(row.status).label)
    if not row.reason:
        return said
    why = rendering.sentence(reason=row.reason, params=row.reason_params)
    says_it_all = row.status in (DeliveryStatus.HELD, DeliveryStatus.UNKNOWN)
    return why if says_it_all else f"{said}. {why}"


def _channel_label(key: str) -> str:
    return str(PatientNotificationChannel.get(key).label)

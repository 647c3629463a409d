"""All that happened to one patient, newest first: messages, and what lies between them.

Every source is read a page at a time and merged by moment and id, so a page costs a fixed number
of queries however long the story is. No body is read.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from django.db.models import Prefetch
from django.utils.translation import gettext as _

from notifications import clock, contacts, policy, rendering
from notifications.crypto import keys_loaded
from notifications.enums import (
    OPEN_STATUSES,
    CarrierEventKind,
    DeliveryStatus,
    PatientNotificationChannel,
    PatientNotificationType,
    PlanStatus,
    TimelineKind,
)
from notifications.facts import facts_for
from notifications.history.codes import code_in_words
from notifications.history.entries import (
    ChannelLine,
    Gate,
    Message,
    Planned,
    ReceiptLine,
    Timeline,
    Try,
)
from notifications.history.happenings import Cursor, Reader, happenings
from notifications.history.message import HistoryEntry, calls_about, what_the_patient_did
from notifications.history.words import channel_label, gate_label, is_asked, words_for
from notifications.models import (
    CarrierEvent,
    ContactPoint,
    Delivery,
    DeliveryAttempt,
    PatientNotification,
    ScheduledNotification,
)

NEXT_PLANS = 10


def timeline(
    *, patient_id: UUID, before: str, limit: int, kinds: Collection[TimelineKind]
) -> Timeline:
    """Return one page of what happened to a patient, of the kinds wanted, and what is planned.

    Plans are on the first page only. Raises Refused for a cursor that is none.
    """
    reader = Reader(patient_id=patient_id, before=Cursor.read(before), limit=limit)
    addresses = {row.pk: row for row in ContactPoint.objects.filter(patient_id=patient_id)}
    found = happenings(reader, kinds=kinds, addresses=addresses)
    rows = _messages(reader) if TimelineKind.MESSAGE in kinds else []
    marks = [(each.at, each.id) for each in found]
    marks += [(row.created_at, row.pk) for row in rows]
    shown = set(sorted(marks, reverse=True)[:limit])
    with keys_loaded([patient_id]):
        entries = _told([row for row in rows if (row.created_at, row.pk) in shown])
    entries += [each for each in found if (each.at, each.id) in shown]
    entries.sort(key=lambda each: (each.at, each.id), reverse=True)
    is_more = len(marks) > limit
    return Timeline(
        entries=entries,
        planned=[] if before else _planned(patient_id),
        older=str(Cursor(at=entries[-1].at, id=entries[-1].id)) if is_more else "",
    )


def _messages(reader: Reader) -> list[PatientNotification]:
    rows = PatientNotification.objects.filter(patient_id=reader.patient_id)
    return reader.page_of(rows.defer("message", "metadata"), moment="created_at")


def _planned(patient_id: UUID) -> list[Planned]:
    rows = ScheduledNotification.objects.filter(patient_id=patient_id, status=PlanStatus.PLANNED)
    return [
        Planned(
            id=row.pk,
            due_at=row.due_at,
            label=str(PatientNotificationType.get(row.type).label),
            rule=row.rule,
            subject=row.subject,
        )
        for row in rows.defer("payload").order_by("due_at", "id")[:NEXT_PLANS]
    ]


# -- messages -----------------------------------------------------------------------------------


def _told(rows: Sequence[PatientNotification]) -> list[Message]:
    """Return messages with their channels, in a fixed number of queries."""
    deliveries = _deliveries({row.pk: row for row in rows})
    receipts = _receipts([row.pk for row in deliveries])
    to = {row.pk: contacts.masked(row.contact) if row.contact else "" for row in deliveries}
    gates = _gates(deliveries)  # last: it puts the address of today into each row
    lines: dict[UUID, list[ChannelLine]] = defaultdict(list)
    for row in deliveries:
        line = _line(row, to=to[row.pk], receipts=receipts[row.pk], gates=gates.get(row.pk, []))
        lines[row.notification_id].append(line)
    calls = calls_about(rows)
    return [_message(row, channels=lines[row.pk], calls=calls[row.pk]) for row in rows]


def _message(
    row: PatientNotification, *, channels: list[ChannelLine], calls: list[HistoryEntry]
) -> Message:
    return Message(
        id=row.pk,
        at=row.created_at,
        actor=row.created_by,
        label=str(PatientNotificationType.get(row.type).label),
        title=row.title,
        language=row.language,
        priority=row.priority,
        subject=row.subject,
        channels=channels,
        acts=[*what_the_patient_did(row), *calls],
    )


def _deliveries(notifications: Mapping[UUID, PatientNotification]) -> list[Delivery]:
    tries = DeliveryAttempt.objects.defer("snapshot").order_by("number")
    rows = Delivery.objects.filter(notification_id__in=notifications.keys())
    rows = rows.select_related("contact").prefetch_related(Prefetch("tries", queryset=tries))
    found = list(rows.order_by("channel", "id"))
    for row in found:
        row.notification = notifications[row.notification_id]
    return found


def _line(row: Delivery, *, to: str, receipts: list[ReceiptLine], gates: list[Gate]) -> ChannelLine:
    return ChannelLine(
        delivery_id=row.pk,
        channel=row.channel,
        label=channel_label(row.channel),
        address=to,
        status=row.status,
        says=words_for(row),
        reason=row.reason,
        next_step=rendering.next_step(row.reason) if row.reason and not row.handled_at else "",
        at=row.status_at,
        due_at=row.due_at if row.status in OPEN_STATUSES else None,
        handled_at=row.handled_at,
        tries=[_try(attempt) for attempt in row.tries.all()],
        receipts=receipts,
        gates=gates,
    )


def _try(attempt: DeliveryAttempt) -> Try:
    return Try(
        number=attempt.number,
        at=attempt.finished_at or attempt.started_at,
        result=str(attempt.get_result_display()),
        code=attempt.code,
        means=code_in_words(attempt.code),
        provider_id=attempt.provider_id,
    )


def _receipts(delivery_ids: Sequence[UUID]) -> Mapping[UUID, list[ReceiptLine]]:
    found: dict[UUID, list[ReceiptLine]] = defaultdict(list)
    events = CarrierEvent.objects.filter(
        delivery_id__in=delivery_ids, kind=CarrierEventKind.RECEIPT
    )
    for event in events.order_by("received_at", "id"):
        outcome = str(event.get_outcome_display()) or _("Still to be looked at")
        line = ReceiptLine(at=event.received_at, said=_receipt_said(event), outcome=outcome)
        found[event.delivery_id].append(line)
    return found


def _receipt_said(event: CarrierEvent) -> str:
    """Return a receipt's status in our words and its code; nothing else it holds (H-02)."""
    status, code = event.content.get("status") or "", event.content.get("code") or ""
    word = DeliveryStatus(status).label if status in DeliveryStatus.values else ""
    return " ".join(str(each) for each in (word, code) if each)


def _gates(rows: Sequence[Delivery]) -> Mapping[UUID, list[Gate]]:
    """Return what `policy` says of each delivery now. The price: rows get today's address."""
    known = [row for row in rows if row.channel in PatientNotificationChannel]
    facts = facts_for(deliveries=known, now=clock.now())
    return {
        row.pk: [
            _gate(name, objection)
            for name, objection in policy.explain(each)
            if is_asked(name, kind=PatientNotificationChannel.known(row.channel).contact_kind)
        ]
        for row, each in zip(known, facts, strict=True)
    }


def _gate(name: str, objection: policy.Decision | None) -> Gate:
    if objection is None:
        return Gate(asks=gate_label(name))
    said = rendering.sentence(reason=objection.reason, params=objection.params)
    return Gate(asks=gate_label(name), objection=said)

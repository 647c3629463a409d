"""The front door: everything that happens to a patient's notifications goes through here.

Calls read as English; each change is one transaction that also writes the inbox's event and the
audit row. Another patient's notification does not exist: PatientNotification.DoesNotExist.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from notifications import audit, clock, delivery, history, inbox, policy, realtime, rendering
from notifications.channels.base import Channel
from notifications.crypto import keys_loaded, new_id
from notifications.enums import (
    AuditAction,
    ContactKind,
    ContactStatus,
    DeliveryStatus,
    InboxEventKind,
    PatientNotificationChannel,
    PatientNotificationPriority,
    PatientNotificationType,
)
from notifications.facts import GONE, best_contact, facts_for, profiles_for
from notifications.history import Explanation, HistoryEntry
from notifications.inbox import Apply, Changes, Page, ReadBatch
from notifications.models import ContactPoint, Delivery, PatientNotification
from notifications.types import NotificationPayload, PatientProfile, Refused

CHUNK = 500


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A message about to be made."""

    patient_id: UUID
    payload: NotificationPayload
    key: str = ""
    priority: PatientNotificationPriority
    subject: str = ""
    actor: str = "system:service"
    id: UUID = field(default_factory=new_id)


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What would go out on one channel now, and why or why not."""

    channel: str
    decision: policy.Decision
    content: dict[str, str]


class PatientNotificationService:
    """Create, list, read, dismiss, archive and explain a patient's notifications."""

    # -- making -----------------------------------------------------------------------------

    def create_notification(
        self,
        *,
        patient_id: UUID,
        payload: NotificationPayload,
        key: str = "",
        priority: PatientNotificationPriority | str | None = None,
        actor_id: UUID | None = None,
        subject: str = "",
    ) -> PatientNotification:
        """Make a message and its deliveries in the caller's transaction, and return it.

        The same `key` for the same patient returns the row that is there. `subject` names what
        it is about, such as `appointment:<id>`. Raises ValueError for an unknown type or
        priority, Refused for an unknown patient.
        """
        draft = Draft(
            patient_id=patient_id,
            payload=payload,
            key=key,
            priority=_priority(payload, priority),
            subject=subject,
            actor=f"user:{actor_id}" if actor_id else "system:service",
        )
        return _create([draft])[0]

    def create_many(
        self,
        *,
        patient_ids: Iterable[UUID],
        build: Callable[[UUID], NotificationPayload],
        key: Callable[[UUID], str],
        actor_id: UUID | None = None,
    ) -> int:
        """Make one message for each patient, in chunks; return how many were new.

        `key` makes a second run, or the rest of an interrupted one, harmless.
        """
        remaining, made = iter(sorted(set(patient_ids))), 0
        actor = f"user:{actor_id}" if actor_id else "system:service"
        while chunk := list(islice(remaining, CHUNK)):
            drafts = [_draft(patient_id, build, key, actor) for patient_id in chunk]
            ids = {draft.id for draft in drafts}
            made += sum(row.pk in ids for row in _create(drafts))
        return made

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Answer `create_<type>` and `acreate_<type>` for every registered type."""
        verb, _sep, type_key = name.partition("_")
        if verb not in ("create", "acreate") or type_key not in PatientNotificationType:
            raise AttributeError(f"{type(self).__name__} has no {name}")

        def create(
            *,
            patient_id: UUID,
            payload: NotificationPayload,
            priority: PatientNotificationPriority | str | None = None,
        ) -> PatientNotification:
            _refuse_other_type(payload, type_key)
            return self.create_notification(
                patient_id=patient_id, payload=payload, priority=priority
            )

        return create if verb == "create" else sync_to_async(create)

    # -- reading ----------------------------------------------------------------------------

    def inbox(
        self,
        *,
        patient_id: UUID,
        status: str = "inbox",
        unread_only: bool = False,
        type_key: str = "",
        category: str = "",
        before: str = "",
        limit: int = 50,
    ) -> Page:
        """Return a page, newest first. Raises Refused naming the argument that is wrong."""
        return inbox.page(
            patient_id=patient_id,
            status=status,
            unread_only=unread_only,
            type_key=type_key,
            category=category,
            before=before,
            limit=limit,
        )

    def get(self, *, patient_id: UUID, notification_id: UUID) -> PatientNotification:
        return PatientNotification.objects.get(patient_id=patient_id, pk=notification_id)

    def unread_count(self, *, patient_id: UUID) -> int:
        """Return what the badge shows: unread and not dismissed, archived, snoozed or expired."""
        return realtime.position(patient_id=patient_id)[1]

    def changes_since(self, *, patient_id: UUID, seq: int) -> Changes:
        return inbox.changes_since(patient_id=patient_id, seq=seq)

    def history(self, *, patient_id: UUID, notification_id: UUID) -> list[HistoryEntry]:
        """Return what happened to a message on every channel, oldest first."""
        return history.history(self.get(patient_id=patient_id, notification_id=notification_id))

    def explain(self, *, patient_id: UUID, notification_id: UUID) -> list[Explanation]:
        """Return the gates of every channel in order, as they stand now."""
        return history.explain(self.get(patient_id=patient_id, notification_id=notification_id))

    def preview(self, *, patient_id: UUID, payload: NotificationPayload) -> list[Preview]:
        """Return what would go out now, a channel each, by the function that sends."""
        profile = _profiles([patient_id])[patient_id]
        draft = Draft(patient_id=patient_id, payload=payload, priority=_priority(payload, None))
        row = _notification(draft, profile, seq=0)
        rows = _candidates(row, _contacts([patient_id]).get(patient_id, []))
        known = facts_for(deliveries=rows, now=clock.now())
        return [
            _preview(each, facts, payload, profile) for each, facts in zip(rows, known, strict=True)
        ]

    # -- changing ---------------------------------------------------------------------------

    def open(
        self, *, patient_id: UUID, notification_id: UUID, actor_id: UUID | None = None
    ) -> PatientNotification:
        """Read a message. A look by anyone but the patient is audited as such."""
        row = self.mark_read(
            patient_id=patient_id, notification_id=notification_id, actor_id=actor_id
        )
        if actor_id and actor_id != patient_id:
            audit.record(
                action=AuditAction.VIEWED,
                actor=f"user:{actor_id}",
                patient_id=patient_id,
                obj=row,
            )
        return row

    def mark_read(
        self, *, patient_id: UUID, notification_id: UUID, actor_id: UUID | None = None
    ) -> PatientNotification:
        return self._change(
            patient_id, notification_id, actor_id, InboxEventKind.READ, inbox.reading
        )

    def mark_unread(
        self, *, patient_id: UUID, notification_id: UUID, actor_id: UUID | None = None
    ) -> PatientNotification:
        return self._change(
            patient_id, notification_id, actor_id, InboxEventKind.UNREAD, inbox.unreading
        )

    def dismiss(
        self, *, patient_id: UUID, notification_id: UUID, actor_id: UUID | None = None
    ) -> PatientNotification:
        return self._change(
            patient_id, notification_id, actor_id, InboxEventKind.DISMISSED, inbox.dismissing
        )

    def archive(
        self, *, patient_id: UUID, notification_id: UUID, actor_id: UUID | None = None
    ) -> PatientNotification:
        return self._change(
            patient_id, notification_id, actor_id, InboxEventKind.ARCHIVED, inbox.archiving
        )

    def restore(
        self, *, patient_id: UUID, notification_id: UUID, actor_id: UUID | None = None
    ) -> PatientNotification:
        """Bring back what was dismissed, archived or snoozed; its read state is kept."""
        return self._change(
            patient_id, notification_id, actor_id, InboxEventKind.RESTORED, inbox.restoring
        )

    def snooze(
        self,
        *,
        patient_id: UUID,
        notification_id: UUID,
        until: datetime,
        actor_id: UUID | None = None,
    ) -> PatientNotification:
        """Hide a message until a moment (aware); then it comes back unread. Raises Refused."""
        apply = inbox.snoozing(until)
        return self._change(patient_id, notification_id, actor_id, InboxEventKind.SNOOZED, apply)

    def act(
        self,
        *,
        patient_id: UUID,
        notification_id: UUID,
        action: str,
        actor_id: UUID | None = None,
    ) -> PatientNotification:
        """Mark a message as answered, once. Raises Refused for what it does not ask."""
        apply = inbox.acting(action)
        return self._change(patient_id, notification_id, actor_id, InboxEventKind.ACTED, apply)

    def mark_all_read(
        self,
        *,
        patient_id: UUID,
        up_to: int | None = None,
        category: str = "",
        type_key: str = "",
        actor_id: UUID | None = None,
    ) -> ReadBatch:
        """Mark the unread up to a `seq` and within a filter as read; the batch undoes it."""
        return inbox.mark_all_read(
            patient_id=patient_id,
            up_to=up_to,
            category=category,
            type_key=type_key,
            actor=f"user:{actor_id or patient_id}",
        )

    def undo_read(self, *, patient_id: UUID, batch: UUID, actor_id: UUID | None = None) -> int:
        """Make a batch unread again; return how many."""
        actor = f"user:{actor_id or patient_id}"
        return inbox.undo_read(patient_id=patient_id, batch=batch, actor=actor)

    def _change(
        self,
        patient_id: UUID,
        notification_id: UUID,
        actor_id: UUID | None,
        event: InboxEventKind,
        apply: Apply,
    ) -> PatientNotification:
        return inbox.change(
            patient_id=patient_id,
            notification_id=notification_id,
            event=event,
            apply=apply,
            actor=f"user:{actor_id or patient_id}",
        )


# -- making a message ---------------------------------------------------------------------------


def _priority(
    payload: NotificationPayload, wanted: PatientNotificationPriority | str | None
) -> PatientNotificationPriority:
    if wanted is None:
        return payload.priority
    if wanted not in PatientNotificationPriority.values:
        known = ", ".join(PatientNotificationPriority.values)
        raise ValueError(f"{wanted!r} is not a known priority; known are: {known}")
    return PatientNotificationPriority(wanted)


def _refuse_other_type(payload: NotificationPayload, type_key: str) -> None:
    if payload.type_key != type_key:
        expected = PatientNotificationType.known(type_key).__name__
        raise TypeError(f"create_{type_key} takes {expected}, not {type(payload).__name__}")


def _draft(
    patient_id: UUID,
    build: Callable[[UUID], NotificationPayload],
    key: Callable[[UUID], str],
    actor: str,
) -> Draft:
    payload = build(patient_id)
    return Draft(
        patient_id=patient_id,
        payload=payload,
        key=key(patient_id),
        priority=payload.priority,
        actor=actor,
    )


@transaction.atomic
def _create(drafts: Sequence[Draft]) -> list[PatientNotification]:
    """Write messages, one a patient, with deliveries, events and audit rows."""
    for draft in drafts:
        PatientNotificationType.known(draft.payload.type_key)
    patient_ids = [draft.patient_id for draft in drafts]
    profiles = _profiles(patient_ids)
    realtime.lock_all(patient_ids=patient_ids)
    there = _already_there(drafts)
    fresh = [draft for draft in drafts if (draft.patient_id, draft.key) not in there]
    with keys_loaded(patient_ids, create=True):
        made = {row.pk: row for row in _write(fresh, profiles)}
    if made:
        delivery.wake_after_commit()
    return [there.get((draft.patient_id, draft.key)) or made[draft.id] for draft in drafts]


def _profiles(patient_ids: Sequence[UUID]) -> dict[UUID, PatientProfile]:
    profiles = profiles_for(patient_ids)
    unknown = set(patient_ids) - profiles.keys()
    if unknown:
        raise Refused(_("There is no such patient."), field="patient_id")
    return profiles


def _already_there(drafts: Sequence[Draft]) -> dict[tuple[UUID, str], PatientNotification]:
    """Return the rows whose key was used before; asked under the patients' locks."""
    keyed = [draft for draft in drafts if draft.key]
    if not keyed:
        return {}
    rows = PatientNotification.objects.filter(
        Q(patient_id__in=[draft.patient_id for draft in keyed]),
        key__in={draft.key for draft in keyed},
    )
    return {(row.patient_id, row.key): row for row in rows}


def _write(
    drafts: Sequence[Draft], profiles: dict[UUID, PatientProfile]
) -> list[PatientNotification]:
    if not drafts:
        return []
    events = realtime.record_created(
        rows=[(draft.patient_id, draft.id, str(draft.priority)) for draft in drafts]
    )
    contacts = _contacts([draft.patient_id for draft in drafts])
    rows = [
        _notification(draft, profiles[draft.patient_id], seq=events[draft.patient_id].seq)
        for draft in drafts
    ]
    PatientNotification.objects.bulk_create(rows)
    Delivery.objects.bulk_create(
        [each for row in rows for each in _candidates(row, contacts.get(row.patient_id, []))]
    )
    audit.record_many(
        action=AuditAction.CREATED,
        actor=drafts[0].actor,
        rows=[(row.patient_id, row) for row in rows],
    )
    return rows


def _notification(draft: Draft, profile: PatientProfile, *, seq: int) -> PatientNotification:
    title, message = rendering.message_for(payload=draft.payload, profile=profile)
    return PatientNotification(
        id=draft.id,
        patient_id=draft.patient_id,
        seq=seq,
        type=draft.payload.type_key,
        priority=draft.priority,
        title=title,
        message=message,
        language=profile.language,
        action_url=_own_path(draft.payload.action_url()),
        metadata=draft.payload.metadata(),
        payload=draft.payload.dump(),
        key=draft.key,
        subject=draft.subject,
        created_by=draft.actor,
        created_at=clock.now(),
        expires_at=draft.payload.expires_at(),
    )


def _own_path(path: str) -> str:
    """Return a path of this site. Raises ValueError for an address elsewhere (S-09)."""
    clean = path.isascii() and path.isprintable() and "\\" not in path and "%0" not in path.lower()
    if path and not (clean and path.startswith("/") and not path.startswith("//")):
        raise ValueError("action_url() must be a path of this site, such as /visits/")
    return path


def _contacts(patient_ids: Sequence[UUID]) -> dict[UUID, list[ContactPoint]]:
    rows = ContactPoint.objects.filter(patient_id__in=patient_ids).exclude(status__in=GONE)
    found: dict[UUID, list[ContactPoint]] = {}
    for contact in rows.order_by("created_at"):
        found.setdefault(contact.patient_id, []).append(contact)
    return found


def _candidates(row: PatientNotification, contacts: Sequence[ContactPoint]) -> list[Delivery]:
    """Return a delivery for every channel and address; policy decides on each at its claim."""
    return [
        _candidate(row, channel, contact)
        for channel in PatientNotificationChannel.classes()
        for contact in _addresses(channel, contacts)
    ]


def _addresses(
    channel: type[Channel], contacts: Sequence[ContactPoint]
) -> Sequence[ContactPoint | None]:
    """Every device, but one e-mail and one number; None stands for "no address"."""
    same = [contact for contact in contacts if contact.kind == channel.contact_kind]
    if channel.contact_kind == ContactKind.PUSH:
        return [each for each in same if each.status == ContactStatus.ACTIVE] or [None]
    return [best_contact(same)]


def _candidate(
    row: PatientNotification, channel: type[Channel], contact: ContactPoint | None
) -> Delivery:
    is_here = channel.contact_kind is None  # delivered by the notification's own row
    return Delivery(
        notification=row,
        channel=channel.key,
        contact=contact,
        status=DeliveryStatus.DELIVERED if is_here else DeliveryStatus.PLANNED,
        rank=PatientNotificationPriority(row.priority).rank,
        level=channel.ceiling if is_here else 0,
        due_at=row.created_at,
        expires_at=row.expires_at,
        created_at=row.created_at,
        status_at=row.created_at,
    )


def _preview(
    row: Delivery, facts: policy.Facts, payload: NotificationPayload, profile: PatientProfile
) -> Preview:
    decision = policy.decide(facts)
    channel = PatientNotificationChannel.known(row.channel)
    content = rendering.render(
        payload=payload,
        parts=channel.parts,
        level=channel.ceiling if channel.contact_kind is None else decision.level,
        profile=profile,
        links=delivery.links_for(row, payload_class=type(payload), profile=profile),
    )
    return Preview(channel=row.channel, decision=decision, content=content)


patient_notification_service = PatientNotificationService()

"""The front door: everything that happens to a patient's notifications goes through here.

Calls read as English; each change is one transaction that also writes the inbox's event and the
audit row. Another patient's notification does not exist: PatientNotification.DoesNotExist.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async

from notifications import audit, creation, history, inbox, previews, realtime
from notifications.enums import (
    AuditAction,
    InboxEventKind,
    PatientNotificationPriority,
    PatientNotificationType,
    TimelineKind,
)
from notifications.history import Explanation, HistoryEntry, Sent, Timeline
from notifications.inbox import Change, ManyChanged, Page, ReadBatch
from notifications.models import PatientNotification
from notifications.previews import Preview
from notifications.realtime import Changes
from notifications.types import NotificationPayload


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
        actor: str = "",
        subject: str = "",
    ) -> PatientNotification:
        """Make a message and its deliveries in the caller's transaction, and return it.

        The same `key` for the same patient returns the row that is there. `subject` names what
        it is about, such as `appointment:<id>`; `actor` is a job such as `system:import`.
        Raises ValueError for an unknown type or priority, Refused for an unknown patient and for
        one who died or left.
        """
        draft = creation.Draft(
            patient_id=patient_id,
            payload=payload,
            key=key,
            priority=creation.priority_of(payload, priority),
            subject=subject,
            actor=actor or (f"user:{actor_id}" if actor_id else "system:service"),
        )
        return creation.create([draft])[0]

    def create_many(
        self,
        *,
        patient_ids: Iterable[UUID],
        build: Callable[[UUID], NotificationPayload],
        key: Callable[[UUID], str],
        actor_id: UUID | None = None,
    ) -> int:
        """Make one message for each patient, in chunks; return how many were new.

        Who died or left is left out.
        `key` makes a second run, or the rest of an interrupted one, harmless.
        """
        actor = f"user:{actor_id}" if actor_id else "system:service"
        return creation.create_many(patient_ids=patient_ids, build=build, key=key, actor=actor)

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

    def unread_count(
        self, *, patient_id: UUID, category: str = "", up_to: int | None = None
    ) -> int:
        """Return what the badge shows: unread and not dismissed, archived, snoozed or expired.

        With a category or a `seq`, what `mark_all_read` would cover. Raises Refused.
        """
        if category or up_to is not None:
            return inbox.count_unread(patient_id=patient_id, category=category, up_to=up_to)
        return realtime.position(patient_id=patient_id)[1]

    def changes_since(self, *, patient_id: UUID, seq: int) -> Changes:
        (changes,) = realtime.changes_since(positions=[(patient_id, seq)])
        return changes

    def history(self, *, patient_id: UUID, notification_id: UUID) -> list[HistoryEntry]:
        """Return what happened to a message on every channel, oldest first."""
        return history.history(self.get(patient_id=patient_id, notification_id=notification_id))

    def explain(self, *, patient_id: UUID, notification_id: UUID) -> list[Explanation]:
        """Return the gates of every channel in order, as they stand now."""
        return history.explain(self.get(patient_id=patient_id, notification_id=notification_id))

    def timeline(
        self, *, patient_id: UUID, kinds: Collection[str], before: str = "", limit: int = 20
    ) -> Timeline:
        """Return a page of all that happened to a patient, newest first. Raises Refused."""
        wanted = {TimelineKind(kind) for kind in kinds}
        return history.timeline(patient_id=patient_id, kinds=wanted, before=before, limit=limit)

    def sent(self, *, patient_id: UUID, channel: str = "", before: str = "") -> Sent:
        """Return a page of all that was sent, on one channel or any. Raises Refused."""
        return history.sent(patient_id=patient_id, channel=channel, before=before)

    def preview(self, *, patient_id: UUID, payload: NotificationPayload) -> list[Preview]:
        """Return what would go out now, a channel each, and when, by the function that sends."""
        return previews.preview(patient_id=patient_id, payload=payload)

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
        return self._change(patient_id, notification_id, actor_id, inbox.CHANGES["read"])

    def mark_unread(
        self, *, patient_id: UUID, notification_id: UUID, actor_id: UUID | None = None
    ) -> PatientNotification:
        return self._change(patient_id, notification_id, actor_id, inbox.CHANGES["unread"])

    def dismiss(
        self, *, patient_id: UUID, notification_id: UUID, actor_id: UUID | None = None
    ) -> PatientNotification:
        return self._change(patient_id, notification_id, actor_id, inbox.CHANGES["dismiss"])

    def archive(
        self, *, patient_id: UUID, notification_id: UUID, actor_id: UUID | None = None
    ) -> PatientNotification:
        return self._change(patient_id, notification_id, actor_id, inbox.CHANGES["archive"])

    def restore(
        self, *, patient_id: UUID, notification_id: UUID, actor_id: UUID | None = None
    ) -> PatientNotification:
        """Bring back what was dismissed, archived or snoozed; its read state is kept."""
        return self._change(patient_id, notification_id, actor_id, inbox.CHANGES["restore"])

    def snooze(
        self,
        *,
        patient_id: UUID,
        notification_id: UUID,
        until: datetime,
        actor_id: UUID | None = None,
    ) -> PatientNotification:
        """Hide a message until a moment (aware); then it comes back unread. Raises Refused."""
        change = (InboxEventKind.SNOOZED, inbox.snoozing(until))
        return self._change(patient_id, notification_id, actor_id, change)

    def act(
        self, *, patient_id: UUID, notification_id: UUID, action: str, actor: str = ""
    ) -> PatientNotification:
        """Mark a message as answered, once, by the patient unless another `actor` is named.

        Raises Refused for what it does not ask.
        """
        return inbox.change(
            patient_id=patient_id,
            notification_id=notification_id,
            event=InboxEventKind.ACTED,
            apply=inbox.acting(action),
            actor=actor or f"user:{patient_id}",
        )

    def change_many(
        self,
        *,
        patient_id: UUID,
        notification_ids: Collection[UUID],
        change: str,
        actor_id: UUID | None = None,
    ) -> ManyChanged:
        """Do one thing (`read unread dismiss archive restore`) with all of 1 to 100 messages.

        One transaction; one that is not theirs stops it: DoesNotExist. Raises Refused.
        """
        actor = f"user:{actor_id or patient_id}"
        return inbox.change_many(
            patient_id=patient_id, notification_ids=notification_ids, name=change, actor=actor
        )

    def mark_seen(self, *, patient_id: UUID, rows: Sequence[PatientNotification]) -> int:
        """Note that a list of messages was drawn: statistics, and nobody is told."""
        return inbox.mark_seen(patient_id=patient_id, rows=rows)

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
        change: Change,
    ) -> PatientNotification:
        event, apply = change
        who = {"patient_id": patient_id, "actor": f"user:{actor_id or patient_id}"}
        return inbox.change(**who, notification_id=notification_id, event=event, apply=apply)


def _refuse_other_type(payload: NotificationPayload, type_key: str) -> None:
    if payload.type_key != type_key:
        expected = PatientNotificationType.known(type_key).__name__
        raise TypeError(f"create_{type_key} takes {expected}, not {type(payload).__name__}")


patient_notification_service = PatientNotificationService()

"""The wire shapes: what a notification and a preference look like in answers and frames.

Built by hand: a page of them is most of what the API ever sends. The serializers describe the
same keys for the schema, and a test holds the two together.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from notifications.crypto import keys_loaded
from notifications.enums import PatientNotificationType
from notifications.models import InboxEvent, PatientNotification
from notifications.preferences import TypePreference

SWITCHES = ("email_enabled", "sms_enabled", "in_app_enabled", "push_enabled")


def notification(row: PatientNotification) -> dict[str, Any]:
    """Return a notification as clients know it; the first nine keys are the old contract."""
    return {
        "id": str(row.pk),
        "type": row.type,
        "title": row.title,
        "message": row.message,
        "created_at": moment(row.created_at),
        "is_read": row.read_at is not None,
        "priority": row.priority,
        "action_url": row.action_url,
        "metadata": row.metadata,
        "seq": row.seq,
        "category": str(PatientNotificationType.get(row.type).category),
        "language": row.language,
        "status": status(row),
        "seen_at": moment(row.seen_at),
        "read_at": moment(row.read_at),
        "acted_at": moment(row.acted_at),
        "dismissed_at": moment(row.dismissed_at),
        "archived_at": moment(row.archived_at),
        "snoozed_until": moment(row.snoozed_until),
        "expires_at": moment(row.expires_at),
        "expired_at": moment(row.expired_at),
    }


def notifications(rows: Sequence[PatientNotification]) -> list[dict[str, Any]]:
    """Return several notifications, opening each patient's key once."""
    with keys_loaded({row.patient_id for row in rows}):
        return [notification(row) for row in rows]


def status(row: PatientNotification) -> str:
    """Return the list a notification is in, by the name the list's filter uses."""
    if row.dismissed_at:
        return "dismissed"
    if row.archived_at:
        return "archived"
    return "snoozed" if row.snoozed_until else "inbox"


def preference(choice: TypePreference) -> dict[str, Any]:
    """Return a type's switches; the four channels of the contract are there, set up or not."""
    return dict.fromkeys(("notification_type", *SWITCHES), False) | choice.as_dict()


def moment(value: datetime | None) -> str | None:
    """Return a time as ISO 8601 in UTC, such as 2026-11-24T14:30:00.125000Z."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def event(change: InboxEvent, *, names_row: bool) -> dict[str, Any]:
    """Return a change of the inbox without any text; an urgent one can be told by its priority."""
    shape = {"event": change.kind, "unread": change.unread, "seq": change.seq}
    if change.priority:
        shape["priority"] = change.priority
    if names_row and change.notification_id:
        shape["id"] = str(change.notification_id)
    return shape

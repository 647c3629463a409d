"""What reading, and taking that back, means for the calls the desk is to make about messages."""

from collections.abc import Collection
from uuid import UUID

from notifications import calls
from notifications.enums import CallOutcome
from notifications.facts import payload_in
from notifications.models import PatientNotification


def has_been_read(*, notification_ids: Collection[UUID], actor: str) -> None:
    """Take messages that were read or answered off the desk's list."""
    calls.settle(notification_ids=notification_ids, outcome=CallOutcome.ANSWERED, actor=actor)


def is_unread_again(*, notification_ids: Collection[UUID], actor: str) -> None:
    """Put messages back on the desk's list, unless what they ask has been answered otherwise."""
    about = calls.answered_about(notification_ids=notification_ids)
    if about:
        standing = [row.pk for row in about if _still_asks(row)]
        calls.reopen(notification_ids=standing, actor=actor)


def _still_asks(row: PatientNotification) -> bool:
    payload = payload_in(row)
    return payload is not None and payload not in type(payload).irrelevant([payload])

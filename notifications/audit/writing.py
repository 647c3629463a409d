"""Writing rows: one at a time, many at once, and refusals at most once a minute."""

import re
from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID, uuid5

from django.db.models import Model

from notifications import clock
from notifications.audit.fingerprints import mac_of_event
from notifications.crypto import audit_keys
from notifications.enums import AuditAction
from notifications.models import AuditEvent

CARRIERS = "system:webhooks"  # whoever calls where carriers call
ACTOR = re.compile(r"user:[0-9a-f-]{36}|system:[\w.:-]{1,60}")
CODE = re.compile(r"[\w.:/+-]{0,200}", re.ASCII)
PHONE = re.compile(r"\+?\d{10,15}")
DENIALS = UUID("6f3c9a52-8a0e-4b8e-9c57-0d9be0f1c0de")  # the namespace of the ids of refusals
ROWS_A_STATEMENT = 500


def record(
    *,
    action: AuditAction,
    actor: str,
    patient_id: UUID | None = None,
    obj: Model | None = None,
    **details: Any,
) -> AuditEvent:
    """Write one row in the caller's transaction.

    Raises ValueError for an actor that is nobody, and for a detail that is no id or code.
    """
    event = _event(action=action, actor=actor, patient_id=patient_id, obj=obj, details=details)
    event.save(force_insert=True)
    return event


def record_many(
    *,
    action: AuditAction,
    actor: str,
    rows: Iterable[tuple[UUID | None, Model | None]],
    **details: Any,
) -> None:
    """Write one row for each (patient id, object), in few statements. Raises as `record` does."""
    each = ((patient_id, obj, details) for patient_id, obj in rows)
    record_each(action=action, actor=actor, rows=each)


def record_each(
    *,
    action: AuditAction,
    actor: str,
    rows: Iterable[tuple[UUID | None, Model | None, dict[str, Any]]],
) -> None:
    """Write one row for each (patient id, object, details), as `record_many` does."""
    events = [
        _event(action=action, actor=actor, patient_id=patient_id, obj=obj, details=details)
        for patient_id, obj, details in rows
    ]
    if events:
        AuditEvent.objects.bulk_create(events, batch_size=ROWS_A_STATEMENT)


def record_denied(*, actor: str, route: str) -> None:
    """Write that an actor was refused: one row an actor, route and minute, however often."""
    event = _event(
        action=AuditAction.DENIED, actor=actor, patient_id=None, obj=None, details={"route": route}
    )
    event.id = uuid5(DENIALS, f"{actor} {route} {event.at:%Y-%m-%dT%H:%M}")
    event.mac = mac_of_event(event)
    AuditEvent.objects.bulk_create([event], ignore_conflicts=True)


def actor_of(user: Any) -> str:
    """Return the actor a request's user is. Raises ValueError for no user at all."""
    if user is None:
        raise ValueError("an audit row needs an actor: a user, or system:<job>")
    return f"user:{user.pk}" if user.is_authenticated else "system:anonymous"


def _event(
    *, action: AuditAction, actor: str, patient_id: UUID | None, obj: Model | None, details: dict
) -> AuditEvent:
    if not ACTOR.fullmatch(actor or ""):
        raise ValueError("an audit row needs an actor: user:<id> or system:<job>")
    event = AuditEvent(
        at=clock.real_now(),
        actor=actor,
        action=AuditAction(action),
        patient_id=UUID(str(patient_id)) if patient_id else None,
        object_type=obj._meta.model_name if obj is not None else "",
        object_id=str(obj.pk) if obj is not None else "",
        details={name: _code(name=name, value=value) for name, value in details.items()},
        key_version=next(iter(audit_keys())),
    )
    event.mac = mac_of_event(event)
    return event


def _code(*, name: str, value: Any) -> Any:
    """Return a detail as JSON keeps it. Raises ValueError for what may be somebody's data."""
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_code(name=name, value=item) for item in value]
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    if not CODE.fullmatch(text) or PHONE.fullmatch(text):
        raise ValueError(f"the audit detail {name!r} must be an id or a code")
    return text

"""The audit trail: who did what to whom, in rows that cannot be changed without it showing.

A row is written in the caller's transaction and carries an HMAC of its own, so nobody who writes
waits for anybody else. The clock seals what was committed in blocks, each seal over the one before
it and the ids of its rows: what is younger than a minute may still be unsealed, and that is the
window in which a deleted row would not be missed. The mac of a day's first seal is also written to
the log, which is kept outside the database, so that a cut-off end shows as well.

Actors are `user:<id>` for people and `system:<job>` for programs. Details hold ids and codes.
"""

import hashlib
import hmac
import json
import logging
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet

from notifications import clock
from notifications.crypto import audit_keys
from notifications.enums import AuditAction
from notifications.models import AuditEvent, AuditSeal

logger = logging.getLogger(__name__)

WINDOW = timedelta(seconds=60)  # how long a row may stay unsealed
SETTLED = timedelta(seconds=5)  # a younger row may have older ones beside it, not yet committed
# A row of a transaction that took longer than this would be left out, and `verify` would name it.
LONGEST_TRANSACTION = timedelta(minutes=15)
BLOCK = 5000
CHUNK = 500  # ids a query: SQLite takes few parameters
RETENTION = timedelta(days=6 * 366)  # 45 CFR 164.316(b)(2)(i): six years
ACTOR = re.compile(r"user:[0-9a-f-]{36}|system:[\w.:-]{1,60}")
CODE = re.compile(r"[\w.:/+-]{0,200}", re.ASCII)
PHONE = re.compile(r"\+?\d{10,15}")
DENIALS = UUID("6f3c9a52-8a0e-4b8e-9c57-0d9be0f1c0de")  # the namespace of the ids of refusals


# -- writing ------------------------------------------------------------------------------------


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
    events = [
        _event(action=action, actor=actor, patient_id=patient_id, obj=obj, details=details)
        for patient_id, obj in rows
    ]
    AuditEvent.objects.bulk_create(events, batch_size=CHUNK)


def record_denied(*, actor: str, route: str) -> None:
    """Write that an actor was refused: one row an actor, route and minute, however often."""
    event = _event(
        action=AuditAction.DENIED, actor=actor, patient_id=None, obj=None, details={"route": route}
    )
    event.id = uuid5(DENIALS, f"{actor} {route} {event.at:%Y-%m-%dT%H:%M}")
    event.mac = _mac_of_event(event)
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
        raise ValueError(f"an audit row needs an actor, user:<id> or system:<job>, not {actor!r}")
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
    event.mac = _mac_of_event(event)
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


# -- fingerprints -------------------------------------------------------------------------------


def _mac(*, kind: str, key_version: int, fields: list[Any]) -> str:
    """Return the HMAC of the fields as canonical JSON; kind keeps rows and seals apart."""
    text = json.dumps([kind, key_version, *fields], sort_keys=True, separators=(",", ":"))
    return hmac.new(audit_keys()[key_version], text.encode(), hashlib.sha256).hexdigest()


def _mac_of_event(event: AuditEvent) -> str:
    fields = [
        str(event.pk),
        _moment(event.at),
        event.actor,
        str(event.action),
        str(event.patient_id or ""),
        event.object_type,
        event.object_id,
        event.details,
    ]
    return _mac(kind="event", key_version=event.key_version, fields=fields)


def _mac_of_seal(seal: AuditSeal) -> str:
    fields = [seal.number, _moment(seal.sealed_at), seal.previous_mac, seal.event_ids]
    return _mac(kind="seal", key_version=seal.key_version, fields=fields)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


# -- sealing ------------------------------------------------------------------------------------


def seal() -> AuditSeal | None:
    """Seal what was committed and is not sealed yet; return the last seal made, if any was.

    Two processes may seal at once: the seal's number is its key, so one of them gives way.
    """
    made = None
    try:
        # All blocks or none: the next run looks back from the last seal, not from a gap.
        with transaction.atomic():
            for block in _chunks(_unsealed(), size=BLOCK):
                made = _seal_block(block)
    except IntegrityError:
        return None
    return made


def _seal_block(block: list[str]) -> AuditSeal:
    last = AuditSeal.objects.order_by("number").last()
    made = AuditSeal(
        number=last.number + 1 if last else 1,
        sealed_at=clock.real_now(),
        event_ids=block,
        previous_mac=last.mac if last else "",
        key_version=next(iter(audit_keys())),
    )
    made.mac = _mac_of_seal(made)
    made.save(force_insert=True)
    if last is None or last.sealed_at.date() != made.sealed_at.date():
        anchor = f"{made.number}:{made.mac}"
        transaction.on_commit(lambda: logger.info("audit anchor %s", anchor))
    return made


def _unsealed() -> list[str]:
    """Return the ids of settled rows in no seal, oldest first."""
    rows = AuditEvent.objects.filter(at__lt=clock.real_now() - SETTLED).order_by("at", "pk")
    sealed: set[str] = set()
    if last := AuditSeal.objects.order_by("number").last():
        since = last.sealed_at - LONGEST_TRANSACTION
        rows = rows.filter(at__gte=since)
        # Twice as far back: the clocks of two machines may differ.
        recent = AuditSeal.objects.filter(sealed_at__gte=since - LONGEST_TRANSACTION)
        sealed = {pk for ids in recent.values_list("event_ids", flat=True) for pk in ids}
    ids = map(str, rows.values_list("pk", flat=True).iterator())
    return [pk for pk in ids if pk not in sealed]


# -- verifying ----------------------------------------------------------------------------------


def verify(*, anchor: str = "") -> list[str]:
    """Return what is wrong with the trail, each row and seal by name; empty when all is well.

    `anchor` is a line of the log, `<number>:<mac>`: that seal must still be there, unchanged.
    """
    problems = _check_anchor(anchor) if anchor else []
    sealed_rows, previous = 0, None
    for current in AuditSeal.objects.order_by("number").iterator(chunk_size=20):
        problems += _check_chain(current, previous=previous)
        found, wrong = _check_block(current)
        problems += wrong
        sealed_rows, previous = sealed_rows + found, current
    return problems + _check_unsealed(sealed_rows=sealed_rows)


def _check_anchor(anchor: str) -> list[str]:
    number, _, mac = anchor.partition(":")
    kept = AuditSeal.objects.filter(number=int(number)).first() if number.isdigit() else None
    if kept is None or not hmac.compare_digest(kept.mac.encode(), mac.encode()):
        return [f"seal {number} is not the one that was anchored"]
    return []


def _check_chain(current: AuditSeal, *, previous: AuditSeal | None) -> list[str]:
    problems = _changed([current])
    expected = previous.number + 1 if previous else 1
    if current.number != expected:
        missing = "is" if current.number == expected + 1 else f"to {current.number - 1} are"
        problems.append(f"seal {expected} {missing} missing")
    elif current.previous_mac != (previous.mac if previous else ""):
        problems.append(f"seal {current.number} does not follow the one before it")
    return problems


def _check_block(current: AuditSeal) -> tuple[int, list[str]]:
    """Return how many rows of a block are there, and what is wrong with the block."""
    found, problems = 0, []
    is_purged = current.sealed_at < clock.real_now() - RETENTION
    for ids in _chunks(current.event_ids):
        rows = {str(row.pk): row for row in AuditEvent.objects.filter(pk__in=ids)}
        found += len(rows)
        problems += _changed(rows.values())
        if not is_purged:
            gone = (pk for pk in ids if pk not in rows)
            problems += [f"event {pk} of seal {current.number} is gone" for pk in gone]
    return found, problems


def _check_unsealed(*, sealed_rows: int) -> list[str]:
    """Check the rows no seal holds yet; those older than the window should be in one."""
    if AuditEvent.objects.count() == sealed_rows:
        return []
    ids = AuditSeal.objects.values_list("event_ids", flat=True).iterator(chunk_size=20)
    sealed = {UUID(pk) for block in ids for pk in block}
    loose = [row for row in _rows(AuditEvent.objects.all()) if row.pk not in sealed]
    late = clock.real_now() - 2 * WINDOW
    problems = _changed(loose)
    return problems + [f"event {row.pk} was never sealed" for row in loose if row.at < late]


def _changed(rows: Iterable[AuditEvent | AuditSeal]) -> list[str]:
    """Return what is wrong with each row that is not as it was written."""
    keys, problems = audit_keys(), []
    for row in rows:
        make, kind = (
            (_mac_of_seal, "seal") if isinstance(row, AuditSeal) else (_mac_of_event, "event")
        )
        if row.key_version not in keys:
            problems.append(f"{kind} {row.pk} needs audit key {row.key_version}, which is missing")
        elif not hmac.compare_digest(make(row).encode(), row.mac.encode()):
            problems.append(f"{kind} {row.pk} was changed")
    return problems


def _rows(events: QuerySet) -> Iterator[AuditEvent]:
    return events.order_by("at", "pk").iterator(chunk_size=CHUNK)


def _chunks(ids: list[str], *, size: int = CHUNK) -> Iterator[list[str]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))

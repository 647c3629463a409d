"""Reading the whole trail back and naming whatever is not as it was written.

A byte flipped in the file may leave a row that cannot even be read, so rows are read in a way that
finds the one at fault. Takes about 100 bytes of memory for each row of the trail.
"""

import hmac
from collections.abc import Iterable, Iterator
from datetime import timedelta
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.db.models import CharField, Model
from django.db.models.functions import Cast

from notifications import clock
from notifications.audit.fingerprints import mac_of_event, mac_of_seal
from notifications.audit.sealing import WINDOW
from notifications.crypto import audit_keys
from notifications.models import AuditEvent, AuditSeal

CHUNK = 500  # ids a query: SQLite takes few parameters
RETENTION = timedelta(days=6 * 366)  # 45 CFR 164.316(b)(2)(i): rows are purged after six years
UNREADABLE = (ValueError, TypeError, ValidationError, DatabaseError)
KINDS = {AuditEvent: "event", AuditSeal: "seal"}


def verify(*, anchor: str = "") -> list[str]:
    """Return what is wrong with the trail, each row and seal by name; empty when all is well.

    `anchor` is a line of the log, `<number>:<mac>`: that seal must still be there, unchanged.
    """
    problems = _check_anchor(anchor) if anchor else []
    previous_number, previous_mac = 0, ""
    sealed: set[str] = set()
    for number in list(AuditSeal.objects.order_by("number").values_list("number", flat=True)):
        problems += _missing(after=previous_number, before=number)
        seals, unreadable = _read(AuditSeal, [number])
        problems += unreadable + _changed(seals)
        for seal in seals:
            if number == previous_number + 1 and previous_mac not in (None, seal.previous_mac):
                problems.append(f"seal {number} does not follow the one before it")
            problems += _check_block(seal)
            sealed.update(map(_bare, _ids_of(seal)))
        previous_number, previous_mac = number, seals[0].mac if seals else None
    return problems + _check_unsealed(sealed=sealed)


def _check_anchor(anchor: str) -> list[str]:
    number, _, mac = anchor.partition(":")
    kept = AuditSeal.objects.filter(number=int(number)).first() if number.isdigit() else None
    if kept is None or not hmac.compare_digest(kept.mac.encode(), mac.encode()):
        return [f"seal {number} is not the one that was anchored"]
    return []


def _missing(*, after: int, before: int) -> list[str]:
    return [f"seal {number} is missing" for number in range(after + 1, before)]


def _check_block(seal: AuditSeal) -> list[str]:
    """Return what is wrong with the rows of a block; rows past retention may have gone."""
    is_purged = seal.sealed_at and seal.sealed_at < clock.real_now() - RETENTION
    problems = []
    for ids in _chunks(_ids_of(seal)):
        rows, unreadable = _read(AuditEvent, ids)
        problems += unreadable + _changed(rows)
        if len(rows) + len(unreadable) < len(ids) and not is_purged:
            there = {str(row.pk) for row in rows}
            problems += [
                f"event {pk} of seal {seal.number} is gone" for pk in ids if pk not in there
            ]
    return problems


def _check_unsealed(*, sealed: set[str]) -> list[str]:
    """Check the rows in no seal; those older than the window should be in one."""
    raw = AuditEvent.objects.annotate(raw=Cast("pk", CharField())).values_list("raw", flat=True)
    loose = [pk for pk in raw.iterator() if _bare(pk) not in sealed]
    problems = []
    for ids in _chunks(loose):
        rows, unreadable = _read(AuditEvent, ids)
        late = clock.real_now() - 2 * WINDOW
        problems += unreadable + _changed(rows)
        problems += [f"event {row.pk} was never sealed" for row in rows if row.at and row.at < late]
    return problems


def _changed(rows: Iterable[AuditEvent | AuditSeal]) -> list[str]:
    """Return a problem for each row that is not as it was written."""
    keys, problems = audit_keys(), []
    for row in rows:
        make = mac_of_seal if isinstance(row, AuditSeal) else mac_of_event
        name = f"{KINDS[type(row)]} {row.pk}"
        if row.key_version not in keys:
            problems.append(f"{name} needs audit key {row.key_version}, which is missing")
        elif not hmac.compare_digest(make(row).encode(), row.mac.encode()):
            problems.append(f"{name} was changed")
    return problems


def _read(model: type[Model], ids: list) -> tuple[list, list[str]]:
    """Return the rows that can be read, and a problem for each that cannot."""
    try:
        return list(model.objects.filter(pk__in=ids)), []
    except UNREADABLE:
        if len(ids) == 1:
            return [], [f"{KINDS[model]} {ids[0]} cannot be read: it was changed"]
    parts = [_read(model, [pk]) for pk in ids]
    return [row for rows, _ in parts for row in rows], [
        text for _, texts in parts for text in texts
    ]


def _ids_of(seal: AuditSeal) -> list[str]:
    """Return the ids of a block that are ids at all: a changed seal may hold anything."""
    ids = seal.event_ids if isinstance(seal.event_ids, list) else []
    return [pk for pk in ids if isinstance(pk, str) and _is_id(pk)]


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _bare(pk: str) -> str:
    return pk.replace("-", "")


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))

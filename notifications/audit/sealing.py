"""Sealing what was committed in blocks, each over the one before it."""

import logging
from collections.abc import Iterator
from datetime import timedelta

from django.db import IntegrityError, transaction

from notifications import clock
from notifications.audit.fingerprints import mac_of_seal
from notifications.crypto import audit_keys
from notifications.models import AuditEvent, AuditSeal

logger = logging.getLogger(__name__)

WINDOW = timedelta(seconds=60)  # how long a row may stay unsealed
SETTLED = timedelta(seconds=5)  # a younger row may have older ones beside it, not yet committed
PAUSE = timedelta(seconds=20)  # between seals, however often somebody asks: fewer, larger blocks
# A row of a transaction that took longer than this would be left out, and `verify` would name it.
LONGEST_TRANSACTION = timedelta(minutes=15)
BLOCK = 5000


def seal() -> AuditSeal | None:
    """Seal what was committed and is not sealed yet; return the last seal made, if any was.

    Two processes may seal at once: the seal's number is its key, so one of them gives way.
    """
    made = None
    try:
        # All blocks or none: the next run looks back from the last seal, not from a gap.
        with transaction.atomic():
            for block in _blocks(_unsealed()):
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
    made.mac = mac_of_seal(made)
    made.save(force_insert=True)
    if last is None or last.sealed_at.date() != made.sealed_at.date():
        anchor = f"{made.number}:{made.mac}"
        transaction.on_commit(lambda: logger.info("audit anchor %s", anchor))
    return made


def _unsealed() -> list[str]:
    """Return the ids of settled rows in no seal, oldest first."""
    now, sealed = clock.real_now(), set()
    rows = AuditEvent.objects.filter(at__lt=now - SETTLED).order_by("at", "pk")
    if last := AuditSeal.objects.order_by("number").last():
        if now - last.sealed_at < PAUSE:
            return []
        since = last.sealed_at - LONGEST_TRANSACTION
        rows = rows.filter(at__gte=since)
        # Twice as far back: the clocks of two machines may differ.
        recent = AuditSeal.objects.filter(sealed_at__gte=since - LONGEST_TRANSACTION)
        sealed = {pk for ids in recent.values_list("event_ids", flat=True) for pk in ids}
    ids = map(str, rows.values_list("pk", flat=True).iterator())
    return [pk for pk in ids if pk not in sealed]


def _blocks(ids: list[str]) -> Iterator[list[str]]:
    return (ids[start : start + BLOCK] for start in range(0, len(ids), BLOCK))

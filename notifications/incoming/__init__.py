"""What comes in from carriers: receipts of what we sent, and what patients write.

A receipt is kept, and then settled in a transaction of its own: where that breaks, or the process
dies, the event stays, unsettled, and the clock's sweep comes back to it. So a carrier that was
answered with a 2xx never needs to call again, and one that does changes nothing.
"""

import logging
from collections.abc import Callable, Sequence
from time import monotonic
from uuid import UUID

from django.db import transaction

from notifications import windows
from notifications.enums import CarrierEventKind
from notifications.incoming.calling import mark_called
from notifications.incoming.keeping import held, unsettled
from notifications.incoming.receipts import keep_all, keep_receipt, settle_receipt
from notifications.incoming.replies import mark_handled, settle_reply, take_reply
from notifications.models import CarrierEvent
from notifications.types import Receipt

__all__ = ["mark_called", "mark_handled", "sweep", "take_receipts", "take_reply"]

logger = logging.getLogger(__name__)

AT_ONCE = 25  # of one call; the rest waits for the sweep, so that the carrier does not
BATCH = 100
SWEEP_SECONDS = 10.0
SETTLERS: dict[str, Callable[[CarrierEvent], None]] = {
    CarrierEventKind.RECEIPT: settle_receipt,
    CarrierEventKind.REPLY: settle_reply,
}


def take_receipts(*, channel: str, receipts: Sequence[Receipt]) -> None:
    """Keep what a verified call says, and make it true. A repeat changes nothing."""
    for receipt in receipts[:AT_ONCE]:
        event = keep_receipt(channel=channel, receipt=receipt)
        if event is not None:
            windows.passing(windows.Window.BEFORE_RECEIPT)
            _sweep_one(event.pk)
    keep_all(channel=channel, receipts=receipts[AT_ONCE:])


def _try_to_settle(event: CarrierEvent) -> bool:
    """Settle an event in a savepoint; what breaks is logged by its id and stays for the sweep."""
    try:
        with transaction.atomic():
            SETTLERS[event.kind](event)
    except Exception as fault:  # one that cannot be settled must not keep others waiting
        logger.error("carrier event %s is not settled: %s", event.pk, type(fault).__name__)
        return False
    return True


def sweep() -> int:
    """Settle what was kept and not dealt with, oldest first; return how many.

    Each event that is left is tried once a sweep; at most 10 s, the next sweep goes on.
    """
    settled, until = 0, monotonic() + SWEEP_SECONDS
    waiting = list(unsettled().values_list("pk", flat=True)[:BATCH])
    tried: set[UUID] = set()
    while waiting and monotonic() < until:
        settled += sum(_sweep_one(pk) for pk in waiting)
        tried.update(waiting)
        waiting = list(unsettled().exclude(pk__in=tried).values_list("pk", flat=True)[:BATCH])
    return settled


@transaction.atomic
def _sweep_one(pk: UUID) -> bool:
    """Settle one event, unless somebody else is at it or has been."""
    event = held(pk)
    return event is not None and _try_to_settle(event)

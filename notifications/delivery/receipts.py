"""What a carrier says later of a message: the only way a receipt moves a delivery's status.

Receipts come late, twice and out of order, sometimes before the answer to the call itself; in any
order they end in the same state. The transitions table decides: what was delivered stays so.
"""

import logging
from datetime import datetime

from django.db import transaction

from notifications import clock
from notifications.delivery import effects
from notifications.delivery.statuses import audit_status, move
from notifications.enums import (
    TRANSITIONS,
    AttemptResult,
    DeliveryStatus,
    EventOutcome,
    Reason,
)
from notifications.models import Delivery
from notifications.types import Receipt

logger = logging.getLogger(__name__)

UNSUBSCRIBED = "unsubscribed"  # the code of a receipt that asks for no more of this kind
LEFT = (
    DeliveryStatus.ACCEPTED,
    DeliveryStatus.DELIVERED,
    DeliveryStatus.FAILED,
    DeliveryStatus.UNKNOWN,
)


@transaction.atomic
def apply_receipt(receipt: Receipt, *, channel: str) -> EventOutcome:
    """Make what a verified receipt of a channel says true of its delivery and its address."""
    rows = Delivery.objects.filter(pk=receipt.delivery_id, channel=channel)
    address = rows.values_list("contact_id", flat=True).first()
    held = effects.hold(contact_id=address, effect=receipt.contact)
    row = rows.select_related("notification").select_for_update(of=("self",), no_key=True).first()
    if row is None:
        return EventOutcome.UNKNOWN_DELIVERY
    if _is_of_another_message(row, receipt):
        logger.warning("a receipt for delivery %s names another message: not applied", row.pk)
        return EventOutcome.NOTHING_NEW
    changes = [
        effects.apply(
            held,
            effect=receipt.contact,
            code=receipt.code,
            channel=channel,
            left_at=_left_at(row),
        ),
        _unsubscribe(row, receipt),
        _move(row, receipt),
    ]
    return EventOutcome.APPLIED if any(changes) else EventOutcome.NOTHING_NEW


def _is_of_another_message(row: Delivery, receipt: Receipt) -> bool:
    """Whether the carrier's id is neither the one we know nor that of an earlier attempt."""
    if not (row.provider_id and receipt.provider_id) or row.provider_id == receipt.provider_id:
        return False
    return not row.tries.filter(provider_id=receipt.provider_id).exists()


def _left_at(row: Delivery) -> datetime:
    """Return when the message last left, or was made where it never did. Aware, UTC."""
    started = row.tries.order_by("-number").values_list("started_at", flat=True).first()
    return started or row.created_at


def _unsubscribe(row: Delivery, receipt: Receipt) -> bool:
    """Turn off the message's type for whom it was, where the carrier took their way out."""
    return receipt.code == UNSUBSCRIBED and effects.turn_off(
        patient_id=row.notification.patient_id,
        type_key=row.notification.type,
        channel=row.channel,
    )


def _move(row: Delivery, receipt: Receipt) -> bool:
    provider_id = row.provider_id or receipt.provider_id[:200]
    if receipt.status is None or receipt.status not in TRANSITIONS[row.status]:
        _adopt(row, provider_id)
        return False
    was_under_way = row.status == DeliveryStatus.SENDING
    has_failed = receipt.status == DeliveryStatus.FAILED
    move(
        row,
        receipt.status,
        reason=_why(receipt) if has_failed else Reason.NONE,
        reason_params={},
        provider_id=provider_id,
        last_code=receipt.code[:64] if has_failed else "",
        lease_until=None,
    )
    if was_under_way:
        _end_attempt(row)
    audit_status(row)
    return True


def _adopt(row: Delivery, provider_id: str) -> None:
    """Keep the carrier's id of a message whose answer we never got."""
    if provider_id != row.provider_id and row.status in LEFT:
        Delivery.objects.filter(pk=row.pk).update(provider_id=provider_id)


def _why(receipt: Receipt) -> Reason:
    if receipt.contact in effects.EFFECTS:
        return effects.EFFECTS[receipt.contact][1]
    return Reason.PROVIDER_ERROR


def _end_attempt(row: Delivery) -> None:
    """The carrier has it: that is the answer, should whoever called die before hearing it."""
    row.tries.filter(number=row.attempts, result=AttemptResult.STARTED).update(
        result=AttemptResult.ACCEPTED, provider_id=row.provider_id, finished_at=clock.now()
    )

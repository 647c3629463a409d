"""What a carrier says later of a message: the only way a receipt moves a delivery's status.

Receipts come late, twice and out of order, sometimes before the answer to the call itself; in any
order they end in the same state. The transitions table decides: what was delivered stays so.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from django.db import transaction

from notifications import clock
from notifications.delivery import effects
from notifications.delivery.blocked import reason_sent
from notifications.delivery.escalate import escalate
from notifications.delivery.meanings import after_error, failed, heed
from notifications.delivery.statuses import audit_status, move
from notifications.enums import (
    OPEN_STATUSES,
    TRANSITIONS,
    AttemptResult,
    ContactEffect,
    DeliveryStatus,
    ErrorKind,
    EventOutcome,
)
from notifications.models import Delivery
from notifications.types import ChannelError, Meaning, Receipt

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
    held = effects.hold(contact_id=address, effect=_most_it_can_say(receipt))
    row = rows.select_related("notification").select_for_update(of=("self",), no_key=True).first()
    if row is None:
        return EventOutcome.UNKNOWN_DELIVERY
    if _is_of_another_message(row, receipt):
        logger.warning("a receipt for delivery %s names another message: not applied", row.pk)
        return EventOutcome.NOTHING_NEW
    said = partial(effects.apply, held, code=receipt.code, channel=channel, left_at=_left_at(row))
    changes = [said(effect=receipt.contact), _unsubscribe(row, receipt), _move(row, receipt, said)]
    return EventOutcome.APPLIED if any(changes) else EventOutcome.NOTHING_NEW


def _most_it_can_say(receipt: Receipt) -> ContactEffect:
    """Return what the address is held for: one more failure may be the last that is forgiven."""
    if receipt.contact == ContactEffect.NONE and receipt.status == DeliveryStatus.FAILED:
        return ContactEffect.NEEDS_UPDATE
    return receipt.contact


def _is_of_another_message(row: Delivery, receipt: Receipt) -> bool:
    """Whether the carrier's id is neither the one we know nor that of an earlier attempt."""
    if not (row.provider_id and receipt.provider_id) or row.provider_id == receipt.provider_id:
        return False
    if _is_by_likeness(row):
        return False
    return not row.tries.filter(provider_id=receipt.provider_id).exists()


def _is_by_likeness(row: Delivery) -> bool:
    """Whether its answer was lost: an id from a look-up is of a text with the same words.

    A carrier that calls our address of this delivery knows better.
    """
    return row.tries.filter(number=row.attempts, result=AttemptResult.ANSWER_LOST).exists()


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


def _move(row: Delivery, receipt: Receipt, said: Callable[..., bool]) -> bool:
    provider_id = _its_id(row, receipt)
    if not _is_news(row, receipt):
        _adopt(row, provider_id)
        return False
    was_under_way = row.status == DeliveryStatus.SENDING
    changes = {"provider_id": provider_id} | _changes(row, receipt)
    said(effect=changes.pop("effect"))
    if not move(row, changes.pop("status"), lease_until=None, **changes):
        return False
    if was_under_way:
        _end_attempt(row, provider_id)
    _name_attempt(row, provider_id)
    audit_status(row)
    escalate(row)
    return True


def _its_id(row: Delivery, receipt: Receipt) -> str:
    """Return the carrier's id of a message's last try, as far as it is known now."""
    said = receipt.provider_id[:200]
    if not said or row.tries.filter(provider_id=said, number__lt=row.attempts).exists():
        return row.provider_id
    return said if not row.provider_id or _is_by_likeness(row) else row.provider_id


def _is_news(row: Delivery, receipt: Receipt) -> bool:
    """Whether a receipt tells more than the row does.

    What reached the patient always does. What else a carrier says of a try that is over does
    not: the message is planned again, or under way again.
    """
    if receipt.status is None or receipt.status not in TRANSITIONS[row.status]:
        return False
    if receipt.status == DeliveryStatus.DELIVERED:
        return True
    tried = row.tries.filter(provider_id=receipt.provider_id).exclude(provider_id="").first()
    if tried is None:
        return True
    return row.status not in OPEN_STATUSES and tried.number == row.attempts


def _changes(row: Delivery, receipt: Receipt) -> dict:
    """Return what changes: a failure may be tried again, as after a refusal at once."""
    if receipt.status != DeliveryStatus.FAILED:
        moved = {"status": receipt.status, "reason": reason_sent(row), "reason_params": {}}
        return moved | {"last_code": "", "effect": ContactEffect.NONE}
    meaning = receipt.meaning or Meaning(kind=ErrorKind.PERMANENT, contact=receipt.contact)
    error = ChannelError.of(receipt.code[:64], meaning)
    heed(meaning, code=error.code, channel=row.channel)
    # It was taken: saying it again makes it worse. And of a try before the backup of this database
    # nothing is known by which a later word about it could be told from one about the next try.
    if meaning.kind == ErrorKind.CONFIGURATION or not row.attempts:
        ended = failed(error, effect=meaning.contact)
    else:
        ended = after_error(row, error)
    return {"reason_params": {}} | ended | {"last_code": error.code}


def _adopt(row: Delivery, provider_id: str) -> None:
    """Keep the carrier's id of a message whose answer we never got."""
    if provider_id != row.provider_id and row.status in LEFT:
        Delivery.objects.filter(pk=row.pk).update(provider_id=provider_id)
        _name_attempt(row, provider_id)


def _name_attempt(row: Delivery, provider_id: str) -> None:
    """Keep whose the message is with the try, where nobody answered: no look-up takes it again."""
    row.tries.filter(number=row.attempts, result=AttemptResult.ANSWER_LOST).update(
        provider_id=provider_id
    )


def _end_attempt(row: Delivery, provider_id: str) -> None:
    """The carrier has it: that is the answer, should whoever called die before hearing it."""
    row.tries.filter(number=row.attempts, result=AttemptResult.STARTED).update(
        result=AttemptResult.ACCEPTED, provider_id=provider_id, finished_at=clock.now()
    )

"""Receipts: kept as they came, then settled, at once or by the sweep."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction

from notifications.delivery.receipts import apply_receipt
from notifications.enums import CarrierEventKind, ContactEffect, DeliveryStatus
from notifications.incoming.keeping import keep, settle
from notifications.models import CarrierEvent
from notifications.types import Meaning, Receipt

NO_CODE = re.compile(r"[^\w.:/+-]", re.ASCII)


def keep_receipt(*, channel: str, receipt: Receipt) -> CarrierEvent | None:
    """Write down a receipt with all that settling it takes; None for a repeat."""
    return keep(
        channel=channel,
        kind=CarrierEventKind.RECEIPT,
        key=receipt.event_key,
        content=_content(receipt),
        delivery_id=receipt.delivery_id,
    )


@transaction.atomic
def settle_receipt(event: CarrierEvent) -> None:
    """Apply a kept receipt and note what it led to."""
    settle(event, apply_receipt(_receipt(event), channel=event.channel))


def _content(receipt: Receipt) -> dict[str, Any]:
    return {
        "provider_id": receipt.provider_id,
        "status": receipt.status and str(receipt.status),
        "code": receipt.code,
        "contact": str(receipt.contact),
        "meaning": receipt.meaning and receipt.meaning.dump(),
        "raw": dict(receipt.raw),
    }


def _receipt(event: CarrierEvent) -> Receipt:
    content: Mapping[str, Any] = event.content
    return Receipt(
        delivery_id=event.delivery_id,
        provider_id=content["provider_id"],
        event_key=event.key,
        status=DeliveryStatus(content["status"]) if content["status"] else None,
        code=NO_CODE.sub("_", content["code"])[:64],
        contact=ContactEffect(content["contact"]),
        meaning=_meaning(content),
        raw=content["raw"],
    )


def _meaning(content: Mapping[str, Any]) -> Meaning | None:
    """Return what was kept; an event of an earlier version has none."""
    kept = content.get("meaning")
    return Meaning.load(kept) if kept else None


def keep_all(*, channel: str, receipts: Iterable[Receipt]) -> None:
    """Write down what there is no time to settle now."""
    with transaction.atomic():
        # In one order, so that two calls with the same events cannot wait for each other.
        for receipt in sorted(receipts, key=lambda each: each.event_key):
            keep_receipt(channel=channel, receipt=receipt)

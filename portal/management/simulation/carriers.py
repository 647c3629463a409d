"""What carriers report of what they took: most of it arrived, some of it did not."""

import random

from notifications import clock, incoming
from notifications.enums import ContactEffect, DeliveryStatus
from notifications.models import Delivery
from notifications.types import Receipt

ARRIVES = 0.97
# Of what does not arrive: the code, and what it says of the address.
TROUBLE = {
    "sms": (("30005", ContactEffect.NEEDS_UPDATE), ("30003", ContactEffect.NONE)),
    "email": (("550", ContactEffect.NEEDS_UPDATE),),
    "push": (("410", ContactEffect.REMOVED),),
}


def report(*, dice: random.Random) -> None:
    """Let the carriers say what became of what they took just now."""
    for row in Delivery.objects.filter(status=DeliveryStatus.ACCEPTED, status_at=clock.now()):
        incoming.take_receipts(channel=row.channel, receipts=[_receipt(row, dice)])


def _receipt(row: Delivery, dice: random.Random) -> Receipt:
    said = {"status": DeliveryStatus.DELIVERED}
    if dice.random() > ARRIVES:
        code, contact = dice.choice(TROUBLE[row.channel])
        said = {"status": DeliveryStatus.FAILED, "code": code, "contact": contact}
    return Receipt(
        delivery_id=row.pk,
        provider_id=row.provider_id,
        event_key=f"{row.pk}:{row.attempts}",
        **said,
    )

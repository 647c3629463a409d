"""What was called off before the patient could hear of it, so that the next message says it all."""

from collections.abc import Sequence

from django.db import transaction

from notifications.delivery.escalate import channels_outside
from notifications.delivery.statuses import audit_settled, move
from notifications.enums import DeliveryStatus, Reason
from notifications.models import Delivery, PatientNotification

# What is with a carrier, or may be: the patient has to be taken to know it.
GONE_OUT = (
    DeliveryStatus.SENDING,
    DeliveryStatus.ACCEPTED,
    DeliveryStatus.DELIVERED,
    DeliveryStatus.UNKNOWN,
)


def called_off_unheard(*, subject: str, type_keys: Sequence[str]) -> PatientNotification | None:
    """Return the newest of a subject's messages of some types, if no one can have heard it.

    It was called off before anything of it left, it was not read in the portal, and nothing about
    the subject that came after it left or was read. Ask after what is open was called off, in the
    same transaction: then nothing of it can leave any more.
    """
    about = PatientNotification.objects.filter(subject=subject)
    newest = about.filter(type__in=type_keys).order_by("-created_at", "-seq").first()
    if newest is None:
        return None
    since = about.filter(seq__gte=newest.seq)
    outside = Delivery.objects.filter(notification__in=since, channel__in=channels_outside())
    is_known = (
        since.exclude(read_at=None, acted_at=None).exists()
        or outside.filter(status__in=GONE_OUT).exists()
    )
    was_waiting = outside.filter(notification=newest, status=DeliveryStatus.CANCELLED)
    return newest if was_waiting.exists() and not is_known else None


@transaction.atomic
def speaks_for(*, message: PatientNotification, earlier: PatientNotification) -> None:
    """Note on what was called off of an earlier message that this one says it as well."""
    later = {row.channel: row for row in message.deliveries.order_by("-step", "-id")}
    rows = earlier.deliveries.filter(status=DeliveryStatus.CANCELLED, reason=Reason.CANCELLED)
    merged = [
        row
        for row in rows.select_related("notification").order_by("id")
        if move(row, row.status, reason=Reason.MERGED, merged_into=later.get(row.channel))
    ]
    audit_settled(merged)

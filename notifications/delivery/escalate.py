"""What one channel could not bring goes on the next one at once: R-08, W5.

A later step of the same message comes forward. A message without steps, all of whose channels
failed, goes on those that are off by default for its type, never on one the patient turned off;
`policy` decides that when it is claimed, as for any other.
"""

from collections.abc import Sequence

from django.db.models import Q

from notifications import clock
from notifications.delivery.statuses import audit_settled, move
from notifications.enums import OPEN_STATUSES, DeliveryStatus, PatientNotificationChannel, Reason
from notifications.models import Delivery

GIVEN_UP = Q(status=DeliveryStatus.UNKNOWN, reason=Reason.ANSWER_UNSETTLED)
ENDED_BADLY = Q(status=DeliveryStatus.FAILED) | GIVEN_UP
# What may still reach the patient, or has: also what is being asked about.
UNDER_WAY = (*OPEN_STATUSES, DeliveryStatus.SENDING, DeliveryStatus.ACCEPTED)
ARRIVING = (*UNDER_WAY, DeliveryStatus.DELIVERED, DeliveryStatus.UNKNOWN)
SAID_BY_ANOTHER = Q(status=DeliveryStatus.SKIPPED, reason=Reason.MERGED)


def escalate(row: Delivery) -> int:
    """Move on from a delivery that ended badly; return how many deliveries take its place.

    Asked after every change: one that did not end badly, or may still be settled, changes nothing.
    """
    if not _has_ended_badly(row):
        return 0
    others = Delivery.objects.filter(notification_id=row.notification_id).exclude(pk=row.pk)
    outside = others.filter(channel__in=channels_outside())
    return _bring_forward(row, outside) or _open_what_was_off(row, outside)


def escalate_messages_of(rows: Sequence[Delivery]) -> None:
    """Move on from what failed before, where these were the last that could have helped.

    Asked when deliveries are skipped: an e-mail may have bounced while the text was still to be
    decided on.
    """
    messages = {row.notification_id for row in rows}
    for failed in Delivery.objects.filter(ENDED_BADLY, notification_id__in=messages):
        escalate(failed)


def _has_ended_badly(row: Delivery) -> bool:
    if row.status == DeliveryStatus.UNKNOWN:
        return row.reason == Reason.ANSWER_UNSETTLED
    return row.status == DeliveryStatus.FAILED


def channels_outside() -> list[str]:
    """Return the channels that leave the portal."""
    return [cls.key for cls in PatientNotificationChannel.classes() if cls.contact_kind]


def _bring_forward(row: Delivery, outside) -> int:
    later = outside.filter(status__in=OPEN_STATUSES, step__gt=row.step)
    first = later.order_by("step").values_list("step", flat=True).first()
    if first is None:
        return 0
    return later.filter(step=first, due_at__gt=clock.now()).update(due_at=clock.now())


def _open_what_was_off(row: Delivery, outside) -> int:
    if outside.filter(Q(status__in=ARRIVING) | SAID_BY_ANOTHER).exclude(GIVEN_UP).exists():
        return 0
    was_off = outside.filter(
        status=DeliveryStatus.SKIPPED,
        reason=Reason.DEFAULT_OFF,
        contact__isnull=False,
        step__lte=row.step,  # what was opened before, and is off all the same, stays off
    )
    opened = [
        each
        for each in was_off.select_related("notification").order_by("id")
        if move(
            each,
            DeliveryStatus.PLANNED,
            reason=Reason.NONE,
            reason_params={},
            step=row.step + 1,
            due_at=clock.now(),
        )
    ]
    audit_settled(opened)
    return len(opened)

"""What one channel could not bring goes on the next one at once: R-08, W5.

A later step of the same message comes forward. A message without steps, all of whose channels
failed, goes on those that are off by default for its type, never on one the patient turned off;
`policy` decides that when it is claimed, as for any other. A text that yielded because its number
had enough counts as one that failed.
"""

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, Q

from notifications import clock
from notifications.delivery.statuses import audit_settled, move
from notifications.enums import OPEN_STATUSES, DeliveryStatus, PatientNotificationChannel, Reason
from notifications.models import Delivery

GIVEN_UP = Q(status=DeliveryStatus.UNKNOWN, reason=Reason.ANSWER_UNSETTLED)
CAPPED = Q(status=DeliveryStatus.SKIPPED, reason=Reason.RATE_LIMITED)
ENDED_BADLY = Q(status=DeliveryStatus.FAILED) | GIVEN_UP | CAPPED
WAS_OFF = Q(status=DeliveryStatus.SKIPPED, reason=Reason.DEFAULT_OFF, contact__isnull=False)
# What may still reach the patient, or has: also what is being asked about.
UNDER_WAY = (*OPEN_STATUSES, DeliveryStatus.SENDING, DeliveryStatus.ACCEPTED)
ARRIVING = (*UNDER_WAY, DeliveryStatus.DELIVERED, DeliveryStatus.UNKNOWN)


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
    decided on, or a text has just yielded. One query where nothing could take its place.
    """
    messages = {row.notification_id for row in rows}
    others = Delivery.objects.filter(notification=OuterRef("notification"))
    others = others.filter(channel__in=channels_outside())
    could_help = others.filter(WAS_OFF, step__lte=OuterRef("step")) | others.filter(
        status__in=OPEN_STATUSES, step__gt=OuterRef("step")
    )
    failed = Delivery.objects.filter(ENDED_BADLY, Exists(could_help), notification_id__in=messages)
    for row in failed:
        escalate(row)


def _has_ended_badly(row: Delivery) -> bool:
    if row.status == DeliveryStatus.UNKNOWN:
        return row.reason == Reason.ANSWER_UNSETTLED
    if row.status == DeliveryStatus.SKIPPED:
        return row.reason == Reason.RATE_LIMITED
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
    if outside.filter(status__in=ARRIVING).exclude(GIVEN_UP).exists():
        return 0
    # What was opened before, and is off all the same, stays off.
    was_off = outside.filter(WAS_OFF, step__lte=row.step)
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

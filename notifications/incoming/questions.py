"""What we asked a number by text and are waiting to hear: what a bare "1" is the answer to."""

from collections.abc import Sequence
from datetime import timedelta

from notifications import clock
from notifications.enums import DeliveryStatus
from notifications.facts import payload_in
from notifications.models import ContactPoint, Delivery

LEFT = (DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED, DeliveryStatus.UNKNOWN)
REMEMBERED = timedelta(days=60)  # nobody answers a text that is older
CONFIRM = "confirm"


def question_at(*, channel: str, addresses: Sequence[ContactPoint]) -> Delivery | None:
    """Return the text that a yes from these addresses answers, or None where nobody can tell.

    That is the newest that asks, as long as all that ask are about one thing of one patient: on a
    family's number a yes to two questions is a yes to neither. What had been answered before the
    last question was asked is no longer a question.
    """
    asking = [row for row in _sent(channel, addresses) if _asks(row)]
    unanswered = [row for row in asking if not row.notification.acted_at]
    if unanswered:
        asking = [row for row in asking if _is_open_beside(unanswered[0], row)]
    return asking[0] if len({_about(row) for row in asking}) == 1 else None


def _sent(channel: str, addresses: Sequence[ContactPoint]) -> list[Delivery]:
    """Return what went out to these addresses and still stands, the newest first."""
    now = clock.now()
    rows = Delivery.objects.filter(
        channel=channel,
        contact__in=addresses,
        status__in=LEFT,
        created_at__gt=now - REMEMBERED,
        notification__expired_at=None,
    ).exclude(notification__expires_at__lte=now)
    rows = rows.select_related("notification", "contact")
    return list(rows.order_by("-notification__created_at", "-notification_id"))


def _asks(row: Delivery) -> bool:
    payload = payload_in(row.notification)
    return payload is not None and CONFIRM in payload.actions()


def _is_open_beside(newest: Delivery, row: Delivery) -> bool:
    answered_at = row.notification.acted_at
    return answered_at is None or answered_at >= newest.notification.created_at


def _about(row: Delivery) -> tuple[str, str]:
    notification = row.notification
    return str(notification.patient_id), notification.subject or str(notification.pk)

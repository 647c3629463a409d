"""A household's texts, claimed together: all that may be one text is in one pair of hands, or none.

Two workers may each find one of two visits' texts. Whoever does not hold every text of the
household leaves all of it for the next look, so that no second text follows the first.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db.models import QuerySet

from notifications import households
from notifications.enums import ContactKind, PatientNotificationChannel, PatientNotificationType
from notifications.models import Delivery
from notifications.types import NotificationPayload


def with_households(
    found: Sequence[Delivery], due: QuerySet[Delivery], held: QuerySet[Delivery]
) -> list[Delivery]:
    """Return the rows, with what else is due to their households, without what is not whole.

    `due` is all that is due, `held` the same, locking what it reads. Two queries, and one more
    where there is something to add; none for what never goes together.
    """
    texts = [row for row in found if goes_together(row)]
    if not texts:
        return list(found)
    numbers = households.numbers_around({row.notification.patient_id for row in texts})
    seen = due.filter(
        channel__in={row.channel for row in texts},
        notification__type__in={row.notification.type for row in texts},
        notification__patient_id__in=numbers.keys(),
    ).order_by()
    wanted = set(seen.values_list("pk", flat=True)) - {row.pk for row in found}
    added = list(held.filter(pk__in=wanted)) if wanted else []
    missing = wanted - {row.pk for row in added}
    rows = [*found, *added]
    if not missing:
        return rows
    others = Delivery.objects.filter(pk__in=missing)
    patients = set(others.values_list("notification__patient_id", flat=True))
    return without_parts(rows, gone=patients, numbers=numbers)


def whole(kept: Sequence[Delivery], rows: Sequence[Delivery]) -> list[Delivery]:
    """Return what is kept of the rows, without texts of households of which a text is not."""
    staying = {row.pk for row in kept}
    gone = {
        row.notification.patient_id for row in rows if row.pk not in staying and goes_together(row)
    }
    if not gone:
        return list(kept)
    return without_parts(kept, gone=gone, numbers=households.numbers_around(gone))


def without_parts(
    rows: Sequence[Delivery], *, gone: set[UUID], numbers: Mapping[UUID, set[str]]
) -> list[Delivery]:
    """Leave out what may be one text with a text of the patients who are `gone`. Pure."""
    shut = set().union(*(numbers.get(patient_id, set()) for patient_id in gone))
    return [
        row
        for row in rows
        if not goes_together(row) or not shut & numbers.get(row.notification.patient_id, set())
    ]


def goes_together(row: Delivery) -> bool:
    """Return whether a delivery is a text of a type of which several may be one. Pure."""
    channel, key = row.channel, row.notification.type
    if channel not in PatientNotificationChannel or key not in PatientNotificationType:
        return False
    is_text = PatientNotificationChannel.known(channel).contact_kind == ContactKind.PHONE
    own = PatientNotificationType.known(key).together
    return is_text and own is not NotificationPayload.together

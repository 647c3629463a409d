"""A household's texts, claimed together: all that may be one text is in one pair of hands, or none.

Two workers may each find one of two visits' texts. Whoever does not hold every text of the
household leaves all of it for the next look, so that no second text follows the first.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from notifications import clock, households
from notifications.crypto import keys_loaded
from notifications.delivery.merging import Verdict
from notifications.enums import (
    OPEN_STATUSES,
    ContactKind,
    DeliveryStatus,
    PatientNotificationChannel,
    PatientNotificationType,
    Reason,
)
from notifications.facts import payload_in
from notifications.models import Delivery
from notifications.types import NotificationPayload

Lock = Callable[[QuerySet[Delivery]], QuerySet[Delivery]]


def with_households(
    found: Sequence[Delivery], due: QuerySet[Delivery], held: Lock
) -> list[Delivery]:
    """Return the rows, with what else goes to their households, without what is not whole.

    `due` is all that is due; `held` locks what a query reads. Three queries, and one more where
    there is something to add; none for what never goes together.
    """
    texts = [row for row in found if goes_together(row)]
    if not texts:
        return list(found)
    numbers = households.numbers_around({row.notification.patient_id for row in texts})
    beside = {
        "channel__in": {row.channel for row in texts},
        "notification__type__in": {row.notification.type for row in texts},
        "notification__patient_id__in": numbers.keys(),
    }
    wanted = set(due.filter(**beside).order_by().values_list("pk", flat=True))
    wanted |= _soon(Delivery.objects.filter(**beside), texts, numbers)
    wanted -= {row.pk for row in found}
    rows = Delivery.objects.filter(pk__in=wanted, status__in=OPEN_STATUSES)
    added = list(held(rows.select_related("notification").order_by("id"))) if wanted else []
    missing = wanted - {row.pk for row in added}
    # What may have to wait after all is decided on last, and takes nobody's place before.
    in_turn = sorted(added, key=lambda row: row.due_at)
    return _without_missing([*found, *in_turn], missing=missing, numbers=numbers)


def _soon(
    beside: QuerySet[Delivery], texts: Sequence[Delivery], numbers: Mapping[UUID, set[str]]
) -> set[UUID]:
    """Return which texts of the household are to go a little later and may go with these.

    As a plan is: not longer before its time than it would have been good for. What waits for a
    reason, such as a patient's quiet hours or a carrier, is left to wait.
    """
    now = clock.now()
    later = beside.filter(
        status=DeliveryStatus.PLANNED,
        attempts=0,
        due_at__gt=now,
        due_at__lte=now + households.STRETCH,
    )
    rows = list(later.select_related("notification"))
    with keys_loaded(numbers):
        return {row.pk for row in going_with(texts, rows, numbers=numbers, now=now)}


def going_with(
    texts: Sequence[Delivery],
    later: Sequence[Delivery],
    *,
    numbers: Mapping[UUID, set[str]],
    now: datetime,
) -> list[Delivery]:
    """Return which of the later texts may go now with some that are due. Pure; `now` is aware."""
    leads = {(number, word) for row in texts if later for number, word in _keys(row, numbers)}
    return [
        row
        for row in later
        if households.is_near(due_at=row.due_at, expires_at=row.expires_at, now=now)
        and leads & _keys(row, numbers)
    ]


def _keys(row: Delivery, numbers: Mapping[UUID, set[str]]) -> set[tuple[str, str]]:
    payload = payload_in(row.notification)
    together = payload.together() if payload is not None else ""
    mine = numbers.get(row.notification.patient_id, set()) if together else set()
    return {(number, together) for number in mine}


def _without_missing(
    rows: Sequence[Delivery], *, missing: set[UUID], numbers: Mapping[UUID, set[str]]
) -> list[Delivery]:
    if not missing:
        return list(rows)
    others = Delivery.objects.filter(pk__in=missing)
    patients = set(others.values_list("notification__patient_id", flat=True))
    return without_parts(rows, gone=patients, numbers=numbers)


def is_early(verdict: Verdict) -> bool:
    """Return whether a text was looked at ahead of its time, and goes with no other after all.

    Not one that cannot be written: the others would wait for it to lead them.
    """
    is_alone = verdict.into is None and not verdict.merged
    is_lost = verdict.decision.reason == Reason.UNWRITABLE
    return (
        is_alone and not is_lost and verdict.row.due_at > clock.now() and goes_together(verdict.row)
    )


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

"""The addresses of what is claimed, held until its attempts are committed.

Whoever says STOP then either comes first and is heard, or waits for an attempt that had already
begun. A number is held in the name of everybody of a household: who holds it alone counts its
texts, so that two cannot take the last one.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Q

from notifications.enums import ContactKind
from notifications.models import ContactPoint, Delivery
from notifications.told import may_be_the_same


def with_free_addresses(due: Sequence[Delivery]) -> list[Delivery]:
    """Lock the addresses of these rows' patients; leave out whom somebody else is at work on.

    An import holds addresses and then wants deliveries: waiting here for it, with deliveries in
    hand, would be a deadlock. `no_key`: a message may be made to an address meanwhile.
    """
    patients = {row.notification.patient_id for row in due}
    counted = _counted_together(due, patients)
    theirs = ContactPoint.objects.filter(Q(patient_id__in=patients) | Q(value_index__in=counted))
    locked = theirs.order_by("id").select_for_update(no_key=True, skip_locked=True)
    held = set(locked.values_list("id", flat=True))
    found = list(theirs.values_list("id", "patient_id", "value_index"))
    at_work_on = {value for pk, _patient_id, value in found if pk not in held} & counted
    busy = {patient for pk, patient, value in found if pk not in held or value in at_work_on}
    return [row for row in due if row.notification.patient_id not in busy]


def _counted_together(due: Sequence[Delivery], patients: set[UUID]) -> set[str]:
    """Return the addresses of these patients where it matters what others there are sent.

    Numbers that may get texts; any address, where a message may be the same for several patients.
    The mailbox that a practice writes down for all who have none is not locked for each of them.
    """
    counted = Q(kind=ContactKind.PHONE, verified_at__isnull=False)
    if any(may_be_the_same(row.notification.type) for row in due):
        counted = Q()
    own = ContactPoint.objects.filter(counted, patient_id__in=patients)
    return set(own.values_list("value_index", flat=True))

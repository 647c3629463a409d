"""What goes as one is claimed as one, however many rows a claim looks at.

A summary is due for all of a patient's messages at the same moment. Were some of them left for
the next claim, a second e-mail would follow the first an instant later.
"""

from collections.abc import Sequence

from django.db import connection
from django.db.models import QuerySet

from notifications import clock, preferences
from notifications.enums import (
    OPEN_STATUSES,
    ContactKind,
    PatientNotificationChannel,
    PatientNotificationPriority,
)
from notifications.models import Delivery

LOW = PatientNotificationPriority.LOW.rank


def gather(due: Sequence[Delivery]) -> list[Delivery]:
    """Return what is due with the rest of each summary that is begun, locked.

    The patients' addresses are held, so nobody else sends to them. Where somebody holds one of
    the rows all the same, none of that summary is returned: nothing is waited for here.
    """
    wanted = {row.notification.patient_id for row in due if _may_be_part(row)}
    settings = preferences.settings_of_all(patient_ids=wanted) if wanted else {}
    patients = {patient_id for patient_id, chosen in settings.items() if chosen.digest}
    if not patients:
        return list(due)
    others = _due_of(patients).exclude(pk__in=[row.pk for row in due])
    there = list(others.values_list("pk", "notification__patient_id"))
    got = list(_locked(others)) if there else []
    held = {pk for pk, _patient in there} - {row.pk for row in got}
    busy = {patient_id for pk, patient_id in there if pk in held}
    return [
        row
        for row in [*due, *got]
        if not (_may_be_part(row) and row.notification.patient_id in busy)
    ]


def _may_be_part(row: Delivery) -> bool:
    return row.rank == LOW and row.channel in _mails()


def _mails() -> list[str]:
    classes = PatientNotificationChannel.classes()
    return [cls.key for cls in classes if cls.contact_kind == ContactKind.EMAIL]


def _due_of(patients: set) -> QuerySet[Delivery]:
    return Delivery.objects.filter(
        status__in=OPEN_STATUSES,
        due_at__lte=clock.now(),
        rank=LOW,
        channel__in=_mails(),
        notification__patient_id__in=patients,
    )


def _locked(rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    rows = rows.select_related("notification").order_by("due_at", "id")
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True, of=("self",))
    return rows

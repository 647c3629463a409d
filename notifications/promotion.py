"""From a plan that is due to a message, or to the reason why there is none."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction

from notifications import audit, clock, households, realtime, windows
from notifications.crypto import keys_loaded
from notifications.enums import AuditAction, PlanStatus, Reason
from notifications.facts import payload_in, profiles_for
from notifications.models import ScheduledNotification
from notifications.services import patient_notification_service
from notifications.types import NotificationPayload, PatientProfile

logger = logging.getLogger(__name__)

ACTOR = "system:scheduler"


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What becomes of a plan that is due: SENT is to be made, of anything else the reason."""

    status: PlanStatus = PlanStatus.SENT
    reason: Reason = Reason.NONE
    payload: NotificationPayload | None = None


UNWRITABLE = Fate(status=PlanStatus.CANCELLED, reason=Reason.UNWRITABLE)


@transaction.atomic
def promote(*, limit: int) -> list[ScheduledNotification]:
    """Turn a batch of due plans into messages; return those looked at, as they now stand.

    Inboxes are locked before plans, in the order of ids, as everyone does who holds several; a
    plan somebody else holds is left to them.
    """
    rows = _due(limit)
    found = fates(rows, now=clock.now())
    for row in rows:
        _settle(row, found[row.pk])
    if rows:
        windows.passing(windows.Window.BEFORE_PLAN)
    return rows


def fates(
    plans: Sequence[ScheduledNotification],
    *,
    now: datetime,
    profiles: Mapping[UUID, PatientProfile] | None = None,
) -> dict[UUID, Fate]:
    """Return what becomes of plans that are due at `now` (aware, the clock's time), by id.

    Writes nothing and takes a fixed number of queries; a forecast asks it too, which has the
    patients' `profiles` at hand.
    """
    patients = {plan.patient_id for plan in plans}
    known = profiles_for(patients) if profiles is None and patients else profiles or {}
    with keys_loaded(patients):
        payloads = {plan.pk: payload_in(plan) for plan in plans}
    gone = _irrelevant(list(payloads.values()))
    departed = {pk for pk in patients if pk in known and known[pk].is_departed}
    over = households.overtaken(plans, now=now)
    over |= {plan.pk for plan in plans if plan.expires_at is not None and plan.expires_at <= now}
    return {
        plan.pk: _fate(
            payloads[plan.pk],
            is_over=plan.pk in over,
            is_departed=plan.patient_id in departed,
            is_gone=payloads[plan.pk] in gone,
        )
        for plan in plans
    }


def _fate(
    payload: NotificationPayload | None, *, is_over: bool, is_departed: bool, is_gone: bool
) -> Fate:
    if is_over:
        return Fate(status=PlanStatus.EXPIRED, reason=Reason.EXPIRED)
    if is_departed:
        return Fate(status=PlanStatus.CANCELLED, reason=Reason.DEPARTED)
    if payload is None:
        return UNWRITABLE
    if is_gone:
        return Fate(status=PlanStatus.CANCELLED, reason=payload.gone_because)
    return Fate(payload=payload)


def _due(limit: int) -> list[ScheduledNotification]:
    """Return due plans and what goes with them, held for this transaction, by patients.

    A household's plans of one day are made together, the later ones ahead of their time, so that
    one text can say all of it.
    """
    planned = ScheduledNotification.objects.filter(status=PlanStatus.PLANNED)
    due = planned.filter(due_at__lte=clock.now()).order_by("due_at", "id").defer("payload")
    first = list(due[:limit])
    first += households.due_together(first, planned)
    realtime.lock_all(patient_ids=[plan.patient_id for plan in first])
    rows = planned.filter(pk__in=[plan.pk for plan in first])
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True)
    return sorted(rows, key=lambda row: (row.patient_id, row.due_at))


def _irrelevant(payloads: Sequence[NotificationPayload | None]) -> set[NotificationPayload]:
    known = [payload for payload in payloads if payload is not None]
    classes = {type(payload) for payload in known}
    return set().union(
        *(cls.irrelevant([each for each in known if type(each) is cls]) for cls in classes)
    )


def _settle(row: ScheduledNotification, fate: Fate) -> None:
    row.status, row.reason = fate.status, fate.reason
    if fate.payload is not None:
        _make(row, fate.payload)
    row.settled_at = clock.now()
    row.save(update_fields=["status", "reason", "notification", "settled_at"])
    if row.status != PlanStatus.SENT:
        audit.record(
            action=AuditAction.PLAN,
            actor=ACTOR,
            patient_id=row.patient_id,
            obj=row,
            status=str(row.status),
        )


def _make(row: ScheduledNotification, payload: NotificationPayload) -> None:
    """Make the message of a plan. One that cannot be written must not keep the others waiting."""
    try:
        with transaction.atomic():
            row.notification = patient_notification_service.create_notification(
                patient_id=row.patient_id, payload=payload, key=row.key, subject=row.subject
            )
        row.status = PlanStatus.SENT
    except (OperationalError, InterfaceError):  # the database is away, or wants it again
        raise
    except Exception as fault:
        logger.error("plan %s cannot be written: %s", row.pk, type(fault).__name__)
        row.status, row.reason = UNWRITABLE.status, UNWRITABLE.reason

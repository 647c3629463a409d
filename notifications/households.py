"""Who shares a number: plans of a household that go together, and how to address all of them.

A household is known by its number alone. Nothing here tells one of its patients of another.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from notifications import clock
from notifications.enums import ContactKind, PlanStatus
from notifications.facts import GONE
from notifications.models import ContactPoint, ScheduledNotification
from notifications.types import PatientProfile

STRETCH = timedelta(hours=12)  # visits of one day have reminders due within it


def numbers_around(patient_ids: Collection[UUID]) -> dict[UUID, set[str]]:
    """Return the numbers in use, by their indexes, of these patients and of all who share one.

    One query.
    """
    phones = ContactPoint.objects.filter(kind=ContactKind.PHONE).exclude(status__in=GONE)
    theirs = phones.filter(patient_id__in=patient_ids).values("value_index")
    found: dict[UUID, set[str]] = defaultdict(set)
    rows = phones.filter(value_index__in=theirs).order_by()
    for patient_id, number in rows.values_list("patient_id", "value_index"):
        found[patient_id].add(number)
    return dict(found)


def sharers(patient_ids: Collection[UUID]) -> set[UUID]:
    """Return these patients and all who share an address with them, or with one who does."""
    found, new = set(patient_ids), set(patient_ids)
    addresses = ContactPoint.objects.exclude(status__in=GONE).order_by()
    while new:
        theirs = addresses.filter(patient_id__in=new).values("value_index")
        same = addresses.filter(value_index__in=theirs).values_list("patient_id", flat=True)
        new = set(same) - found
        found |= new
    return found


def common_profile(profiles: Iterable[PatientProfile]) -> PatientProfile | None:
    """Return how to address all of them at once: in our own language where theirs differ."""
    found = list(profiles)
    if not found:
        return None
    if len({profile.language for profile in found}) == 1:
        return found[0]
    return replace(found[0], language=settings.LANGUAGE_CODE)


# -- plans --------------------------------------------------------------------------------------


def is_due_with(
    plan: ScheduledNotification, *, other: ScheduledNotification, now: datetime
) -> bool:
    """Return whether a plan goes with another that is due now. Pure; `now` is aware.

    The same rule of the same day and place, and not longer before its time than it would have
    been good for: a reminder of two hours is not brought forward by a morning.
    """
    is_same = bool(plan.together) and plan.together == other.together and plan.rule == other.rule
    return is_same and is_near(due_at=plan.due_at, expires_at=plan.expires_at, now=now)


def is_near(*, due_at: datetime, expires_at: datetime | None, now: datetime) -> bool:
    """Return whether what is due later may go now, with another. Pure; all are aware."""
    good_for = STRETCH if expires_at is None else expires_at - due_at
    return due_at - now <= min(STRETCH, good_for)


def due_together(
    due: Sequence[ScheduledNotification], planned: QuerySet[ScheduledNotification]
) -> list[ScheduledNotification]:
    """Return, of what is planned, what goes with these plans to the same numbers. Unlocked.

    Two queries, none where nothing of them goes together.
    """
    now = clock.now()
    leads = [plan for plan in due if plan.together and not _is_over(plan, now)]
    if not leads:
        return []
    others = planned.filter(
        status=PlanStatus.PLANNED,
        together__in={plan.together for plan in leads},
        due_at__lte=now + STRETCH,
    ).exclude(pk__in=[plan.pk for plan in due])
    found = list(others.defer("payload"))
    if not found:
        return []
    numbers = numbers_around([plan.patient_id for plan in leads])
    return going_with(leads, found, numbers=numbers, now=now)


def going_with(
    due: Sequence[ScheduledNotification],
    planned: Sequence[ScheduledNotification],
    *,
    numbers: Mapping[UUID, set[str]],
    now: datetime,
) -> list[ScheduledNotification]:
    """Return which of the planned go with some that are due. Pure; `now` is aware."""
    leads = [plan for plan in due if plan.together and not _is_over(plan, now)]
    days = {lead.together for lead in leads}  # most plans are of other days or places
    return [
        plan
        for plan in planned
        if plan.together in days and _goes_with_any(plan, leads, numbers, now)
    ]


def overtaken(plans: Sequence[ScheduledNotification], *, now: datetime) -> set[UUID]:
    """Return which plans are over because the next of the same subject is made ahead of its time.

    As when that had come: a step expires when the next is due. Pure; `now` is aware.
    """
    ahead = {(plan.patient_id, plan.subject): plan.due_at for plan in plans if plan.due_at > now}
    next_due = [(plan, ahead.get((plan.patient_id, plan.subject))) for plan in plans]
    return {
        plan.pk
        for plan, due_at in next_due
        if due_at is not None and plan.due_at <= now and plan.expires_at == due_at
    }


def _is_over(plan: ScheduledNotification, now: datetime) -> bool:
    return plan.expires_at is not None and plan.expires_at <= now


def _goes_with_any(
    plan: ScheduledNotification,
    leads: Sequence[ScheduledNotification],
    numbers: Mapping[UUID, set[str]],
    now: datetime,
) -> bool:
    mine = numbers.get(plan.patient_id, set())
    return any(
        is_due_with(plan, other=lead, now=now) and mine & numbers.get(lead.patient_id, set())
        for lead in leads
    )

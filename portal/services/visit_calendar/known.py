"""Reads what planning knows of visits: a fixed number of queries, and only what the rules need."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import Min, Q

from notifications import calls, clock, plans
from notifications.enums import CallReason
from notifications.plans import Plan
from notifications.scheduler import notification_scheduler_service
from portal.models import Appointment, ClosedDay, PatientForm, ReminderRule
from portal.notification_types.forms_due import FormsDuePayload
from portal.notification_types.review_request import ReviewRequestPayload
from portal.services.visit_calendar.facts import VisitFacts
from portal.services.visit_calendar.hours import Hours
from portal.services.visit_calendar.visit_plans import VisitPlan, plans_of, to_plan

What, Status = ReminderRule.What, Appointment.Status
Rules = Mapping[UUID, Sequence[ReminderRule]]  # by location


@dataclass(kw_only=True)
class Known:
    """What is known of some visits beside their own rows."""

    rules: dict[UUID, list[ReminderRule]]
    closed: dict[UUID | None, set[date]] = field(default_factory=dict)  # None: everywhere
    told: Mapping[str, datetime] = field(default_factory=dict)
    told_of_forms: Mapping[str, datetime] = field(default_factory=dict)
    forms: dict[UUID, list[str]] = field(default_factory=dict)
    first_kept: dict[UUID, datetime] = field(default_factory=dict)  # by patient
    reviews: list[Plan] = field(default_factory=list)
    to_move: Collection[str] = ()  # subjects

    def hours(self, visit: Appointment) -> Hours:
        here = visit.location
        closed = self.closed.get(here.pk, set()) | self.closed.get(None, set())
        return Hours.of(here, closed=closed)

    def facts(self, visit: Appointment, *, closed_at: datetime | None = None) -> VisitFacts:
        """Return what planning a visit takes; its location, provider and patient are loaded."""
        first = self.first_kept.get(visit.patient_id)
        return VisitFacts(
            visit=visit,
            is_first_visit=first is None or first >= visit.starts_at,
            has_left=bool(visit.patient.departure),
            open_forms=tuple(self.forms.get(visit.pk, ())),
            told_at=self.told.get(visit.subject),
            forms_told_at=self.told_of_forms.get(visit.subject),
            closed_at=closed_at,
            last_review_at=self._last_review(visit),
            is_to_move=visit.subject in self.to_move,
        )

    def plans(
        self, facts: VisitFacts, *, now: datetime, is_change: bool
    ) -> tuple[list[VisitPlan], list[VisitPlan]]:
        """Return every step of a visit that is not over, and those still to be sent."""
        rules = self.rules.get(facts.visit.location_id, ())
        steps = plans_of(facts, rules=rules, hours=self.hours(facts.visit), now=now)
        return steps, to_plan(steps, facts=facts, now=now, is_change=is_change)

    def _last_review(self, visit: Appointment) -> datetime | None:
        others = (
            plan.due_at
            for plan in self.reviews
            if plan.patient_id == visit.patient_id and plan.subject != visit.subject
        )
        return max(others, default=None)


def known_about(
    visits: Collection[Appointment],
    *,
    rules: Rules | None = None,
    told: Mapping[str, datetime] | None = None,
) -> Known:
    """Return what planning these visits takes.

    `rules` stand in for those of the tables, such as in a dry run; `told` says when patients last
    heard of each subject (aware), and is looked up if None.
    """
    known = Known(rules=rules_of(visits) if rules is None else {**rules})
    whats = {rule.what for some in known.rules.values() for rule in some}
    subjects = [visit.subject for visit in visits]
    if What.CONFIRM in whats:
        known.closed = _closed_days(visits)
    if What.FORMS in whats:
        known.forms = open_forms_of(visits)
    if any(_asks_who_is_new(rule) for some in known.rules.values() for rule in some):
        known.first_kept = _first_kept(visits)
    if What.REVIEW in whats and any(visit.status == Status.COMPLETED for visit in visits):
        known.reviews = plans.standing_of_type(
            patient_ids={visit.patient_id for visit in visits},
            type_key=ReviewRequestPayload.type_key,
        )
    known.to_move = calls.open_about(subjects=subjects, reason=CallReason.MOVE)
    ask = notification_scheduler_service.last_told
    known.told = ask(subjects=subjects) if told is None else told
    if known.forms:
        known.told_of_forms = ask(subjects=subjects, type_key=FormsDuePayload.type_key)
    return known


def rules_of(visits: Iterable[Appointment]) -> dict[UUID, list[ReminderRule]]:
    """Return the rules in force at the places of these visits, by place."""
    found: dict[UUID, list[ReminderRule]] = {}
    places = {visit.location_id for visit in visits}
    for rule in ReminderRule.objects.filter(location_id__in=places, is_active=True):
        found.setdefault(rule.location_id, []).append(rule)
    return found


def open_forms_of(visits: Iterable[Appointment]) -> dict[UUID, list[str]]:
    """Return the names of the forms still to be filled in for each visit, oldest first."""
    rows = PatientForm.objects.filter(
        appointment_id__in=[visit.pk for visit in visits], completed_at=None
    )
    found: dict[UUID, list[str]] = {}
    for form in rows.order_by("requested_at", "pk"):
        found.setdefault(form.appointment_id, []).append(form.name)
    return found


def _closed_days(visits: Iterable[Appointment]) -> dict[UUID | None, set[date]]:
    places = {visit.location_id for visit in visits}
    long_ago = clock.now().date() - timedelta(days=90)
    rows = ClosedDay.objects.filter(
        Q(location_id__in=places) | Q(location=None), on__gte=long_ago
    ).values_list("location_id", "on")
    found: dict[UUID | None, set[date]] = {}
    for place, day in rows:
        found.setdefault(place, set()).add(day)
    return found


def _asks_who_is_new(rule: ReminderRule) -> bool:
    return rule.audience != ReminderRule.Audience.EVERYONE


def _first_kept(visits: Iterable[Appointment]) -> dict[UUID, datetime]:
    """Return when each patient was here for the first time."""
    kept = Appointment.objects.filter(
        patient_id__in={visit.patient_id for visit in visits}, status=Status.COMPLETED
    )
    return dict(kept.values_list("patient_id").annotate(first=Min("starts_at")).order_by())

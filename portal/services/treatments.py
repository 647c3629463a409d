"""Treatment that was agreed on and that nobody has booked: two reminders, then a person's turn.

They go as a suggestion of the care team (`clinical_recommendation`): that is what they are, and
outside the portal that type says nothing but that there is a message.
"""

from datetime import date
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from notifications import clock
from notifications.enums import Reason
from notifications.scheduler import notification_scheduler_service
from notifications.types import Refused
from portal.models import PlannedTreatment, Provider
from portal.notification_types.clinical_recommendation import ClinicalRecommendationPayload
from portal.services.entries import known
from portal.services.planning import check_days, note, patient_here, plan_steps
from portal.services.timing import A_DAY, Step, day_of, steps_about, still_to_go, zone_of

STEPS = {"14-after": 14, "45-after": 45}  # days after it was agreed on
GOOD_FOR = 90  # days, for the last


@transaction.atomic
def plan_treatment(
    *,
    patient_id: UUID,
    provider_id: UUID,
    summary: str,
    actor: str,
    next_step: str = "",
    planned_on: date | None = None,
) -> PlannedTreatment:
    """Note what a patient agreed to, and remind them to book it 14 and 45 days later.

    `planned_on` is today if None. Whoever has any visit ahead, or is done, is not reminded.
    Raises Refused naming the field.
    """
    patient = patient_here(patient_id)
    provider = known(Provider.objects, provider_id, "provider_id")
    if not summary.strip():
        raise Refused(_("Say what is planned."), field="summary")
    check_days(planned_on=planned_on)
    zone = zone_of(patient.pk)
    today = day_of(clock.now(), zone=zone)
    if planned_on is not None and planned_on > today:
        raise Refused(_("This day is still to come."), field="planned_on")
    row = PlannedTreatment.objects.create(
        patient=patient,
        provider=provider,
        summary=summary.strip(),
        next_step=next_step.strip() or None,
        planned_on=planned_on or today,
        created_at=clock.now(),
    )
    note(row, patient_id=patient.pk, change="planned", actor=actor)
    _plan(row, zone=zone)
    return row


@transaction.atomic
def end_treatment(*, treatment_id: UUID, actor: str) -> PlannedTreatment:
    """Note that it is booked, done or dropped: nobody is reminded any more. Twice: no change."""
    row = known(PlannedTreatment.objects.select_for_update(), treatment_id, "treatment_id")
    if row.ended_at is None:
        row.ended_at = clock.now()
        row.save(update_fields=["ended_at"])
        note(row, patient_id=row.patient_id, change="ended", actor=actor)
        notification_scheduler_service.cancel(subject=row.subject, reason=Reason.WITHDRAWN)
    return row


def resume_treatments(patient_id: UUID) -> None:
    """Plan what is still open of somebody who is a patient again."""
    rows = PlannedTreatment.objects.select_for_update(of=("self",)).select_related("provider")
    for row in rows.filter(patient=patient_id, ended_at=None).order_by("pk"):
        _plan(row, zone=zone_of(patient_id))


def _plan(row: PlannedTreatment, *, zone: str) -> None:
    until = row.planned_on + GOOD_FOR * A_DAY
    steps = steps_about(row.planned_on, days=STEPS, until=until, zone=zone)
    plan_steps(
        still_to_go(steps, now=clock.now(), zone=zone),
        patient_id=row.patient_id,
        subject=row.subject,
        prefix=f"treatment:{row.pk}",
        payload=lambda step: _payload(row, step),
    )


def _payload(row: PlannedTreatment, step: Step) -> ClinicalRecommendationPayload:
    return ClinicalRecommendationPayload(
        recommendation_id=row.pk,
        provider_name=row.provider.name,
        recommendation=row.summary,
        next_step=row.next_step or "",
        treatment_id=row.pk,
        current_until=step.follows_at,
    )

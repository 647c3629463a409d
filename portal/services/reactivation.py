"""Inviting back who has not been here for long. Advertising: it reaches only who asked for it."""

from datetime import timedelta
from uuid import UUID

from notifications import clock
from notifications.enums import Reason
from notifications.scheduler import notification_scheduler_service
from portal.models import Appointment
from portal.notification_types.patient_reactivation import PatientReactivationPayload
from portal.services.planning import plan_steps
from portal.services.timing import Step, day_of, months_later, ten_o_clock, zone_of

AFTER_MONTHS = 18
GOOD_FOR = timedelta(days=180)


def plan_reactivation(patient_id: UUID) -> None:
    """Plan the invitation for a year and a half after a patient's last visit, instead of any other.

    In the caller's transaction, whenever a visit takes place or did not after all. A visit longer
    ago than that invites nobody: its day has passed, such as of an old book that is imported.
    """
    subject = f"reactivation:{patient_id}"
    notification_scheduler_service.cancel(subject=subject, reason=Reason.WITHDRAWN)
    visit = last_visit_of(patient_id)
    if visit is None:
        return
    last_on = day_of(visit.starts_at, zone=visit.location.zone)
    due_at = ten_o_clock(months_later(last_on, AFTER_MONTHS), zone=zone_of(patient_id))
    if due_at <= clock.now():
        return
    plan_steps(
        [Step(name="18-months", due_at=due_at, expires_at=due_at + GOOD_FOR)],
        patient_id=patient_id,
        subject=subject,
        prefix=f"reactivation:{visit.pk}",
        payload=lambda _step: PatientReactivationPayload(
            appointment_id=visit.pk, last_visit_on=last_on
        ),
    )


def last_visit_of(patient_id: UUID) -> Appointment | None:
    """Return the latest visit of a patient that took place."""
    rows = Appointment.objects.filter(
        patient_id=patient_id, status=Appointment.Status.COMPLETED
    ).select_related("location")
    return rows.defer("reason", "notes", "treatment", "watch_for").order_by("-starts_at").first()

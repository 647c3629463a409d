"""What a patient answers to a message, noted on the message and in the book at once."""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from notifications.services import patient_notification_service
from notifications.types import Refused
from portal.models import Appointment
from portal.notification_types._visit import EXAMPLE_VISIT
from portal.services.visits import confirm, user_of


@transaction.atomic
def answer(*, patient_id: UUID, notification_id: UUID, action: str, actor: str):
    """Take a patient's answer to one of their messages; return the notification.

    A second press changes nothing. Raises PatientNotification.DoesNotExist for a message that is
    not theirs, and Refused when the visit can no longer be answered for.
    """
    notification = patient_notification_service.act(
        patient_id=patient_id,
        notification_id=notification_id,
        action=action,
        actor_id=user_of(actor),
    )
    visit_id = notification.payload.get("appointment_id")
    if action == "confirm" and visit_id and UUID(visit_id) != EXAMPLE_VISIT:
        _require_own(patient_id=patient_id, visit_id=visit_id)
        confirm(appointment_id=visit_id, actor=actor)
    return notification


def _require_own(*, patient_id: UUID, visit_id: UUID) -> None:
    if not Appointment.objects.filter(pk=visit_id, patient_id=patient_id).exists():
        raise Refused(_("There is no such entry in the book."), field="appointment_id")

"""What a patient answers to a message, noted in the book and on the message at once."""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from notifications.services import patient_notification_service
from notifications.types import Refused
from portal.models import Appointment, WaitingListEntry
from portal.notification_types._visit import EXAMPLE_VISIT
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.notification_types.opening_offer import OpeningOfferPayload
from portal.services.openings import accept_opening
from portal.services.visits import confirm


@transaction.atomic
def answer(*, patient_id: UUID, notification_id: UUID, action: str, actor: str):
    """Take a patient's answer to one of their messages; return the notification.

    Pages call it, and so does the engine for an answer by text (`NOTIFICATIONS_ANSWERS`), with
    `system:reply:<id>` as the actor. A second press changes nothing. Raises
    PatientNotification.DoesNotExist for a message that is not theirs, and Refused for what it does
    not ask or the visit no longer allows.
    """
    notification = patient_notification_service.get(
        patient_id=patient_id, notification_id=notification_id
    )
    is_reminder = notification.type == AppointmentReminderPayload.type_key
    if action == "confirm" and is_reminder and notification.action_taken != action:
        payload = AppointmentReminderPayload.load(notification.payload)
        # The visit is locked before the inbox, as by everything else that changes a visit.
        _confirm_visit(payload, patient_id=patient_id, actor=actor)
    if action == "accept" and notification.type == OpeningOfferPayload.type_key:
        _take_time(OpeningOfferPayload.load(notification.payload), patient_id, actor=actor)
    return patient_notification_service.act(
        patient_id=patient_id,
        notification_id=notification_id,
        action=action,
        actor=actor,
    )


def _confirm_visit(payload: AppointmentReminderPayload, *, patient_id: UUID, actor: str) -> None:
    """Confirm the visit a message speaks of, as long as it stands as the message says."""
    if payload.appointment_id == EXAMPLE_VISIT:
        return
    own = Appointment.objects.select_for_update().filter(patient_id=patient_id)
    visit = own.filter(pk=payload.appointment_id).first()
    if visit is None:
        raise Refused(_("There is no such entry in the book."), field="action")
    if not payload.describes(visit):
        raise Refused(_("This visit has changed. Please read the newer message."), field="action")
    confirm(appointment_id=visit.pk, actor=actor)


def _take_time(payload: OpeningOfferPayload, patient_id: UUID, *, actor: str) -> None:
    """Take the time a message offers, if it is this patient's place on the waiting list."""
    own = WaitingListEntry.objects.filter(patient_id=patient_id, pk=payload.entry_id)
    if payload.opening_id and own.exists():
        accept_opening(opening_id=payload.opening_id, entry_id=payload.entry_id, actor=actor)

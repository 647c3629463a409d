"""A visit as a file for the patient's own calendar: the same entry as mail about it brings."""

from notifications import clock
from notifications.calendar import calendar_file
from portal.access import public_name
from portal.models import Appointment
from portal.notification_types._visit import visit_fields
from portal.notification_types.appointment_cancelled import AppointmentCancelledPayload
from portal.notification_types.appointment_confirmed import AppointmentConfirmedPayload


def calendar_file_of(visit: Appointment) -> str:
    """Return the text of an iCalendar file (RFC 5545), in the current language.

    It says when and where and the practice's public name, no more: others may see that calendar.
    One of a cancelled visit takes it out again.
    """
    is_off = visit.status == Appointment.Status.CANCELLED
    payload_class = AppointmentCancelledPayload if is_off else AppointmentConfirmedPayload
    event = payload_class(**visit_fields(visit)).calendar(practice_name=public_name())
    return calendar_file(event, now=clock.now())

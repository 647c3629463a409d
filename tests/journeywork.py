"""The other side of the journey: the desk, the carriers and Ana's phone, in a process of their own.

Does one job a line and answers it, as tests/browser/deskwork.py does. The carriers' calls are
signed by the stand-in's own code and posted to the site over HTTP.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from notifications import clock
from notifications.contacts import devices
from notifications.models import Delivery, PatientNotification
from notifications.providers import outbox_calls
from notifications.providers.outbox import OutboxMessage
from notifications.providers.outbox_carrier import post_here, send_reply
from portal import services
from portal.models import Appointment, User
from portal.notification_types._visit import SETTLES_FOR
from tests.browser import deskwork
from tests.browser.desk import PASSWORD
from tests.browser.deskwork import visit_status  # noqa: F401 - one of the jobs

ACTOR = "system:desk"
# The receiver's keys of the example in RFC 8291, section 5.
DEVICE_KEYS = {
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcx"
    "aOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}


def look_up(*, first_name: str) -> dict[str, str]:
    """Return the ids of a patient the file brought, and of their one visit."""
    patient = User.objects.get(first_name=first_name)
    return {"patient": str(patient.pk), "visit": str(patient.appointments.get().pk)}


def invite(*, patient_id: UUID) -> None:
    """Give a patient the password they chose."""
    patient = User.objects.get(pk=patient_id)
    patient.set_password(PASSWORD)
    patient.save()


def hire(*, email: str) -> None:
    """Let somebody work in the admin."""
    User.objects.create_superuser(username=email, password=PASSWORD)


def register_device(*, patient_id: UUID, label: str) -> None:
    """Register a browser, as its push service would name it."""
    devices.add_device(
        patient_id=patient_id,
        endpoint="https://updates.push.services.mozilla.com/wpush/v2/anas-phone",
        **DEVICE_KEYS,
        label=label,
        actor=ACTOR,
    )


def book_another(*, visit_id: UUID, days: int) -> None:
    """Book a visit like one that is there, some days later; a while ago, so that it is settled."""
    visit, later = Appointment.objects.get(pk=visit_id), timedelta(days=days)
    with clock.at(clock.now() - SETTLES_FOR):
        services.book(
            patient_id=visit.patient_id,
            provider_id=visit.provider_id,
            location_id=visit.location_id,
            starts_at=visit.starts_at + later,
            ends_at=visit.ends_at + later,
            actor=ACTOR,
        )


def move(*, visit_id: UUID, days: int) -> None:
    """Move a visit by whole days, and tell the patient; a while ago, so that it is settled."""
    visit = Appointment.objects.get(pk=visit_id)
    later = timedelta(days=days)
    with clock.at(clock.now() - SETTLES_FOR):
        services.reschedule(
            appointment_id=visit.pk,
            starts_at=visit.starts_at + later,
            ends_at=visit.ends_at + later,
            actor=ACTOR,
        )


def told(*, patient_id: UUID, type_key: str) -> dict[str, Any] | None:
    """Return a patient's one message of a type with what became of it, a channel each."""
    row = PatientNotification.objects.filter(patient_id=patient_id, type=type_key).first()
    if row is None:
        return None
    ways = {
        each.channel: {"id": str(each.pk), "status": each.status, "reason": each.reason}
        for each in Delivery.objects.filter(notification=row)
    }
    return {"id": str(row.pk), "ways": ways}


def outbox(*, channel: str) -> list[dict[str, str]]:
    """Return what left on a channel, oldest first."""
    rows = OutboxMessage.objects.filter(channel=channel).order_by("id")
    return [{"to": row.to, "text": row.content["text"], "about": row.delivery_id} for row in rows]


def carrier_says(*, about: str, said: str, forged: bool = False) -> int:
    """Post one receipt as its carrier would, or as a forger; return the site's answer."""
    message = OutboxMessage.objects.get(delivery_id=about)
    report = outbox_calls.event if message.channel == "email" else outbox_calls.status
    call = report(message, said, "30005")
    if forged:
        call = replace(call, headers=dict.fromkeys(call.headers, "not the carrier's"))
    answer = post_here(call.url, call.body, content_type=call.content_type, headers=call.headers)
    return answer.status_code


def text_from(*, number: str, text: str) -> str:
    """Send a text from a patient's phone; return what the practice answers."""
    return send_reply(number=number, text=text)


def main() -> None:
    deskwork.main(globals())

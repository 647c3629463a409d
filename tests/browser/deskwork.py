"""The desk's own process: does one job a line and answers it. See desk.py."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.sessions.models import Session

from notifications import clock, contacts, preferences
from notifications.models import Consent
from notifications.providers.outbox import OutboxMessage
from notifications.services import patient_notification_service as service
from portal import services
from portal.models import Appointment, Guardianship, Location, Practice, Provider, User
from portal.notification_types._visit import visit_fields
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.notification_types.message_from_provider import MessageFromProviderPayload
from tests.browser.desk import PASSWORD

ACTOR = "system:desk"


def admit(*, email: str, first_name: str, language: str = "en") -> str:
    """Let a patient in who has an account; return their id."""
    place = clinic()
    patient = User.objects.create_user(
        username=email,
        email=email,
        password=PASSWORD,
        first_name=first_name,
        last_name="Example",
        language=language,
        home_location=place,
    )
    return str(patient.pk)


def clinic() -> Any:
    zone = "America/New_York"
    practice = Practice.objects.first() or Practice.objects.create(
        name="Main Street Dental", phone="212-555-0100", zone=zone
    )
    found = Location.objects.first()
    return found or Location.objects.create(practice=practice, name="Main St", zone=zone)


def adopt(*, guardian: str, child: str) -> str:
    """Make somebody a child's guardian; return the child's id."""
    ward = User.objects.create(username=f"{child}-of-{guardian}", first_name=child)
    Guardianship.objects.create(guardian=User.objects.get(username=guardian), patient=ward)
    return str(ward.pk)


def tell(*, patient_id: UUID, texts: list[str], priority: str | None = None) -> list[str]:
    """Send messages from a provider; return their ids, in the order they were sent."""
    payloads = [MessageFromProviderPayload(provider_name="Dr Lee", text=text) for text in texts]
    made = [
        service.create_notification(patient_id=patient_id, payload=payload, priority=priority)
        for payload in payloads
    ]
    return [str(each.pk) for each in made]


def remind(*, patient_id: UUID) -> str:
    """Book a visit in three days and ask the patient to confirm; return the visit's id."""
    starts_at = (clock.now() + timedelta(days=3)).replace(minute=0, second=0, microsecond=0)
    visit = services.book(
        patient_id=patient_id,
        provider_id=Provider.objects.get_or_create(name="Dr Lee")[0].pk,
        location_id=clinic().pk,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=30),
        actor=ACTOR,
        announce=False,
    )
    payload = AppointmentReminderPayload(**visit_fields(visit), asks_to_confirm=True)
    service.create_notification(patient_id=patient_id, payload=payload, subject=visit.subject)
    return str(visit.pk)


def visit_status(*, visit_id: UUID) -> str:
    return Appointment.objects.get(pk=visit_id).status


def unread(*, patient_id: UUID) -> int:
    return service.unread_count(patient_id=patient_id)


def is_on(*, patient_id: UUID, type_key: str, channel: str) -> bool:
    return preferences.effective(patient_id=patient_id)[type_key].enabled[channel]


def give_email(*, patient_id: UUID, address: str) -> None:
    """Give a patient a verified address."""
    made = contacts.add(patient_id=patient_id, kind="email", value=address, actor=ACTOR)
    contacts.mark_verified(contact_id=made.pk, actor=ACTOR)


def devices(*, patient_id: UUID) -> list[str]:
    """Return the browsers a patient's pushes go to, by their names."""
    known = contacts.of_patient(patient_id=patient_id)
    return [each.label for each in known if each.kind == "push"]


def give_phone(*, patient_id: UUID, number: str) -> None:
    """Give a patient a verified number."""
    made = contacts.add(patient_id=patient_id, kind="phone", value=number, actor=ACTOR)
    contacts.mark_verified(contact_id=made.pk, actor=ACTOR)


def stop(*, number: str) -> None:
    """Let a number reply STOP."""
    contacts.opt_out(number=number, actor=ACTOR)


def sent_to(*, address: str) -> list[str]:
    """Return what left for an address, oldest first."""
    rows = OutboxMessage.objects.order_by("id")
    return [row.content["text"] for row in rows if row.to == address]


def consents(*, patient_id: UUID) -> list[list[Any]]:
    """Return what a patient said to which wording, and where, oldest first."""
    rows = Consent.objects.filter(contact__patient_id=patient_id).order_by("recorded_at")
    return [list(row) for row in rows.values_list("granted", "wording", "source")]


def end_sessions() -> None:
    """Sign everybody out, as a changed password elsewhere would."""
    Session.objects.all().delete()


def typed(name: str, value: Any) -> Any:
    """Return an argument as the services take it: ids are UUIDs."""
    return UUID(value) if name.endswith("_id") else value


def main(jobs: dict[str, Any] | None = None) -> None:
    """Do the jobs of this module, or of another's globals, until there are no more lines."""
    known = jobs or globals()
    for line in sys.stdin:
        job = json.loads(line)
        given = {name: typed(name, value) for name, value in job["with"].items()}
        answer = known[job["do"]](**given)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()

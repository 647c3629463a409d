"""The desk's own process: does one job a line and answers it. See desk.py."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session

from notifications import clock, consent, contacts, preferences
from notifications.enums import (
    OPEN_STATUSES,
    DeliveryStatus,
    PatientNotificationType,
    Purpose,
)
from notifications.models import Delivery, ScheduledNotification
from notifications.providers.outbox import OutboxMessage
from notifications.services import patient_notification_service as service
from portal import services
from portal.models import Appointment, Guardianship, Location, Practice, Provider, User
from portal.notification_types._visit import visit_fields
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.notification_types.message_from_provider import MessageFromProviderPayload
from tests.browser.desk import PASSWORD
from tests.browser.markers import equip, seat, sent_to, tell_all, traces, under_way

ACTOR = "system:desk"
WITH_MARKERS = (equip, seat, sent_to, tell_all, traces, under_way)


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


def session_of(*, email: str) -> str:
    """Open a session for somebody with an account, as signing in does; return its key."""
    user = User.objects.get(username=email)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return session.session_key


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


def reach(*, patient_id: UUID) -> None:
    """Give a patient an e-mail and a number, verified and agreed to, where it is about noon now."""
    patient = User.objects.get(pk=patient_id)
    hours = clock.now().hour - 12
    User.objects.filter(pk=patient_id).update(zone=f"Etc/GMT{hours:+d}" if hours else "UTC")
    number = f"+1212555{patient_id.int % 9000 + 1000}"
    for kind, value, wording in (
        ("email", patient.email, consent.CURRENT_EMAIL_WORDING),
        ("phone", number, consent.CURRENT_TEXT_WORDING),
    ):
        made = contacts.add(patient_id=patient_id, kind=kind, value=value, actor=ACTOR)
        made = contacts.mark_verified(contact_id=made.pk, actor=ACTOR)
        given = {"granted": True, "wording": wording, "source": "desk", "actor": ACTOR}
        consent.record(contact=made, purpose=Purpose.TREATMENT, **given)


def send_example(*, patient_id: UUID, type_key: str) -> str:
    """Send a type's example; return the message's id."""
    payload = PatientNotificationType.known(type_key).example()
    return str(service.create_notification(patient_id=patient_id, payload=payload).pk)


def left(*, notification_id: UUID) -> dict[str, Any]:
    """Return what left of a message so far, by channel, once nothing of it is still to leave."""
    rows = Delivery.objects.filter(notification_id=notification_id)
    if rows.filter(status__in=[*OPEN_STATUSES, DeliveryStatus.SENDING]).exists():
        return {}
    ids = [str(row.pk) for row in rows]
    return {row.channel: row.content for row in OutboxMessage.objects.filter(delivery_id__in=ids)}


def book_with_reminder(*, patient_id: UUID) -> list[str]:
    """Book a visit in three days, reminded of a day before; return when its plans are due."""
    place, _new = Location.objects.get_or_create(
        name="Elm St", defaults={"practice": clinic().practice, "zone": "America/New_York"}
    )
    place.reminder_rules.get_or_create(name="1-day", defaults={"minutes_before": 24 * 60})
    starts_at = (clock.now() + timedelta(days=3)).replace(minute=0, second=0, microsecond=0)
    visit = services.book(
        patient_id=patient_id,
        provider_id=Provider.objects.get_or_create(name="Dr Lee")[0].pk,
        location_id=place.pk,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=30),
        actor=ACTOR,
        announce=False,
    )
    plans = ScheduledNotification.objects.filter(subject=visit.subject).order_by("due_at")
    return [plan.due_at.isoformat() for plan in plans]


def hire(*, email: str) -> None:
    """Give somebody of the practice every right there is."""
    if not User.objects.filter(username=email).exists():
        User.objects.create_superuser(username=email, password=PASSWORD)


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

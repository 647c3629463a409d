"""The desk's own process: does one job a line and answers it. See desk.py."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from decimal import Decimal
from time import monotonic, sleep
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session

from notifications import calls, clock, consent, contacts, preferences
from notifications.enums import OPEN_STATUSES, DeliveryStatus, PatientNotificationType, Purpose
from notifications.models import Consent, Delivery, ScheduledNotification
from notifications.providers.outbox import OutboxMessage
from notifications.services import patient_notification_service as service
from portal import services
from portal.models import Appointment, Guardianship, Location, PatientForm, Practice, Provider, User
from portal.notification_types._visit import visit_fields
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.notification_types.forms_due import FormsDuePayload
from portal.notification_types.message_from_provider import MessageFromProviderPayload
from portal.notification_types.system_alert import SystemAlertPayload
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


def ask_for_form(*, patient_id: UUID, kind: str = "health_history") -> str:
    """Ask for a form before a visit, of which the patient hears; return the form's id."""
    visit = Appointment.objects.get(pk=remind(patient_id=patient_id))
    form = services.request_form(
        patient_id=patient_id, appointment_id=visit.pk, kind=kind, actor=ACTOR
    )
    payload = FormsDuePayload(**visit_fields(visit), forms=form.name)
    service.create_notification(patient_id=patient_id, payload=payload, subject=visit.subject)
    return str(form.pk)


def bill(*, patient_id: UUID, dollars: str = "120.50") -> str:
    """Issue a statement that is due in three weeks; return its id."""
    due_on = clock.now().date() + timedelta(days=21)
    row = services.issue_statement(
        patient_id=patient_id, amount=Decimal(dollars), due_on=due_on, actor=ACTOR
    )
    return str(row.pk)


def answers_to(*, form_id: UUID) -> dict[str, Any] | None:
    return PatientForm.objects.get(pk=form_id).answers


def furnish(*, patient_id: UUID, address: str) -> dict[str, str]:
    """Give a patient one of everything their pages show; return the ids by their names."""
    email = contacts.add(patient_id=patient_id, kind="email", value=address, actor=ACTOR)
    contacts.mark_verified(contact_id=email.pk, actor=ACTOR)
    visit = UUID(remind(patient_id=patient_id))
    form = services.request_form(
        patient_id=patient_id, kind="health_history", appointment_id=visit, actor=ACTOR
    )
    due = (clock.now() + timedelta(days=20)).date()
    bill = services.issue_statement(
        patient_id=patient_id, amount=Decimal("1240.50"), due_on=due, actor=ACTOR
    )
    tell(patient_id=patient_id, texts=["A-very-long-word-" * 12], priority="high")
    told = tell(patient_id=patient_id, texts=["Quick"], priority="urgent")
    return {
        "contact_id": str(email.pk),
        "visit_id": str(visit),
        "form_id": str(form.pk),
        "statement_id": str(bill.pk),
        "notification_id": told[0],
        "kind": "phone",
        "token": preferences.unsubscribe_token(patient_id=patient_id, type_key="hygiene_recall"),
    }


def visit_status(*, visit_id: UUID) -> str:
    return Appointment.objects.get(pk=visit_id).status


def confirmed_at(*, visit_id: UUID) -> str:
    return str(Appointment.objects.get(pk=visit_id).confirmed_at)


def calls_to_make(*, patient_id: UUID) -> list[list[str]]:
    """Return why a patient is to be called, and what they wrote about it."""
    to_make = calls.to_make().filter(patient_id=patient_id)
    return [[call.reason, call.note or ""] for call in to_make]


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


def give_number(*, patient_id: UUID, number: str) -> None:
    """Give a patient a verified number and record that they agreed to texts about care."""
    made = contacts.add(patient_id=patient_id, kind="phone", value=number, actor=ACTOR)
    made = contacts.mark_verified(contact_id=made.pk, actor=ACTOR)
    consent.record(
        contact=made,
        purpose=Purpose.TREATMENT,
        granted=True,
        wording=consent.CURRENT_TEXT_WORDING,
        source="desk",
        actor=ACTOR,
    )


def warn(*, patient_id: UUID) -> str:
    """Send what is always e-mailed: news of the account; return its id."""
    payload = SystemAlertPayload(text="A new address was added.")
    return str(service.create_notification(patient_id=patient_id, payload=payload).pk)


def became(*, notification_id: UUID, channel: str) -> str:
    """Return where one way of a message stands once the worker has decided, in 20 s at most."""
    row = Delivery.objects.filter(notification_id=notification_id, channel=channel)
    for _ in range(200):
        status = row.values_list("status", flat=True).get()
        if status not in (DeliveryStatus.PLANNED, DeliveryStatus.SENDING):
            return status
        sleep(0.1)
    return "nothing yet"


def live_where_it_is_day(*, patient_id: UUID) -> str:
    """Let a patient live where texts may go now; return the hour there, from 9 to 18."""
    zones = ("America/New_York", "Pacific/Honolulu", "Asia/Tokyo", "Europe/Lisbon")
    hours = {zone: clock.now().astimezone(ZoneInfo(zone)).hour for zone in zones}
    zone, hour = next((zone, hour) for zone, hour in hours.items() if 9 <= hour <= 18)
    User.objects.filter(pk=patient_id).update(zone=zone)
    return str(hour)


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
    """Wait until nothing of a message is still to leave; return what left, by channel."""
    rows = Delivery.objects.filter(notification_id=notification_id)
    going = rows.filter(status__in=[*OPEN_STATUSES, DeliveryStatus.SENDING])
    ends = monotonic() + 20
    while going.all().exists():
        if monotonic() > ends:
            raise TimeoutError("the worker did not send it")
        sleep(0.1)
    ids = [str(row.pk) for row in rows.all()]
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

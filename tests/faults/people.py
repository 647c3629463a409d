"""Whom the rig writes to: one fresh patient a run, with one verified and agreed address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from notifications import consent, contacts, preferences
from notifications.contacts import devices
from notifications.enums import ContactKind, Purpose
from notifications.models import ContactPoint, PatientNotification
from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service
from portal.models import Location, Practice, User
from portal.notification_types.general_reminder import GeneralReminderPayload
from tests.faults.site import post
from tests.rig.processes import HOST

DESK = "system:desk"
SERVICE = "https://updates.push.services.mozilla.com"
# Area codes with the exchange nobody has, 555: a number is never used twice.
AREAS = [code for code in range(301, 399) if code not in (311, 322, 333, 344, 355, 366, 377, 388)]
CHOSEN = ("sms", "push")  # a reminder goes there only if the patient asked for it


@dataclass(frozen=True, kw_only=True)
class Person:
    """A patient, and the address as the carrier's book writes it."""

    patient_id: UUID
    address: str


class People:
    """Makes patients of one practice, in whose zone it is about noon: nothing is held at night."""

    def __init__(self, *, push_port: int) -> None:
        self.push_port = push_port
        self.location = _location()
        self.count = 0

    def one(self, channel: str) -> Person:
        """Return a fresh patient who is reached on this channel and no other outside the portal."""
        self.count += 1
        number = self.count
        user = User.objects.create_user(
            username=f"p{number}@example.com",
            email=f"p{number}@example.com",
            password=None,
            first_name="P",
            last_name="Example",
            home_location=self.location,
        )
        address = self._address(user, channel, number)
        if channel in CHOSEN:
            preferences.change(
                patient_id=user.pk,
                type_key=GeneralReminderPayload.type_key,
                changes={channel: True},
                actor=DESK,
            )
        return Person(patient_id=user.pk, address=address)

    def _address(self, user: User, channel: str, number: int) -> str:
        if channel == "push":
            return self._device(user)
        kind = ContactKind.PHONE if channel == "sms" else ContactKind.EMAIL
        area = AREAS[number // 10_000]
        value = f"+1{area}555{number % 10_000:04d}" if channel == "sms" else user.email
        contact = contacts.add(patient_id=user.pk, kind=kind, value=value, actor=DESK)
        contact = contacts.mark_verified(contact_id=contact.pk, actor=DESK)
        _agree(contact)
        return value

    def _device(self, user: User) -> str:
        made = post(f"http://{HOST}:{self.push_port}/subscribe", {"fate": None})
        devices.add_device(
            patient_id=user.pk,
            endpoint=SERVICE + made["endpoint_path"],
            p256dh=made["p256dh"],
            auth=made["auth"],
            label="Browser",
            actor=DESK,
        )
        return made["endpoint_path"]


def _location() -> Location:
    practice = Practice.objects.first() or Practice.objects.create(
        name="Main Street Dental",
        public_name="Main Street Dental",
        phone="212-555-0100",
        postal_address="1 Main St, Springfield",
        zone=zone_where_it_is_noon(timezone.now()),
        texts_a_day=1000,  # what a fault does to a text is asked here, not whether it yields
        texts_a_week=1000,
    )
    return Location.objects.first() or Location.objects.create(
        practice=practice, name="Main St", phone="212-555-0100", zone=practice.zone
    )


def zone_where_it_is_noon(now: datetime) -> str:
    """Return a zone in which it is between 11 and 12 o'clock (its sign is POSIX's, reversed)."""
    ahead = 11 - now.hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


def _agree(contact: ContactPoint) -> None:
    is_phone = contact.kind == ContactKind.PHONE
    consent.record(
        contact=contact,
        purpose=Purpose.TREATMENT,
        granted=True,
        wording=consent.CURRENT_TEXT_WORDING if is_phone else consent.CURRENT_EMAIL_WORDING,
        source="desk",
        actor=DESK,
    )


def payload(*, good_for_days: int = 2) -> GeneralReminderPayload:
    last = timezone.now().date() + timedelta(days=good_for_days)
    return GeneralReminderPayload(text="Please bring your insurance card.", due_on=last)


def send(*, patient_id: UUID | str, key: str) -> PatientNotification:
    """Make a message as the clinic's services do; the same key makes it once."""
    return patient_notification_service.create_notification(
        patient_id=UUID(str(patient_id)), payload=payload(), key=key
    )


def plan(*, patient_id: UUID, key: str) -> None:
    """Plan a message that is due now."""
    notification_scheduler_service.plan(
        patient_id=patient_id,
        payload=payload(),
        subject=f"fault:{key}",
        rule="fault",
        due_at=timezone.now(),
        key=key,
    )

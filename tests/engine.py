"""The engine's bench: a small message type, addresses, and carriers that answer as told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self

from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

from notifications import clock, consent, contacts
from notifications.enums import Category, ContactKind, Purpose
from notifications.models import ContactPoint, Delivery, PatientNotification
from notifications.scheduler import TickReport, notification_scheduler_service
from notifications.services import patient_notification_service
from notifications.types import (
    Envelope,
    NotificationPayload,
    NotSupported,
    Receipt,
    Reply,
    SendResult,
    phi,
    public,
)
from portal.models import User
from tests.clinic import DESK, NEW_YORK, wall

NOON = wall("2026-11-24 12:00")  # where Ana and Ben live
ANAS_NUMBER, BENS_NUMBER = "+12125550142", "+12125550143"


@dataclass(frozen=True, kw_only=True)
class NotePayload(NotificationPayload):
    """A message about nothing in particular, on every channel."""

    type_key = "note"
    title = "A note"
    label = "Notes"
    category = Category.ACCOUNT
    purpose = Purpose.OPERATIONS
    channels = ("in_app", "email", "sms", "push")
    metadata_fields = ("reference",)

    reference: str = public(default="1")
    good_until: datetime | None = public(default=None)
    link: str = public(default="")
    text: str = phi(default="")

    @classmethod
    def example(cls) -> Self:
        return cls(text="Nothing in particular")

    def action_url(self) -> str:
        return self.link

    def actions(self) -> tuple[str, ...]:
        return ("confirm",)

    def is_capped(self) -> bool:
        return False  # most tests send a number several texts, and are about something else

    def expires_at(self) -> datetime | None:
        return self.good_until


# -- addresses ----------------------------------------------------------------------------------


def phone_of(
    patient: User, number: str = ANAS_NUMBER, *, verified: bool = True, agreed: bool = True
) -> ContactPoint:
    return address_of(patient, ContactKind.PHONE, number, verified=verified, agreed=agreed)


def email_of(
    patient: User, address: str = "", *, verified: bool = True, agreed: bool = True
) -> ContactPoint:
    value = address or patient.email
    return address_of(patient, ContactKind.EMAIL, value, verified=verified, agreed=agreed)


def device_of(patient: User, endpoint: str = "https://push.example/1") -> ContactPoint:
    return address_of(patient, ContactKind.PUSH, endpoint, verified=False, agreed=False)


def address_of(
    patient: User, kind: ContactKind, value: str, *, verified: bool, agreed: bool
) -> ContactPoint:
    """Give a patient an address, verified in person and agreed to if wanted."""
    contact = contacts.add(patient_id=patient.pk, kind=kind, value=value, actor=DESK)
    if verified:
        contact = contacts.mark_verified(contact_id=contact.pk, actor=DESK)
    if agreed:
        say(contact, granted=True)
    return contact


def say(contact: ContactPoint, *, granted: bool, purpose: Purpose = Purpose.TREATMENT) -> None:
    """Record a patient's yes or no to messages at an address."""
    is_phone = contact.kind == ContactKind.PHONE
    wording = consent.CURRENT_TEXT_WORDING if is_phone else consent.CURRENT_EMAIL_WORDING
    consent.record(
        contact=contact,
        purpose=purpose,
        granted=granted,
        wording=wording,
        source="desk",
        actor=DESK,
    )


# -- messages and what became of them -----------------------------------------------------------


def send(
    patient: User, payload: NotificationPayload | None = None, **options
) -> PatientNotification:
    return patient_notification_service.create_notification(
        patient_id=patient.pk, payload=payload or NotePayload.example(), **options
    )


def run(at: datetime | None = None) -> TickReport:
    """Let the clock do what is due, at a moment if one is given."""
    return notification_scheduler_service.run_due(now=at)


def send_at(at: datetime, patient: User, payload: NotificationPayload | None = None, **options):
    """Make a message at a moment and let the clock run once."""
    with clock.at(at):
        made = send(patient, payload, **options)
        run()
    return made


def delivery_of(notification: PatientNotification, channel: str) -> Delivery:
    return Delivery.objects.get(notification=notification, channel=channel)


def status_of(notification: PatientNotification, channel: str) -> tuple[str, str]:
    row = delivery_of(notification, channel)
    return row.status, row.reason


def said_to_patient(notification: PatientNotification, channel: str) -> list[str]:
    """Return what the timeline says of a message on one channel, oldest first."""
    with timezone.override(NEW_YORK):
        lines = patient_notification_service.history(
            patient_id=notification.patient_id, notification_id=notification.pk
        )
    return [line.sentence for line in lines if line.channel == channel]


# -- carriers -----------------------------------------------------------------------------------

Answer = SendResult | Exception | Callable[[], SendResult]


class Told:
    """Carries texts and pushes: answers as it was told, and keeps what it was handed."""

    is_outbox = True
    answers: ClassVar[list[Answer]] = []
    handed: ClassVar[list[tuple[str, Envelope, Mapping[str, str]]]] = []
    known: ClassVar[list[Receipt] | None] = None  # what it answers when it is asked
    written: ClassVar[list[Reply] | Exception] = []  # what came in, or why it cannot tell

    def __init__(self, *, channel: str) -> None:
        self.channel = channel

    def send(self, *, envelope: Envelope, content: Mapping[str, str]) -> SendResult:
        Told.handed.append((self.channel, envelope, content))
        return answered()

    def look_up(self, *, envelope: Envelope, **_known: object) -> list[Receipt]:
        """Say what it has: what it was told to have, or that it cannot be asked."""
        if Told.known is None:
            raise NotSupported
        return [each for each in Told.known if each.delivery_id in (None, envelope.delivery_id)]

    def replies_since(self, *, since: datetime) -> list[Reply]:
        """Say what patients wrote, or fail as it was told."""
        if isinstance(Told.written, Exception):
            raise Told.written
        return [each for each in Told.written if each.written_at >= since]

    @classmethod
    def texts(cls) -> list[str]:
        """Return the words of every text handed over, oldest first."""
        return [content["sms.txt"] for channel, _to, content in cls.handed if channel == "sms"]

    @classmethod
    def numbers(cls) -> list[str]:
        return [to.to["address"] for channel, to, _content in cls.handed if channel == "sms"]


class ToldMail(BaseEmailBackend):
    """Carries e-mail the same way; its answers are smtplib's exceptions."""

    is_outbox = True
    handed: ClassVar[list] = []

    def send_messages(self, email_messages: list) -> int:
        ToldMail.handed.extend(email_messages)
        answered()
        return len(email_messages)


class RealMail(ToldMail):
    """The same, but for the claim that what it is handed leaves this machine."""

    is_outbox = False


def answered() -> SendResult:
    """Give the next answer the carriers were told; without one, all is well."""
    answer = Told.answers.pop(0) if Told.answers else SendResult(provider_id="told")
    if isinstance(answer, Exception):
        raise answer
    return answer() if callable(answer) else answer

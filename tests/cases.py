"""Patients, one for each thing that can become of a message: told by real means.

Addresses, choices and consents go through the services; carriers answer by whom they write to;
receipts come in as a carrier's calls do. Nothing here sets a status.
"""

import smtplib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar

from django.core.mail import EmailMessage
from django.test.utils import override_settings

from notifications import clock, contacts, incoming, preferences
from notifications.enums import (
    ContactEffect,
    ContactKind,
    DeliveryStatus,
    Digest,
    ErrorKind,
    PatientNotificationType,
    PlanStatus,
    Reason,
)
from notifications.models import Delivery, PatientNotification, ScheduledNotification
from notifications.providers.outbox import EmailBackend, Outbox
from notifications.types import (
    AnswerLost,
    ChannelError,
    Envelope,
    NotSupported,
    Receipt,
    Reply,
    SendResult,
)
from portal.models import Appointment, Location, Provider, ReminderRule, User
from portal.notification_types._visit import SETTLES_FOR, visit_fields
from portal.notification_types.appointment_confirmed import AppointmentConfirmedPayload
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.notification_types.general_announcement import GeneralAnnouncementPayload
from portal.notification_types.message_from_provider import MessageFromProviderPayload
from portal.notification_types.system_alert import SystemAlertPayload
from portal.services import (
    answer,
    cancel,
    default_reminder_rules,
    depart,
    issue_statement,
    pay_statement,
    reschedule,
)
from tests.clinic import DESK, a_visit, wall
from tests.conftest import make_patient
from tests.engine import NotePayload, device_of, email_of, phone_of, run, send

NOON, NIGHT = wall("2026-11-24 12:00"), wall("2026-11-24 23:30")
FIVE = wall("2026-11-24 17:00")  # when summaries are due
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DELIVERED = "delivered"  # the one case without a reason: all went well
Status = DeliveryStatus


# -- carriers that answer by whom they write to ---------------------------------------------------


class Choosy(Outbox):
    """Keeps what it takes in the outbox; for some addresses it answers otherwise."""

    answers: ClassVar[dict[str, Exception]] = {}
    told_when_asked: ClassVar[dict[str, Exception]] = {}

    def send(self, *, envelope: Envelope, content: Mapping[str, str]) -> SendResult:
        if trouble := Choosy.answers.get(envelope.to["address"]):
            raise trouble
        return super().send(envelope=envelope, content=content)

    def look_up(self, *, envelope: Envelope, **known: object) -> list[Receipt]:
        """Say what it has; of what it answered otherwise, what it was told to say."""
        if trouble := Choosy.told_when_asked.get(envelope.to["address"]):
            raise trouble
        return super().look_up(envelope=envelope, **known)


class ChoosyMail(EmailBackend):
    """The same for e-mail; its answers are a mail server's."""

    def send_messages(self, email_messages: list[EmailMessage]) -> int:
        for message in email_messages:
            if trouble := Choosy.answers.get(message.to[0]):
                raise trouble
        return super().send_messages(email_messages)


@contextmanager
def choosy_carriers() -> Iterator[None]:
    """Let the carriers of this file carry everything in the block."""
    name = f"{__name__}.{Choosy.__name__}"
    with override_settings(
        NOTIFICATIONS_SMS_PROVIDER=name,
        NOTIFICATIONS_PUSH_PROVIDER=name,
        EMAIL_BACKEND=f"{__name__}.{ChoosyMail.__name__}",
    ):
        Choosy.answers, Choosy.told_when_asked = {}, {}
        yield


# -- a case ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Case:
    """What became of one message on one channel; `at` (aware) is when everybody looks."""

    name: str  # a reason's code, or "delivered"
    patient: User
    message: PatientNotification
    channel: str
    status: str
    at: datetime
    plan: ScheduledNotification | None = None  # where it never became a message

    @property
    def reason(self) -> str:
        return "" if self.name == DELIVERED else self.name

    @property
    def delivery(self) -> Delivery:
        return Delivery.objects.get(notification=self.message, channel=self.channel)


@dataclass
class Scene:
    """The clinic in which the stories play; each has a patient and a number of its own."""

    location: Location
    provider: Provider
    _count: int = field(default=0, init=False)

    def patient(self, name: str) -> User:
        """Return a new patient with an e-mail, a mobile and a device that all work."""
        person = self.stranger(name)
        email_of(person)
        phone_of(person, self.number)
        device_of(person, self.device)
        return person

    def stranger(self, name: str) -> User:
        """Return a new patient of whom the practice has no address yet."""
        self._count += 1
        address = f"{name.replace('_', '.')}@example.com"
        return make_patient(address, name.replace("_", " ").title(), self.location)

    @property
    def number(self) -> str:
        """Return the number of the patient who came last: of those that belong to nobody."""
        return f"+12125550{self._count + 100}"

    @property
    def device(self) -> str:
        return f"https://push.example/{self._count}"

    def visit(self, patient: User, *, in_days: float = 10) -> Appointment:
        """Book a visit; the patient is told on every channel once nothing changes any more."""
        at = clock.now() + in_days * DAY
        return a_visit(patient, at, location=self.location, provider=self.provider)

    def booked(self, patient: User) -> PatientNotification:
        """Let the clock run after a visit was booked, and return the message about it."""
        with clock.at(clock.now() - SETTLES_FOR):
            visit = self.visit(patient)
        run(at=clock.now())
        return message_about(visit)


def message_about(visit: Appointment) -> PatientNotification:
    """Return the newest message about a visit."""
    return PatientNotification.objects.filter(subject=visit.subject).order_by("-seq").first()


Story = Callable[[Scene], Case]
STORIES: dict[str, Story] = {}


def story(
    name: str, *, channel: str = "sms", status: str = Status.SKIPPED, at: datetime = NOON
) -> Callable[[Callable[[Scene], PatientNotification]], Story]:
    """Register a story by its reason: it plays at `at`, and returns the message it is about."""

    def register(tell: Callable[[Scene], PatientNotification]) -> Story:
        def told(scene: Scene) -> Case:
            with clock.at(at):
                message = tell(scene)
            message.refresh_from_db()
            patient = message.patient
            return Case(
                name=name, patient=patient, message=message, channel=channel, status=status, at=at
            )

        STORIES[name] = told
        return told

    return register


def tell_all(*, location: Location, provider: Provider) -> list[Case]:
    """Play every story in one clinic, in the order of their hours, and return the cases.

    The order matters: the clock is everybody's, so a later hour sends what waits for it.
    """
    default_reminder_rules(location)
    scene = Scene(location=location, provider=provider)
    with choosy_carriers():
        return [tell(scene) for tell in STORIES.values()]


# -- what went out --------------------------------------------------------------------------------


@story(DELIVERED, status=Status.DELIVERED)
def it_arrived(scene: Scene) -> PatientNotification:
    message = scene.booked(scene.patient("delivered"))
    row = Delivery.objects.get(notification=message, channel="sms")
    arrived = Receipt(
        delivery_id=row.pk,
        provider_id=row.provider_id,
        event_key=f"{row.provider_id}:delivered",
        status=Status.DELIVERED,
    )
    incoming.take_receipts(channel="sms", receipts=[arrived])
    return message


# -- what the patient wants -----------------------------------------------------------------------


@story(Reason.PREF_OFF)
def texts_of_this_kind_are_turned_off(scene: Scene) -> PatientNotification:
    patient = scene.patient("pref_off")
    preferences.change(
        patient_id=patient.pk,
        type_key="appointment_confirmed",
        changes={"sms": False},
        actor=f"user:{patient.pk}",
    )
    return scene.booked(patient)


@story(Reason.DEFAULT_OFF)
def nobody_asked_for_texts_of_this_kind(scene: Scene) -> PatientNotification:
    message = send(scene.patient("default_off"), SystemAlertPayload.example())
    run(at=clock.now())
    return message


@story(Reason.PAUSED)
def she_paused_messages(scene: Scene) -> PatientNotification:
    patient = scene.patient("paused")
    until = {"paused_until": clock.now() + 3 * DAY}
    preferences.change_settings(patient_id=patient.pk, changes=until, actor=DESK)
    return scene.booked(patient)


@story(Reason.CONFIDENTIAL)
def she_wants_nothing_by_phone(scene: Scene) -> PatientNotification:
    patient = scene.patient("confidential")
    contacts.record_request(patient_id=patient.pk, kind=ContactKind.PHONE, actor=DESK)
    return scene.booked(patient)


@story(Reason.OPTED_OUT_STOP)
def the_number_said_stop(scene: Scene) -> PatientNotification:
    patient = scene.patient("opted_out_stop")
    stop = Reply(event_key="stop", sender=scene.number, text="Please stop texting me")
    incoming.take_reply(channel="sms", reply=stop)
    return scene.booked(patient)


# -- the address ----------------------------------------------------------------------------------


@story(Reason.NO_ADDRESS)
def there_is_no_number(scene: Scene) -> PatientNotification:
    patient = scene.stranger("no_address")
    email_of(patient)
    return scene.booked(patient)


@story(Reason.UNVERIFIED)
def nobody_verified_the_number(scene: Scene) -> PatientNotification:
    patient = scene.stranger("unverified")
    phone_of(patient, scene.number, verified=False, agreed=False)
    return scene.booked(patient)


@story(Reason.NO_CONSENT)
def nobody_agreed_to_texts(scene: Scene) -> PatientNotification:
    patient = scene.stranger("no_consent")
    phone_of(patient, scene.number, agreed=False)
    return scene.booked(patient)


@story(Reason.NO_DEVICE, channel="push")
def push_is_on_nowhere(scene: Scene) -> PatientNotification:
    patient = scene.stranger("no_device")
    phone_of(patient, scene.number)
    return scene.booked(patient)


@story(Reason.BOUNCED_HARD, channel="email", status=Status.FAILED)
def the_mailbox_does_not_exist(scene: Scene) -> PatientNotification:
    patient = scene.patient("bounced_hard")
    refusal = {patient.email: (550, b"5.1.1 no such mailbox")}
    Choosy.answers[patient.email] = smtplib.SMTPRecipientsRefused(refusal)
    return scene.booked(patient)


@story(Reason.PUSH_GONE, channel="push", status=Status.FAILED)
def the_device_is_gone(scene: Scene) -> PatientNotification:
    patient = scene.patient("push_gone")
    Choosy.answers[scene.device] = ChannelError(
        code="410", kind=ErrorKind.PERMANENT, contact=ContactEffect.REMOVED
    )
    return scene.booked(patient)


# -- the carrier ----------------------------------------------------------------------------------


@story(Reason.SOFT_FAIL, status=Status.PLANNED)
def the_phone_takes_no_texts_now(scene: Scene) -> PatientNotification:
    patient = scene.patient("soft_fail")
    Choosy.answers[scene.number] = ChannelError(
        code="30003", kind=ErrorKind.TRANSIENT, retry_after=12 * HOUR
    )
    return scene.booked(patient)


@story(Reason.PROVIDER_ERROR, status=Status.FAILED)
def the_carrier_has_a_fault(scene: Scene) -> PatientNotification:
    patient = scene.patient("provider_error")
    Choosy.answers[scene.number] = ChannelError(code="21617", kind=ErrorKind.PERMANENT)
    return scene.booked(patient)


@story(Reason.ANSWER_UNKNOWN, status=Status.UNKNOWN)
def the_answer_was_lost(scene: Scene) -> PatientNotification:
    patient = scene.patient("answer_unknown")
    Choosy.answers[scene.number] = AnswerLost(code="ReadTimeout")
    Choosy.told_when_asked[scene.number] = AnswerLost(code="503")
    return scene.booked(patient)


@story(Reason.ANSWER_UNSETTLED, status=Status.UNKNOWN, at=NOON + HOUR)
def the_answer_was_lost_and_the_carrier_cannot_be_asked(scene: Scene) -> PatientNotification:
    patient = scene.patient("answer_unsettled")
    Choosy.answers[scene.number] = AnswerLost(code="ReadTimeout")
    Choosy.told_when_asked[scene.number] = NotSupported()
    message = scene.booked(patient)
    run(at=clock.now() + HOUR / 3)
    return message


@story(Reason.NO_RECEIPT, status=Status.ACCEPTED, at=NOON - 2 * DAY)
def the_carrier_took_it_and_said_nothing_since(scene: Scene) -> PatientNotification:
    message = scene.booked(scene.patient("no_receipt"))
    run(at=clock.now() + DAY + HOUR)
    return message


@story(Reason.CHANNEL_OFF)
def texts_are_switched_off(scene: Scene) -> PatientNotification:
    patient = scene.patient("channel_off")
    with override_settings(NOTIFICATIONS_SMS_PROVIDER=""):
        return scene.booked(patient)


# -- the message itself ---------------------------------------------------------------------------


@story(Reason.CANCELLED, status=Status.CANCELLED)
def the_visit_was_cancelled_before_anything_left(scene: Scene) -> PatientNotification:
    visit = scene.visit(scene.patient("cancelled"))
    booked = message_about(visit)
    cancel(appointment_id=visit.pk, actor=DESK)
    run(at=clock.now())
    return booked


@story(Reason.WITHDRAWN, channel="email", status=Status.CANCELLED)
def the_statement_was_paid_before_anything_left(scene: Scene) -> PatientNotification:
    patient = scene.patient("withdrawn")
    due_on = clock.now().date() + timedelta(days=30)
    row = issue_statement(patient_id=patient.pk, amount=Decimal("40.00"), due_on=due_on, actor=DESK)
    issued = PatientNotification.objects.get(subject=row.subject)
    pay_statement(statement_id=row.pk, actor=DESK)
    run(at=clock.now())
    return issued


@story(Reason.MERGED, status=Status.CANCELLED)
def the_visit_was_moved_before_anything_left(scene: Scene) -> PatientNotification:
    visit = scene.visit(scene.patient("merged"))
    booked = message_about(visit)
    later = {"starts_at": visit.starts_at + DAY, "ends_at": visit.ends_at + DAY}
    reschedule(appointment_id=visit.pk, **later, actor=DESK)
    run(at=clock.now() + SETTLES_FOR)
    return booked


@story(Reason.DEPARTED, status=Status.CANCELLED)
def the_patient_left_before_anything_left(scene: Scene) -> PatientNotification:
    patient = scene.patient("departed")
    message = message_about(scene.visit(patient))
    today = clock.now().date()
    depart(patient_id=patient.pk, departure="left", on=today, actor=DESK)
    run(at=clock.now() + SETTLES_FOR)
    return message


@story(Reason.UNWRITABLE)
def its_type_was_taken_out_before_it_left(scene: Scene) -> PatientNotification:
    PatientNotificationType.register(NotePayload)
    try:
        message = send(scene.patient("unwritable"), NotePayload.example())
    finally:
        PatientNotificationType.unregister(NotePayload.type_key)
    run(at=clock.now())
    return message


def the_patient_confirmed_what_the_next_reminder_would_have_asked(scene: Scene) -> Case:
    """Ends a plan rather than a delivery: the reminder that would have asked is never made."""
    patient = scene.patient("answered")
    rule = scene.location.reminder_rules.filter(name="2-days")
    rule.update(until=ReminderRule.Until.CONFIRMED)
    with clock.at(NOON - DAY):
        visit = scene.visit(patient, in_days=8)
    with clock.at(NOON):  # the first reminder is due a week before, and asks
        run(at=NOON)
        asked = message_about(visit)
        who = {"patient_id": patient.pk, "actor": f"user:{patient.pk}"}
        answer(notification_id=asked.pk, action="confirm", **who)
    rule.update(until=ReminderRule.Until.STANDS)
    asked.refresh_from_db()
    plans = ScheduledNotification.objects.filter(subject=visit.subject)
    return Case(
        name=Reason.ANSWERED,
        patient=patient,
        message=asked,
        channel="sms",
        status=PlanStatus.CANCELLED,
        at=NOON,
        plan=plans.get(reason=Reason.ANSWERED),
    )


@story(Reason.RATE_LIMITED)
def the_number_had_its_text_of_the_day(scene: Scene) -> PatientNotification:
    """What she asked for herself goes, and counts; an early reminder of it yields."""
    patient = scene.patient("rate_limited")
    with clock.at(clock.now() - SETTLES_FOR):
        visit = scene.visit(patient)
    until = visit.starts_at - DAY
    early = AppointmentReminderPayload(**visit_fields(visit), current_until=until)
    run(at=clock.now())
    message = send(patient, early)
    run(at=clock.now())
    return message


@story(Reason.DUPLICATE, channel="email")
def the_desk_sent_the_same_news_twice(scene: Scene) -> PatientNotification:
    patient = scene.patient("duplicate")
    preferences.change(
        patient_id=patient.pk,
        type_key="general_announcement",
        changes={"email": True},
        actor=f"user:{patient.pk}",
    )
    news = GeneralAnnouncementPayload.example()
    send(patient, news)
    again = send(patient, news)
    run(at=clock.now())
    return again


@story(Reason.PHI_BLOCKED, status=Status.ACCEPTED)
def the_place_was_typed_with_what_the_visit_is_for(scene: Scene) -> PatientNotification:
    patient = scene.patient("phi_blocked")
    said = {"location_name": "Room 2, implant surgery", "appointment_reason": "Implant surgery"}
    message = send(patient, replace(AppointmentConfirmedPayload.example(), **said))
    run(at=clock.now())
    return message


@story(Reason.EXPIRED, status=Status.EXPIRED, at=NOON + 3 * HOUR)
def the_visit_was_over_when_the_clock_ran_again(scene: Scene) -> PatientNotification:
    patient = scene.patient("expired")
    with clock.at(NOON):
        visit = scene.visit(patient, in_days=1 / 24)
    run(at=clock.now())
    return message_about(visit)


@story(Reason.SUPERSEDED, at=NOON + 3 * HOUR)
def the_next_rung_had_begun_when_the_clock_ran_again(scene: Scene) -> PatientNotification:
    ladder = {"ladder": ReminderRule.Ladder.STANDARD, "reach_by": NOON + 22 * HOUR}
    with clock.at(NOON):  # the text had until two
        message = send(
            scene.patient("superseded"), replace(AppointmentReminderPayload.example(), **ladder)
        )
    run(at=clock.now())
    return message


# -- at which hour --------------------------------------------------------------------------------


def reads_a_summary(scene: Scene, name: str) -> User:
    patient = scene.patient(name)
    daily = {"digest": Digest.DAILY}
    preferences.change_settings(patient_id=patient.pk, changes=daily, actor=DESK)
    return patient


def not_pressing(patient: User) -> PatientNotification:
    return send(patient, MessageFromProviderPayload.example(), priority="low")


@story(Reason.MERGED, channel="email", at=FIVE)
def it_is_part_of_her_summary(scene: Scene) -> PatientNotification:
    with clock.at(NOON):
        patient = reads_a_summary(scene, "merged")
        older, _newer = not_pressing(patient), not_pressing(patient)
    run(at=clock.now())
    return older


@story(Reason.DIGEST, channel="email", status=Status.HELD, at=NIGHT)
def it_waits_for_her_summary(scene: Scene) -> PatientNotification:
    message = not_pressing(reads_a_summary(scene, "digest"))
    run(at=clock.now())
    return message


@story(Reason.QUIET_HOURS, status=Status.HELD, at=NIGHT)
def it_is_night(scene: Scene) -> PatientNotification:
    return scene.booked(scene.patient("quiet_hours"))


@story(Reason.TEXT_HOURS, status=Status.HELD, at=NIGHT)
def it_is_urgent_and_night(scene: Scene) -> PatientNotification:
    """Urgent passes quiet hours; the floor for texts it passes only where the type says so."""
    patient = scene.patient("text_hours")
    preferences.change(
        patient_id=patient.pk, type_key="system_alert", changes={"sms": True}, actor=DESK
    )
    message = send(patient, SystemAlertPayload.example(), priority="urgent")
    run(at=clock.now())
    return message


@story(Reason.CHANNEL_PAUSED, channel="email", status=Status.PLANNED, at=NIGHT)
def our_password_is_wrong(scene: Scene) -> PatientNotification:
    """The last to be told: nothing leaves by e-mail after it."""
    patient = scene.patient("channel_paused")
    Choosy.answers[patient.email] = smtplib.SMTPAuthenticationError(535, b"5.7.8 who are you?")
    return scene.booked(patient)


# First: they alone play on days before the others'.
STORIES = {
    Reason.NO_RECEIPT: STORIES.pop(Reason.NO_RECEIPT),
    Reason.ANSWERED: the_patient_confirmed_what_the_next_reminder_would_have_asked,
    **STORIES,
}

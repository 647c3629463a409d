"""The facts of deliveries, gathered from what is known of patients, messages and channels."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from notifications import contacts, switches
from notifications.channels.base import Channel
from notifications.enums import (
    ContactKind,
    ContactStatus,
    Level,
    PatientNotificationChannel,
    PatientNotificationPriority,
    Purpose,
)
from notifications.facts.messages import (
    about_type,
    consent_purpose,
    irrelevant,
    is_answered,
    is_escalated,
    payload_in,
)
from notifications.facts.people import People, best_contact
from notifications.models import ContactPoint, Delivery
from notifications.policy import Facts
from notifications.switches import Switches
from notifications.told import Told
from notifications.types import NotificationPayload, PatientProfile, is_followed


def facts_for(
    *,
    deliveries: Sequence[Delivery],
    now: datetime,
    people: People | None = None,
    switched: Switches | None = None,
) -> list[Facts]:
    """Return the facts of each delivery, in order, as of `now` (aware).

    Also puts the address as it stands now into each delivery's `contact`. Patients and switches
    are read unless they are given; `people` may know more patients than these.
    """
    known = _Known.about(deliveries, now=now, people=people, switched=switched or switches.read())
    return [known.facts(delivery=delivery, now=now) for delivery in deliveries]


@dataclass(kw_only=True)
class _Known:
    """What the tables say about the patients and messages of one batch."""

    people: People
    switched: Switches
    payloads: dict[UUID, NotificationPayload | None]
    told: Told
    irrelevant: set[UUID]

    @classmethod
    def about(
        cls,
        deliveries: Sequence[Delivery],
        *,
        now: datetime,
        people: People | None,
        switched: Switches,
    ) -> "_Known":
        notifications = {row.notification.pk: row.notification for row in deliveries}
        patient_ids = {notification.patient_id for notification in notifications.values()}
        people = people or People.of(patient_ids)
        payloads = {pk: payload_in(notification) for pk, notification in notifications.items()}
        return cls(
            people=people,
            switched=switched,
            payloads=payloads,
            told=Told.about(
                messages=[(row, payloads[pk]) for pk, row in notifications.items()],
                contacts=people.addresses_of(patient_ids),
                now=now,
            ),
            irrelevant=irrelevant(payloads),
        )

    def facts(self, *, delivery: Delivery, now: datetime) -> Facts:
        notification = delivery.notification
        payload = self.payloads[notification.pk]
        channel = PatientNotificationChannel.get(delivery.channel)
        if payload is None or not issubclass(_class_of(channel), Channel):
            return Facts(now=now, is_readable=payload is not None, is_configured=False)
        contact = self.contact_for(delivery=delivery, channel=channel)
        delivery.contact = contact or delivery.contact
        choice = self.people.choices.get(
            (notification.patient_id, notification.type, delivery.channel)
        )
        profile = self.people.profiles.get(notification.patient_id, PatientProfile())
        return Facts(
            now=now,
            zone=profile.zone,
            l0_only=profile.l0_only,
            is_departed=profile.is_departed,
            texts_a_day=profile.texts_a_day,
            texts_a_week=profile.texts_a_week,
            is_capped=payload.is_capped() and not delivery.uncapped_by,
            priority=PatientNotificationPriority(notification.priority),
            made_at=notification.created_at,
            expires_at=delivery.expires_at,
            is_irrelevant=notification.pk in self.irrelevant,
            is_followed=is_followed(payload, step=delivery.step),
            is_answered=is_answered(delivery, payload),
            together=payload.together(),
            is_escalated=is_escalated(delivery, payload),
            choice=choice.enabled if choice else None,
            choice_at=choice.changed_at if choice else None,
            **about_type(payload, delivery.channel),
            **_about_channel(channel),
            **asdict(self.people.settings_of(notification.patient_id)),
            **_about_place(contact, payload, profile),
            **self.about_contact(contact, payload, is_device_gone=_was_device(delivery, channel)),
            **self.about_switches(delivery.channel),
            **self.told.facts(delivery=delivery, contact=contact, payload=payload),
        )

    def about_switches(self, channel: str) -> dict:
        return {
            "held_since": self.switched.held_since(),
            "channel_paused_since": self.switched.paused_since(channel),
            "channel_rests_until": self.switched.rests_until(channel),
        }

    def contact_for(self, *, delivery: Delivery, channel: type[Channel]) -> ContactPoint | None:
        """Return the address as it stands, or the one that took over; no device takes over.

        One that the patient asked us not to use only where there is no other.
        """
        known = self.people.contacts[delivery.notification.patient_id, str(channel.contact_kind)]
        same = [contact for contact in known if contact.pk == delivery.contact_id]
        if _was_device(delivery, channel):
            return same[0] if same else None
        allowed = [contact for contact in known if not self.people.is_forbidden(contact)]
        if same and (same[0] in allowed or not allowed):
            return same[0]
        return best_contact(allowed or known)

    def about_contact(
        self, contact: ContactPoint | None, payload: NotificationPayload, *, is_device_gone: bool
    ) -> dict:
        if contact is None:
            gone = {"contact_status": ContactStatus.REMOVED}
            return gone if is_device_gone else {"has_contact": False}
        return {
            "contact_status": ContactStatus(contact.status),
            "contact_status_at": contact.status_at,
            "is_confidential": self.people.is_forbidden(contact),
            "is_verified": contact.verified_at is not None or contact.kind == ContactKind.PUSH,
            "has_consent": contact.pk in self.people.granted[consent_purpose(payload)],
        }


def _class_of(channel: object) -> type:
    return channel if isinstance(channel, type) else type(channel)


def _was_device(delivery: Delivery, channel: type[Channel]) -> bool:
    """Every device has a delivery of its own, so one that is gone leaves nothing to another."""
    return channel.contact_kind == ContactKind.PUSH and delivery.contact_id is not None


def _about_place(
    contact: ContactPoint | None, payload: NotificationPayload, profile: PatientProfile
) -> dict:
    """Say where a patient who gets advertising by text may be: at home, and where the number is."""
    if contact is None or contact.kind != ContactKind.PHONE or payload.purpose != Purpose.MARKETING:
        return {}
    state, zones = contacts.place_of(number=contact.value["address"])
    return {"states": tuple({profile.state, state} - {""}), "zones": zones}


def _about_channel(channel: type[Channel]) -> dict:
    carrier = channel()
    return {
        "contact_kind": channel.contact_kind,
        "ceiling": Level(channel.ceiling),
        "is_configured": carrier.is_configured(),
        "has_agreement": carrier.has_agreement(),
    }

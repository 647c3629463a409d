"""Reads the tables for policy: a fixed number of queries for any number of deliveries.

This is the only way a decision gets its inputs. Deliveries may be unsaved, so that previews ask
the same question as the sender.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from notifications import consent, switches
from notifications.channels.base import Channel
from notifications.enums import (
    ContactKind,
    ContactStatus,
    Level,
    PatientNotificationChannel,
    PatientNotificationPriority,
    Purpose,
)
from notifications.models import (
    ContactPoint,
    Delivery,
    PatientNotification,
    PatientNotificationPreference,
    ScheduledNotification,
)
from notifications.policy import Facts
from notifications.switches import Switches
from notifications.types import (
    NotificationPayload,
    PatientProfile,
    climbs,
    is_followed,
    payload_of,
)

logger = logging.getLogger(__name__)

GONE = (ContactStatus.REPLACED, ContactStatus.REMOVED)


def profiles_for(patient_ids: Iterable[UUID]) -> dict[UUID, PatientProfile]:
    """Return how to address each patient, from the callable settings name."""
    return import_string(settings.NOTIFICATIONS_PROFILES)(patient_ids)


def facts_for(
    *,
    deliveries: Sequence[Delivery],
    now: datetime,
    profiles: dict[UUID, PatientProfile] | None = None,
    switched: Switches | None = None,
) -> list[Facts]:
    """Return the facts of each delivery, in order, as of `now` (aware).

    Also puts the address as it stands now into each delivery's `contact`. Patients' profiles and
    the switches are read unless they are given.
    """
    known = _Known.about(deliveries, profiles=profiles, switched=switched or switches.read())
    return [known.facts(delivery=delivery, now=now) for delivery in deliveries]


def best_contact(contacts: Iterable[ContactPoint]) -> ContactPoint | None:
    """Return the address to use among some: working, then verified, then newest first."""
    return min(contacts, key=_preference_among, default=None)


def _preference_among(contact: ContactPoint) -> tuple[bool, bool, float]:
    is_active = contact.status == ContactStatus.ACTIVE
    return (not is_active, contact.verified_at is None, -contact.created_at.timestamp())


@dataclass(kw_only=True)
class _Known:
    """What the tables say about the patients and messages of one batch."""

    profiles: dict[UUID, PatientProfile]
    switched: Switches
    contacts: dict[tuple[UUID, str], list[ContactPoint]]
    choices: dict[tuple[UUID, str, str], PatientNotificationPreference]
    granted: dict[str, set[UUID]]
    payloads: dict[UUID, NotificationPayload | None]
    irrelevant: set[UUID] = field(default_factory=set)

    @classmethod
    def about(
        cls,
        deliveries: Sequence[Delivery],
        *,
        profiles: dict[UUID, PatientProfile] | None,
        switched: Switches,
    ) -> "_Known":
        notifications = {row.notification.pk: row.notification for row in deliveries}
        patient_ids = {notification.patient_id for notification in notifications.values()}
        contacts = _contacts_of(patient_ids)
        payloads = {pk: payload_in(notification) for pk, notification in notifications.items()}
        return cls(
            profiles=profiles_for(patient_ids) if profiles is None else profiles,
            switched=switched,
            contacts=contacts,
            choices=_choices_of(patient_ids),
            granted=_consents_of(contacts),
            payloads=payloads,
            irrelevant=_irrelevant(payloads),
        )

    def facts(self, *, delivery: Delivery, now: datetime) -> Facts:
        notification = delivery.notification
        payload = self.payloads[notification.pk]
        channel = PatientNotificationChannel.get(delivery.channel)
        if payload is None or not issubclass(_class_of(channel), Channel):
            return Facts(now=now, is_readable=payload is not None, is_configured=False)
        contact = self.contact_for(delivery=delivery, channel=channel)
        delivery.contact = contact or delivery.contact
        choice = self.choices.get((notification.patient_id, notification.type, delivery.channel))
        profile = self.profiles.get(notification.patient_id, PatientProfile())
        return Facts(
            now=now,
            zone=profile.zone,
            l0_only=profile.l0_only,
            priority=PatientNotificationPriority(notification.priority),
            expires_at=delivery.expires_at,
            is_irrelevant=notification.pk in self.irrelevant,
            is_followed=is_followed(payload, step=delivery.step),
            is_answered=_is_answered(delivery, payload),
            is_escalated=_is_escalated(delivery, payload),
            choice=choice.enabled if choice else None,
            choice_at=choice.changed_at if choice else None,
            **_about_type(payload, delivery.channel),
            **_about_channel(channel),
            **self.about_contact(contact, payload, is_device_gone=_was_device(delivery, channel)),
            **self.about_switches(delivery.channel),
        )

    def about_switches(self, channel: str) -> dict:
        return {
            "held_since": self.switched.held_since(),
            "channel_paused_since": self.switched.paused_since(channel),
            "channel_rests_until": self.switched.rests_until(channel),
        }

    def contact_for(self, *, delivery: Delivery, channel: type[Channel]) -> ContactPoint | None:
        """Return the address as it stands, or the one that took over; no device takes over."""
        known = self.contacts[delivery.notification.patient_id, str(channel.contact_kind)]
        same = [contact for contact in known if contact.pk == delivery.contact_id]
        if same or _was_device(delivery, channel):
            return same[0] if same else None
        return best_contact(known)

    def about_contact(
        self, contact: ContactPoint | None, payload: NotificationPayload, *, is_device_gone: bool
    ) -> dict:
        if contact is None:
            gone = {"contact_status": ContactStatus.REMOVED}
            return gone if is_device_gone else {"has_contact": False}
        return {
            "contact_status": ContactStatus(contact.status),
            "contact_status_at": contact.status_at,
            "is_verified": contact.verified_at is not None or contact.kind == ContactKind.PUSH,
            "has_consent": contact.pk in self.granted[consent_purpose(payload)],
        }


def consent_purpose(payload: NotificationPayload | type[NotificationPayload]) -> Purpose:
    """Return which consent a message needs: care and office matters share one."""
    return Purpose.MARKETING if payload.purpose == Purpose.MARKETING else Purpose.TREATMENT


def _class_of(channel: object) -> type:
    return channel if isinstance(channel, type) else type(channel)


def _was_device(delivery: Delivery, channel: type[Channel]) -> bool:
    """Every device has a delivery of its own, so one that is gone leaves nothing to another."""
    return channel.contact_kind == ContactKind.PUSH and delivery.contact_id is not None


def payload_in(row: PatientNotification | ScheduledNotification) -> NotificationPayload | None:
    """Return the payload of a row; None where its type is gone or it cannot be read any more.

    A destroyed key or a field that an old row lacks must not keep the other rows waiting.
    """
    try:
        return payload_of(type_key=row.type, data=row.payload)
    except (TypeError, ValueError, ArithmeticError) as fault:
        logger.error("%s %s cannot be read: %s", type(row).__name__, row.pk, type(fault).__name__)
        return None


def _about_type(payload: NotificationPayload, channel: str) -> dict:
    return {
        "is_locked": channel in payload.locked,
        "is_on_by_default": channel in payload.channels,
        "passes_floor": payload.passes_floor,
    }


def _about_channel(channel: type[Channel]) -> dict:
    carrier = channel()
    return {
        "contact_kind": channel.contact_kind,
        "ceiling": Level(channel.ceiling),
        "is_configured": carrier.is_configured(),
        "has_agreement": carrier.has_agreement(),
    }


def _is_answered(delivery: Delivery, payload: NotificationPayload) -> bool:
    """A later rung of a ladder has nothing left to ask once the patient read or answered."""
    notification = delivery.notification
    is_later_rung = delivery.step > 0 and climbs(payload)
    return is_later_rung and bool(notification.read_at or notification.acted_at)


def _is_escalated(delivery: Delivery, payload: NotificationPayload) -> bool:
    """A later step of a type without a ladder stands in for one that failed."""
    is_extra = delivery.step > 0 and not climbs(payload)
    return is_extra and payload.purpose != Purpose.MARKETING


def _contacts_of(patient_ids: set[UUID]) -> dict[tuple[UUID, str], list[ContactPoint]]:
    found: dict[tuple[UUID, str], list[ContactPoint]] = defaultdict(list)
    rows = ContactPoint.objects.filter(patient_id__in=patient_ids).exclude(status__in=GONE)
    for contact in rows:
        found[contact.patient_id, contact.kind].append(contact)
    return found


def _choices_of(
    patient_ids: set[UUID],
) -> dict[tuple[UUID, str, str], PatientNotificationPreference]:
    rows = PatientNotificationPreference.objects.filter(patient_id__in=patient_ids)
    return {(row.patient_id, row.type, row.channel): row for row in rows}


def _consents_of(contacts: dict[tuple[UUID, str], list[ContactPoint]]) -> dict[str, set[UUID]]:
    ids = [contact.pk for group in contacts.values() for contact in group]
    return {
        purpose: consent.granted_among(contact_ids=ids, purpose=purpose)
        for purpose in (Purpose.TREATMENT, Purpose.MARKETING)
    }


def _irrelevant(payloads: dict[UUID, NotificationPayload | None]) -> set[UUID]:
    """Ask each type once about all of its payloads in the batch."""
    by_class: dict[type[NotificationPayload], dict[UUID, NotificationPayload]] = defaultdict(dict)
    for pk, payload in payloads.items():
        if payload is not None:
            by_class[type(payload)][pk] = payload
    gone: set[UUID] = set()
    for cls, group in by_class.items():
        stale = cls.irrelevant(list(group.values()))
        gone |= {pk for pk, payload in group.items() if payload in stale}
    return gone

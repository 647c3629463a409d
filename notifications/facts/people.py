"""What the tables say about patients: how to address and reach them, and what they chose."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from notifications import consent, contacts, preferences
from notifications.enums import ContactKind, ContactStatus, Purpose
from notifications.models import ConfidentialRequest, ContactPoint, PatientNotificationPreference
from notifications.preferences import GeneralSettings
from notifications.types import PatientProfile

GONE = (ContactStatus.REPLACED, ContactStatus.REMOVED)


@dataclass(kw_only=True)
class People:
    """Some patients, as the tables have them. A fixed number of queries for any number."""

    profiles: dict[UUID, PatientProfile]
    contacts: dict[tuple[UUID, str], list[ContactPoint]]  # by kind
    choices: dict[tuple[UUID, str, str], PatientNotificationPreference]  # by type and channel
    granted: dict[str, set[UUID]]
    settings: dict[UUID, GeneralSettings]
    asked: dict[UUID, list[ConfidentialRequest]]  # how they want to be reached, or not

    @classmethod
    def of(cls, patient_ids: Iterable[UUID]) -> Self:
        """Return what is known of these patients now."""
        ids = set(patient_ids)
        known = _contacts_of(ids)
        return cls(
            profiles=profiles_for(ids),
            contacts=known,
            choices=_choices_of(ids),
            granted=_consents_of(known),
            settings=preferences.settings_of_all(patient_ids=ids),
            asked=contacts.open_requests(patient_ids=ids),
        )

    def addresses_of(self, patient_ids: Iterable[UUID]) -> list[ContactPoint]:
        """Return all addresses of some of them, of every kind."""
        owners = [(owner, kind) for owner in set(patient_ids) for kind in ContactKind.values]
        return [contact for key in owners for contact in self.contacts.get(key, ())]

    def settings_of(self, patient_id: UUID) -> GeneralSettings:
        return self.settings.get(patient_id, preferences.DEFAULTS)

    def is_forbidden(self, contact: ContactPoint) -> bool:
        """Return whether the patient asked us not to use an address."""
        asked = self.asked.get(contact.patient_id, [])
        return contacts.forbidden(requests=asked, kind=contact.kind, contact=contact)


def profiles_for(patient_ids: Iterable[UUID]) -> dict[UUID, PatientProfile]:
    """Return how to address each patient, from the callable settings name."""
    return import_string(settings.NOTIFICATIONS_PROFILES)(patient_ids)


def best_contact(contacts: Iterable[ContactPoint]) -> ContactPoint | None:
    """Return the address to use among some: working, then verified, then newest first."""
    return min(contacts, key=_preference_among, default=None)


def _preference_among(contact: ContactPoint) -> tuple[bool, bool, float]:
    is_active = contact.status == ContactStatus.ACTIVE
    return (not is_active, contact.verified_at is None, -contact.created_at.timestamp())


def addresses_in_use(patient_ids: Iterable[UUID]) -> dict[UUID, list[ContactPoint]]:
    """Return each patient's addresses of every kind, the oldest first. One query."""
    rows = ContactPoint.objects.filter(patient_id__in=list(patient_ids)).exclude(status__in=GONE)
    found: dict[UUID, list[ContactPoint]] = defaultdict(list)
    for contact in rows.order_by("created_at"):
        found[contact.patient_id].append(contact)
    return found


def _contacts_of(patient_ids: set[UUID]) -> dict[tuple[UUID, str], list[ContactPoint]]:
    found: dict[tuple[UUID, str], list[ContactPoint]] = defaultdict(list)
    for contacts_of_one in addresses_in_use(patient_ids).values():
        for contact in contacts_of_one:
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

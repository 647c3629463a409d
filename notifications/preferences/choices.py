"""A patient's choices: one function answers the settings page, the API and the sender.

No row means the type's default, so that nothing is ever shown on and treated as off.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery
from django.utils.translation import gettext_lazy as _

from notifications import audit, clock, contacts
from notifications.enums import (
    AuditAction,
    ContactKind,
    ContactStatus,
    PatientNotificationChannel,
    PatientNotificationType,
    Purpose,
)
from notifications.models import Consent, ContactPoint, PatientNotificationPreference
from notifications.types import NotificationPayload, Refused


@dataclass(frozen=True, kw_only=True)
class TypePreference:
    """What one type does on each channel for one patient."""

    notification_type: str
    enabled: dict[str, bool]  # the patient's choice, or the default
    available: list[str]  # channels that can be used now
    locked: list[str]  # channels that are always on

    def as_dict(self) -> dict:
        """Return the shape the API shows."""
        switches = {f"{channel}_enabled": on for channel, on in self.enabled.items()}
        return {
            "notification_type": self.notification_type,
            **switches,
            "available": self.available,
            "locked": self.locked,
        }


def is_on(*, payload_class: type[NotificationPayload], channel: str, choice: bool | None) -> bool:
    """Return whether a type goes out on a channel: locked, else chosen, else its default."""
    if channel in payload_class.locked:
        return True
    return channel in payload_class.channels if choice is None else choice


def effective(*, patient_id: UUID) -> dict[str, TypePreference]:
    """Return every type's preference by type key, in three queries."""
    rows = PatientNotificationPreference.objects.filter(patient_id=patient_id)
    choices = {(row.type, row.channel): row.enabled for row in rows}
    available = available_channels(patient_id=patient_id)
    return {
        cls.type_key: _preference(cls, choices, available)
        for cls in PatientNotificationType.classes()
    }


def _preference(
    cls: type[NotificationPayload],
    choices: Mapping[tuple[str, str], bool],
    available: list[str],
) -> TypePreference:
    enabled = {
        str(channel): is_on(
            payload_class=cls, channel=channel, choice=choices.get((cls.type_key, channel))
        )
        for channel in PatientNotificationChannel
    }
    return TypePreference(
        notification_type=cls.type_key,
        enabled=enabled,
        available=available,
        locked=[channel for channel in PatientNotificationChannel.values if channel in cls.locked],
    )


def available_channels(*, patient_id: UUID) -> list[str]:
    """Return the channels a message about care could take now: set up, with a usable address.

    As the sender sees it: a text also needs a verified number and consent, and nothing goes where
    the patient asked us not to write. Two queries.
    """
    said = Consent.objects.filter(contact=OuterRef("pk"), purpose=Purpose.TREATMENT)
    last_word = said.order_by("-recorded_at", "-id").values("granted")[:1]
    working = ContactPoint.objects.filter(patient_id=patient_id, status=ContactStatus.ACTIVE)
    textable = Q(verified_at__isnull=False, agreed=True)
    usable = working.annotate(agreed=Subquery(last_word)).filter(
        textable | ~Q(kind=ContactKind.PHONE)
    )
    kinds = {each.kind for each in contacts.allowed_among(list(usable))}
    return [
        cls.key
        for cls in PatientNotificationChannel.classes()
        if cls().is_configured() and (cls.contact_kind is None or cls.contact_kind in kinds)
    ]


@transaction.atomic
def change(
    *, patient_id: UUID, type_key: str, changes: Mapping[str, bool], actor: str
) -> TypePreference:
    """Keep a patient's choices for one type, by channel, and return what then holds.

    Raises Refused naming `<channel>_enabled` for a locked or unknown channel, ValueError for an
    unknown type. Nothing is kept unless all of it can be.
    """
    payload_class = PatientNotificationType.known(type_key)
    for channel, enabled in changes.items():
        _refuse_impossible(payload_class, channel, enabled)
    for channel, enabled in changes.items():
        if channel not in payload_class.locked:
            _keep(patient_id, type_key, channel, enabled, actor)
    return effective(patient_id=patient_id)[type_key]


def _refuse_impossible(
    payload_class: type[NotificationPayload], channel: str, enabled: bool
) -> None:
    field = f"{channel}_enabled"
    if channel not in PatientNotificationChannel:
        known = ", ".join(f"{key}_enabled" for key in PatientNotificationChannel.values)
        raise Refused(_("Unknown field. Known are: %(known)s.") % {"known": known}, field=field)
    if channel in payload_class.locked and not enabled:
        raise Refused(_("This one is always on."), field=field)


def _keep(patient_id: UUID, type_key: str, channel: str, enabled: bool, actor: str) -> None:
    row, created = PatientNotificationPreference.objects.get_or_create(
        patient_id=patient_id,
        type=type_key,
        channel=channel,
        defaults={"enabled": enabled, "changed_by": actor, "changed_at": clock.now()},
    )
    if not created and row.enabled == enabled:
        return
    row.enabled, row.changed_by, row.changed_at = enabled, actor, clock.now()
    row.save()
    audit.record(
        action=AuditAction.PREFERENCE,
        actor=actor,
        patient_id=patient_id,
        obj=row,
        type=type_key,
        channel=channel,
        enabled=enabled,
    )

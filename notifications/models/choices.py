"""What a patient chose: addresses, consent, and what to hear on which channel."""

from datetime import time

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from notifications.crypto import MasterSealedField, new_id
from notifications.enums import (
    ContactKind,
    ContactStatus,
    Digest,
    Purpose,
    channel_choices,
    type_choices,
)
from notifications.models.owned import OwnedByPatient


class PatientNotificationPreference(models.Model):
    """One choice a patient made. No row means the type's default."""

    patient = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="notification_preferences",
    )
    type = models.CharField(max_length=64, choices=type_choices)
    channel = models.CharField(max_length=32, choices=channel_choices)
    enabled = models.BooleanField()
    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.CharField(max_length=80)

    class Meta:
        db_table = "patient_notification_preferences"
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "type", "channel"], name="preference_one_choice"
            )
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.channel} {'on' if self.enabled else 'off'}"


class PatientSettings(models.Model):
    """What a patient chose for all types together. No row means the defaults."""

    patient = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        primary_key=True,
        on_delete=models.CASCADE,
        related_name="notification_settings",
    )
    paused_until = models.DateTimeField(null=True, blank=True)
    # Both or neither, on the patient's wall clock; neither: no quiet hours.
    quiet_from = models.TimeField(null=True, blank=True, default=time(21))
    quiet_until = models.TimeField(null=True, blank=True, default=time(8))
    digest = models.CharField(max_length=8, choices=Digest.choices, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.CharField(max_length=80)

    class Meta:
        db_table = "patient_notification_settings"
        verbose_name_plural = "patient settings"
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="quiet_hours_both_or_neither",
            )
        ]

    def __str__(self) -> str:
        return f"settings of {self.patient_id}"


class ConfidentialRequest(models.Model):
    """How a patient asked to be reached, or not to be: 45 CFR 164.522(b). No reason is asked.

    Names one address, or a kind of address. `is_only`: nothing but it may be used; otherwise it
    must never be. Ended, never changed.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    patient = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="confidential_requests",
    )
    kind = models.CharField(max_length=8, choices=ContactKind.choices)
    contact = models.ForeignKey(
        "ContactPoint", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    is_only = models.BooleanField(default=False)
    recorded_at = models.DateTimeField(default=timezone.now)
    recorded_by = models.CharField(max_length=80)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=80, blank=True)

    class Meta:
        db_table = "confidential_requests"
        indexes = [
            models.Index(
                fields=["patient"], condition=Q(ended_at=None), name="confidential_request_open"
            )
        ]

    def __str__(self) -> str:
        return f"{'only' if self.is_only else 'never'} {self.kind} {self.pk}"


class ContactPoint(OwnedByPatient):
    """An address that reaches a patient: their own, or a relative's labelled with the relation."""

    kind = models.CharField(max_length=8, choices=ContactKind.choices)
    value = MasterSealedField()  # {"address": ...}; a device adds its keys
    value_index = models.CharField(max_length=64)
    relation = models.CharField(max_length=80, blank=True)
    label = models.CharField(max_length=80, blank=True)
    status = models.CharField(
        max_length=16, choices=ContactStatus.choices, default=ContactStatus.ACTIVE
    )
    status_reason = models.CharField(max_length=64, blank=True)
    status_at = models.DateTimeField(default=timezone.now)
    verified_at = models.DateTimeField(null=True, blank=True)
    verified_by = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "contact_points"
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "kind", "value_index"],
                condition=~Q(status__in=[ContactStatus.REPLACED, ContactStatus.REMOVED]),
                name="contact_once",
            )
        ]
        indexes = [models.Index(fields=["value_index"], name="contact_value")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class ContactVerification(models.Model):
    """The one open code of a contact point; the code itself is kept only as a keyed hash."""

    contact = models.OneToOneField(
        ContactPoint, primary_key=True, on_delete=models.CASCADE, related_name="verification"
    )
    code_hash = models.CharField(max_length=64)
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        db_table = "contact_verifications"

    def __str__(self) -> str:
        return f"code for {self.contact_id}"


class Consent(models.Model):
    """What a patient agreed to or withdrew for one address and purpose. Rows are only added."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    contact = models.ForeignKey(ContactPoint, on_delete=models.CASCADE, related_name="consents")
    purpose = models.CharField(max_length=16, choices=Purpose.choices)
    granted = models.BooleanField()
    wording = models.CharField(max_length=64)
    source = models.CharField(max_length=32)
    actor = models.CharField(max_length=80)
    ip = models.GenericIPAddressField(null=True, blank=True)
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "consents"
        indexes = [models.Index(fields=["contact", "purpose", "-recorded_at"], name="consent_last")]

    def __str__(self) -> str:
        return f"{'yes' if self.granted else 'no'} to {self.purpose} {self.pk}"

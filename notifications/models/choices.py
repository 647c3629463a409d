"""What a patient chose: addresses, consent, and what to hear on which channel."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from notifications.crypto import MasterSealedField, new_id
from notifications.enums import ContactKind, ContactStatus, Purpose, channel_choices, type_choices
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

"""A patient's messages, and the log of what changes among them."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from notifications.crypto import SealedField
from notifications.enums import InboxEventKind, PatientNotificationPriority, type_choices
from notifications.models.owned import OwnedByPatient

LIVE = Q(dismissed_at=None, archived_at=None)
COUNTED = LIVE & Q(read_at=None, snoozed_until=None, expired_at=None)


class PatientNotification(OwnedByPatient):
    """One message to one patient. Title and text are rendered once, when it is made."""

    seq = models.BigIntegerField()
    type = models.CharField(max_length=64, choices=type_choices)
    priority = models.CharField(max_length=8, choices=PatientNotificationPriority.choices)
    title = models.CharField(max_length=200)
    message = SealedField()
    language = models.CharField(max_length=12, default="en")
    action_url = models.CharField(max_length=500, blank=True)
    metadata = SealedField()
    payload = SealedField()
    key = models.CharField(max_length=200, blank=True)
    subject = models.CharField(max_length=100, blank=True)
    created_by = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    read_batch = models.UUIDField(null=True, blank=True)
    acted_at = models.DateTimeField(null=True, blank=True)
    action_taken = models.CharField(max_length=32, blank=True)
    dismissed_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    expired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "patient_notifications"
        ordering = ["-seq"]
        constraints = [
            models.UniqueConstraint(fields=["patient", "seq"], name="notification_seq"),
            models.UniqueConstraint(
                fields=["patient", "key"], condition=~Q(key=""), name="notification_key"
            ),
        ]
        indexes = [
            models.Index(fields=["patient", "-seq"], condition=LIVE, name="notification_live"),
            models.Index(fields=["patient", "-seq"], condition=COUNTED, name="notification_unread"),
            models.Index(
                fields=["expires_at"],
                condition=Q(expires_at__isnull=False, expired_at=None, read_at=None),
                name="notification_expiry",
            ),
            models.Index(
                fields=["snoozed_until"],
                condition=Q(snoozed_until__isnull=False),
                name="notification_snooze",
            ),
            models.Index(fields=["subject"], condition=~Q(subject=""), name="notification_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.pk}"


class InboxState(models.Model):
    """A patient's counters. Its row lock puts the events of one inbox in order."""

    patient = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        primary_key=True,
        on_delete=models.CASCADE,
        related_name="inbox_state",
    )
    last_seq = models.BigIntegerField(default=0)
    unread = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "inbox_states"

    def __str__(self) -> str:
        return f"inbox of {self.patient_id}"


class InboxEvent(models.Model):
    """What changed in a patient's inbox, in order; kept 30 days."""

    patient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="inbox_events"
    )
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=16, choices=InboxEventKind.choices)
    notification_id = models.UUIDField(null=True, blank=True)
    priority = models.CharField(max_length=8, blank=True)
    unread = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "inbox_events"
        ordering = ["patient", "seq"]
        constraints = [models.UniqueConstraint(fields=["patient", "seq"], name="inbox_event_seq")]
        indexes = [models.Index(fields=["created_at"], name="inbox_event_age")]

    def __str__(self) -> str:
        return f"{self.kind} {self.seq}"

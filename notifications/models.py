"""The tables the truth is in. Rows are born in `services.py`, `scheduler.py` and `contacts.py`;
a delivery's status is then moved by `delivery.py` alone.
"""

from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from notifications.crypto import (  # noqa: F401 - PatientKey is one of the app's models
    MasterSealedField,
    PatientKey,
    SealedField,
    new_id,
)
from notifications.enums import (
    OPEN_STATUSES,
    AttemptResult,
    AuditAction,
    ContactKind,
    ContactStatus,
    DeliveryStatus,
    InboxEventKind,
    Level,
    PatientNotificationPriority,
    PlanStatus,
    Purpose,
    Reason,
    channel_choices,
    type_choices,
)

LIVE = Q(dismissed_at=None, archived_at=None)
COUNTED = LIVE & Q(read_at=None, snoozed_until=None, expired_at=None)


class OwnedByPatient(models.Model):
    """A row of one patient, whose sealed columns open with that patient's key."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    patient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="%(class)ss"
    )

    class Meta:
        abstract = True

    def sealing_patient_id(self) -> UUID:
        return self.patient_id


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


class ScheduledNotification(OwnedByPatient):
    """A message planned for later, keyed so that planning it twice makes one row."""

    type = models.CharField(max_length=64, choices=type_choices)
    payload = SealedField()
    subject = models.CharField(max_length=100)
    rule = models.CharField(max_length=64)
    revision = models.PositiveIntegerField(default=1)
    key = models.CharField(max_length=200, unique=True)
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=16, choices=PlanStatus.choices, default=PlanStatus.PLANNED)
    reason = models.CharField(max_length=32, choices=Reason.choices, blank=True)
    notification = models.ForeignKey(
        PatientNotification, null=True, blank=True, on_delete=models.SET_NULL, related_name="plans"
    )
    created_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "scheduled_notifications"
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(status=PlanStatus.PLANNED), name="plan_due"
            ),
            models.Index(fields=["subject"], name="plan_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.pk}"


class Delivery(models.Model):
    """One notification on one channel to one address: where it stands, and why."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    notification = models.ForeignKey(
        PatientNotification, on_delete=models.CASCADE, related_name="deliveries"
    )
    channel = models.CharField(max_length=32, choices=channel_choices)
    contact = models.ForeignKey(
        ContactPoint, null=True, blank=True, on_delete=models.SET_NULL, related_name="deliveries"
    )
    step = models.PositiveSmallIntegerField(default=0)
    status = models.CharField(
        max_length=16, choices=DeliveryStatus.choices, default=DeliveryStatus.PLANNED
    )
    reason = models.CharField(max_length=32, choices=Reason.choices, blank=True)
    reason_params = models.JSONField(default=dict, blank=True)  # dates only
    rank = models.PositiveSmallIntegerField(default=2)  # of the priority: urgent is 0
    level = models.PositiveSmallIntegerField(choices=Level.choices, default=Level.L0)
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    provider_id = models.CharField(max_length=200, blank=True)
    last_code = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    status_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "deliveries"
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["notification", "channel", "contact", "step"],
                condition=Q(contact__isnull=False),
                name="delivery_once",
            ),
            models.UniqueConstraint(
                fields=["notification", "channel", "step"],
                condition=Q(contact__isnull=True),
                name="delivery_once_unaddressed",
            ),
        ]
        indexes = [
            models.Index(
                fields=["rank", "due_at"],
                condition=Q(status__in=OPEN_STATUSES),
                name="delivery_due",
            ),
            models.Index(
                fields=["lease_until"],
                condition=Q(status=DeliveryStatus.SENDING),
                name="delivery_lease",
            ),
            models.Index(
                fields=["status_at"],
                condition=Q(status=DeliveryStatus.UNKNOWN),
                name="delivery_unknown",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.pk}"


class DeliveryAttempt(models.Model):
    """One try, written before the call; `snapshot` is what left, `result` what came back."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries")
    patient_id = models.UUIDField()
    number = models.PositiveSmallIntegerField()
    fence = models.PositiveIntegerField()
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    result = models.CharField(
        max_length=16, choices=AttemptResult.choices, default=AttemptResult.STARTED
    )
    code = models.CharField(max_length=64, blank=True)
    provider_id = models.CharField(max_length=200, blank=True)
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    level = models.PositiveSmallIntegerField(choices=Level.choices)
    snapshot = SealedField(null=True, blank=True)
    content_hash = models.CharField(max_length=64)

    class Meta:
        db_table = "delivery_attempts"
        constraints = [
            models.UniqueConstraint(fields=["delivery", "number"], name="attempt_number")
        ]

    def __str__(self) -> str:
        return f"try {self.number} of {self.delivery_id}"

    def sealing_patient_id(self) -> UUID:
        return self.patient_id


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


class AuditEvent(models.Model):
    """Who did what, with an HMAC of its own. Has no foreign keys and is never changed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    at = models.DateTimeField(default=timezone.now)
    actor = models.CharField(max_length=80)
    action = models.CharField(max_length=16, choices=AuditAction.choices)
    patient_id = models.UUIDField(null=True, blank=True)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    details = models.JSONField(default=dict, blank=True)  # ids and codes only
    key_version = models.PositiveSmallIntegerField()
    mac = models.CharField(max_length=64)

    class Meta:
        db_table = "audit_events"
        indexes = [
            models.Index(fields=["at"], name="audit_at"),
            models.Index(fields=["patient_id", "-at"], name="audit_patient"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.pk}"


class AuditSeal(models.Model):
    """A block of audit rows, chained to the block before it; kept when the rows are purged."""

    number = models.PositiveIntegerField(primary_key=True)
    sealed_at = models.DateTimeField(default=timezone.now)
    event_ids = models.JSONField()
    previous_mac = models.CharField(max_length=64, blank=True)
    key_version = models.PositiveSmallIntegerField()
    mac = models.CharField(max_length=64)

    class Meta:
        db_table = "audit_seals"

    def __str__(self) -> str:
        return f"seal {self.number}"


class Heartbeat(models.Model):
    """When a part of the engine last ran: the clock, a worker, the reconciler."""

    name = models.CharField(max_length=40, primary_key=True)
    beat_at = models.DateTimeField()

    class Meta:
        db_table = "heartbeats"

    def __str__(self) -> str:
        return self.name

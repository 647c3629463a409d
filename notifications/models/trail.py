"""Who did what, sealed; and signs that the engine lives."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from notifications.crypto import new_id
from notifications.enums import AuditAction


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
            models.Index(
                fields=["at"], condition=Q(action=AuditAction.DENIED), name="audit_denied"
            ),
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


class Switch(models.Model):
    """What keeps messages from leaving: of everything, or of one channel.

    `off_at`: somebody, or a carrier's answer, switched it off, and a person switches it on again.
    `rests_until`: a carrier that does not answer is left alone until then; `trips` counts how
    often that was in vain.
    """

    EVERYTHING = "everything"

    name = models.CharField(max_length=32, primary_key=True)  # or a channel's key
    off_at = models.DateTimeField(null=True, blank=True)
    off_by = models.CharField(max_length=80, blank=True)
    why = models.CharField(max_length=200, blank=True)
    restored_from = models.DateTimeField(null=True, blank=True)  # when the backup was made
    rests_until = models.DateTimeField(null=True, blank=True)
    trips = models.PositiveSmallIntegerField(default=0)

    class Meta:
        db_table = "switches"
        verbose_name_plural = "switches"

    def __str__(self) -> str:
        return self.name

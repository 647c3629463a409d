"""What is planned, what leaves, and how each try went."""

from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils import timezone

from notifications.crypto import SealedField, new_id
from notifications.enums import (
    NEEDS_A_PERSON,
    OPEN_STATUSES,
    AttemptResult,
    DeliveryStatus,
    Level,
    PlanStatus,
    Reason,
    channel_choices,
    type_choices,
)
from notifications.models.choices import ContactPoint
from notifications.models.inbox import PatientNotification
from notifications.models.owned import OwnedByPatient


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
    # Plans of one household with the same word here may go as one text.
    together = models.CharField(max_length=160, blank=True, default="", db_default="")
    created_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "scheduled_notifications"
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(status=PlanStatus.PLANNED), name="plan_due"
            ),
            models.Index(fields=["subject"], name="plan_subject"),
            models.Index(
                fields=["together"],
                condition=Q(status=PlanStatus.PLANNED) & ~Q(together=""),
                name="plan_together",
            ),
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
    reason_params = models.JSONField(default=dict, blank=True)  # dates, or a letter
    rank = models.PositiveSmallIntegerField(default=2)  # of the priority: urgent is 0
    level = models.PositiveSmallIntegerField(choices=Level.choices, default=Level.L0)
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # The database's own defaults are for a version that does not know these three: see "Upgrading".
    setbacks = models.PositiveSmallIntegerField(default=0, db_default=0)  # against the eight
    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    provider_id = models.CharField(max_length=200, blank=True)
    last_code = models.CharField(max_length=64, blank=True)
    # When to look at it again: an answer that was lost, or a receipt that should be here by then.
    settle_at = models.DateTimeField(null=True, blank=True)
    look_ups = models.PositiveSmallIntegerField(default=0, db_default=0)  # that found nothing
    handled_at = models.DateTimeField(null=True, blank=True)
    handled_by = models.CharField(max_length=80, blank=True, default="", db_default="")
    # The one whose message says it as well, of a household's texts or of a summary.
    merged_into = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        db_index=False,  # few are merged: the index below has those alone
        on_delete=models.SET_NULL,
        related_name="+",
    )
    # A manager let it go beyond the cap of texts, and said why.
    uncapped_by = models.CharField(max_length=80, blank=True, default="", db_default="")
    uncapped_why = models.CharField(max_length=200, blank=True, default="", db_default="")
    created_at = models.DateTimeField(default=timezone.now)
    status_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "deliveries"
        verbose_name_plural = "deliveries"
        permissions = [("lift_cap", "Can send a text beyond the cap")]
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
                fields=["settle_at"], condition=Q(settle_at__isnull=False), name="delivery_settle"
            ),
            models.Index(
                fields=["merged_into"],
                condition=Q(merged_into__isnull=False),
                name="delivery_merged",
            ),
            models.Index(
                fields=["status_at"],
                condition=Q(status__in=NEEDS_A_PERSON, handled_at=None),
                name="delivery_for_a_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.pk}"


class TextUse(models.Model):
    """One text of a number's allowance: taken before the call, whatever becomes of it."""

    delivery = models.OneToOneField(
        Delivery, primary_key=True, on_delete=models.CASCADE, related_name="text_use"
    )
    number_index = models.CharField(max_length=64)
    used_at = models.DateTimeField()

    class Meta:
        db_table = "text_uses"
        indexes = [models.Index(fields=["number_index", "used_at"], name="text_use_number")]

    def __str__(self) -> str:
        return f"text {self.pk}"


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
    account = models.CharField(max_length=64, blank=True, db_default="")  # whose books have it
    snapshot = SealedField(null=True, blank=True)
    content_hash = models.CharField(max_length=64)

    class Meta:
        db_table = "delivery_attempts"
        constraints = [
            models.UniqueConstraint(fields=["delivery", "number"], name="attempt_number")
        ]
        indexes = [
            models.Index(fields=["finished_at"], name="attempt_finished"),
            models.Index(
                fields=["provider_id"], condition=~Q(provider_id=""), name="attempt_provider_id"
            ),
        ]

    def __str__(self) -> str:
        return f"try {self.number} of {self.delivery_id}"

    def sealing_patient_id(self) -> UUID:
        return self.patient_id

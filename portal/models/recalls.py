"""Regular visits that come due, and treatment that is planned and not booked."""

from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from notifications.crypto import SealedTextField, new_id
from portal.models.people import User
from portal.models.places import Provider


class RecallSchedule(models.Model):
    """When a patient is due for the next hygiene or periodontal visit, in calendar months."""

    class Kind(models.TextChoices):
        HYGIENE = "hygiene", _("Hygiene")
        PERIO = "perio", _("Periodontal")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    patient = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recalls")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    months = models.PositiveSmallIntegerField()
    last_visit_on = models.DateField(null=True, blank=True)
    due_on = models.DateField()
    paused_until = models.DateField(null=True, blank=True)
    max_reminders = models.PositiveSmallIntegerField(default=4, db_default=4)  # a cycle
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["patient", "kind"], name="recall_one_a_kind")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def subject(self) -> str:
        """Return the name plans and notifications of this recall go by."""
        return f"recall:{self.pk}"


class PlannedTreatment(models.Model):
    """What a provider and a patient agreed on and nobody has booked. Over once it is booked."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    patient = models.ForeignKey(User, on_delete=models.CASCADE, related_name="planned_treatments")
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="+")
    summary = SealedTextField()
    next_step = SealedTextField(null=True, blank=True)
    planned_on = models.DateField()
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)  # booked, done or dropped

    class Meta:
        indexes = [models.Index(fields=["patient", "ended_at"], name="planned_treatment_open")]

    def __str__(self) -> str:
        return str(self.pk)

    def sealing_patient_id(self) -> UUID:
        return self.patient_id

    @property
    def subject(self) -> str:
        """Return the name plans and notifications of this treatment go by."""
        return f"treatment:{self.pk}"

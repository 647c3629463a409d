"""Forms before a visit, and statements of what is to be paid."""

from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils import timezone

from notifications.crypto import SealedField, SealedTextField, new_id
from portal.models.people import User
from portal.models.visits import Appointment


class PatientForm(models.Model):
    """A form a patient is asked to fill in, for a visit or for none in particular.

    `kind` names the questions in portal/questionnaires/; empty: it exists on paper only.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    patient = models.ForeignKey(User, on_delete=models.CASCADE, related_name="forms")
    appointment = models.ForeignKey(
        Appointment, null=True, blank=True, on_delete=models.CASCADE, related_name="forms"
    )
    name = SealedTextField()  # may tell why somebody comes
    kind = models.CharField(max_length=40, blank=True, default="", db_default="")
    answers = SealedField(null=True, blank=True)  # by the keys of the questions
    requested_at = models.DateTimeField(default=timezone.now)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["appointment"], condition=Q(completed_at=None), name="patient_form_open"
            )
        ]
        permissions = [("read_answers", "Can read what patients answered")]

    def __str__(self) -> str:
        return str(self.pk)

    def sealing_patient_id(self) -> UUID:
        return self.patient_id


class Statement(models.Model):
    """What is to be paid for a patient's care, and by whom. The amount is in US dollars."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    patient = models.ForeignKey(User, on_delete=models.CASCADE, related_name="statements")
    guarantor = models.ForeignKey(User, on_delete=models.CASCADE, related_name="statements_to_pay")
    amount = SealedField()  # a decimal as text
    what_for = SealedTextField(null=True, blank=True)
    issued_on = models.DateField()
    due_on = models.DateField()
    created_at = models.DateTimeField(default=timezone.now)
    paid_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(due_on__gte=models.F("issued_on")), name="statement_due_after_issue"
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)

    def sealing_patient_id(self) -> UUID:
        return self.patient_id

    @property
    def subject(self) -> str:
        """Return the name plans and notifications of this statement go by."""
        return f"statement:{self.pk}"

    @property
    def is_open(self) -> bool:
        return self.paid_at is None and self.withdrawn_at is None

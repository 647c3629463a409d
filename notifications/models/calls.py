"""What a person of the practice is to do, because no message can."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from notifications.crypto import SealedTextField
from notifications.enums import CallOutcome, CallReason
from notifications.models.inbox import PatientNotification
from notifications.models.owned import OwnedByPatient
from notifications.models.sending import Delivery


class CallTask(OwnedByPatient):
    """A call to make: the last rung of a ladder, or what must not be written.

    It is on the desk's list from `due_at` on, until somebody has called or it is needed no more.
    """

    notification = models.ForeignKey(
        PatientNotification, null=True, blank=True, on_delete=models.CASCADE, related_name="calls"
    )
    delivery = models.ForeignKey(  # what could not be sent, where it is about one
        Delivery, null=True, blank=True, on_delete=models.SET_NULL, related_name="calls"
    )
    subject = models.CharField(max_length=100, blank=True)
    note = SealedTextField(null=True, blank=True)  # what the patient wrote about it
    reason = models.CharField(max_length=16, choices=CallReason.choices)
    key = models.CharField(max_length=200, unique=True)
    due_at = models.DateTimeField()
    call_by = models.DateTimeField(null=True, blank=True)  # after that it is too late
    outcome = models.CharField(max_length=16, choices=CallOutcome.choices, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "call_tasks"
        verbose_name = "call to make"
        verbose_name_plural = "calls to make"
        indexes = [
            models.Index(fields=["due_at"], condition=Q(settled_at=None), name="call_task_open"),
            models.Index(fields=["subject"], condition=~Q(subject=""), name="call_task_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.reason} {self.pk}"

"""Visits, and what a location sends about them."""

from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from notifications.crypto import SealedTextField, new_id
from portal.models.people import User
from portal.models.places import Location, Provider
from portal.models.recalls import RecallSchedule


class Appointment(models.Model):
    """A visit. `revision` grows with each move, and plans carry it."""

    class Status(models.TextChoices):
        BOOKED = "booked", _("Booked")
        CONFIRMED = "confirmed", _("Confirmed by the patient")
        COMPLETED = "completed", _("Completed")
        CANCELLED = "cancelled", _("Cancelled")
        MISSED = "missed", _("Missed")

    UPCOMING = (Status.BOOKED, Status.CONFIRMED)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    patient = models.ForeignKey(User, on_delete=models.CASCADE, related_name="appointments")
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="appointments")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="appointments")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.BOOKED)
    revision = models.PositiveIntegerField(default=1)
    reason = SealedTextField(null=True, blank=True)
    notes = SealedTextField(null=True, blank=True)
    # Written when it is over; without it nobody is asked how they are.
    treatment = SealedTextField(null=True, blank=True)
    watch_for = SealedTextField(null=True, blank=True)
    # The regular visit this one is: when it is completed, the next is due.
    recall = models.ForeignKey(
        RecallSchedule, null=True, blank=True, on_delete=models.SET_NULL, related_name="visits"
    )
    confirmed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["starts_at"], name="appointment_start"),
            models.Index(fields=["patient", "-starts_at"], name="appointment_patient"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=models.F("starts_at")), name="appointment_has_length"
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)

    def sealing_patient_id(self) -> UUID:
        return self.patient_id

    @property
    def subject(self) -> str:
        """Return the name plans and notifications of this visit go by."""
        return f"appointment:{self.pk}"

    @property
    def is_upcoming(self) -> bool:
        return self.status in self.UPCOMING


class ReminderRule(models.Model):
    """What a location sends about a visit, how long before or after it, to whom, until when.

    Minutes are wall-clock intent: whole days keep the hour across a change of the clocks.
    """

    class What(models.TextChoices):
        SAVE_THE_DATE = "save_the_date", _("Save the date")
        REMIND = "remind", _("Reminder")
        CONFIRM = "confirm", _("Please confirm")
        FORMS = "forms", _("Forms to fill in")
        MISSED = "missed", _("Missed visit")
        FOLLOW_UP = "follow_up", _("How are you after your visit?")
        REVIEW = "review", _("Request for a review")

    AFTERWARDS = (What.MISSED, What.FOLLOW_UP, What.REVIEW)

    class Audience(models.TextChoices):
        EVERYONE = "everyone", _("Everyone")
        NEW = "new", _("Who comes for the first time")
        KNOWN = "known", _("Who has been here before")

    class Until(models.TextChoices):
        STANDS = "stands", _("As long as the visit stands")
        CONFIRMED = "confirmed", _("Until the patient has confirmed")
        FORMS_DONE = "forms_done", _("Until the forms are filled in")

    class Ladder(models.TextChoices):
        NONE = "", _("All channels at once")
        STANDARD = "standard", _("Push, then text, then email, then a call")
        MAIL_FIRST = "mail_first", _("Email, then text, then a call")

    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="reminder_rules")
    name = models.SlugField(max_length=40)
    what = models.CharField(
        max_length=16, choices=What.choices, default=What.REMIND, db_default="remind"
    )
    minutes_before = models.PositiveIntegerField(null=True, blank=True)  # its start
    minutes_after = models.PositiveIntegerField(null=True, blank=True)  # its end
    audience = models.CharField(
        max_length=16, choices=Audience.choices, default=Audience.EVERYONE, db_default="everyone"
    )
    until = models.CharField(
        max_length=16, choices=Until.choices, default=Until.STANDS, db_default="stands"
    )
    ladder = models.CharField(
        max_length=16, choices=Ladder.choices, blank=True, default=Ladder.NONE, db_default=""
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["location", "name"], name="reminder_rule_name"),
            models.CheckConstraint(
                condition=Q(minutes_before=None) ^ Q(minutes_after=None),
                name="reminder_rule_before_or_after",
            ),
        ]

    def __str__(self) -> str:
        return self.name

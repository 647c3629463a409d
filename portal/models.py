"""The clinic: who is seen where, when, by whom, and who may act for whom."""

from datetime import date
from functools import cache
from uuid import UUID
from zoneinfo import available_timezones

from django.contrib.auth.models import AbstractUser, UserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from notifications.crypto import SealedField, SealedTextField, new_id


@cache
def _zones() -> set[str]:
    return available_timezones()


def validate_zone(name: str) -> None:
    """Raise ValidationError unless `name` is an IANA zone such as America/New_York."""
    if name not in _zones():
        raise ValidationError(_("%(name)s is not a time zone"), params={"name": name})


class Languages(models.TextChoices):
    EN = "en", "English"
    ES = "es", "Español"


class Practice(models.Model):
    """The one practice. `public_name` is what strangers may read on a lock screen."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    public_name = models.CharField(max_length=120, blank=True)
    phone = models.CharField(max_length=32, blank=True)
    postal_address = models.CharField(max_length=200, blank=True)
    zone = models.CharField(max_length=64, default="America/New_York", validators=[validate_zone])
    l0_only = models.BooleanField(
        default=False, help_text="Say nothing but the neutral sentence outside the portal."
    )

    def __str__(self) -> str:
        return self.name


class Location(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="locations")
    name = models.CharField(max_length=120)
    phone = models.CharField(max_length=32, blank=True)
    address = models.CharField(max_length=200, blank=True)
    zone = models.CharField(max_length=64, validators=[validate_zone])

    def __str__(self) -> str:
        return self.name


class Provider(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name


class PortalUserManager(UserManager):
    """Signs people in by e-mail, without regard to its case."""

    def get_by_natural_key(self, username: str) -> "User":
        return self.get(username__iexact=username)


class User(AbstractUser):
    """A person: patient, guardian or staff. A child is one who cannot sign in.

    `username` is the sign-in e-mail of those who may sign in, and an id of those who may not.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    username = models.CharField(_("sign-in e-mail"), max_length=254, unique=True)
    date_of_birth = SealedField(null=True, blank=True)  # ISO date
    language = models.CharField(max_length=8, choices=Languages.choices, default=Languages.EN)
    zone = models.CharField(max_length=64, blank=True, validators=[validate_zone])
    home_location = models.ForeignKey(
        Location, null=True, blank=True, on_delete=models.SET_NULL, related_name="patients"
    )

    objects = PortalUserManager()

    def __str__(self) -> str:
        return str(self.pk)

    def sealing_patient_id(self) -> UUID:
        return self.pk

    @property
    def display_name(self) -> str:
        return self.get_full_name() or str(_("Patient"))

    @property
    def born_on(self) -> date | None:
        return date.fromisoformat(self.date_of_birth) if self.date_of_birth else None


class Guardianship(models.Model):
    """Who may act for whom, from when until when."""

    guardian = models.ForeignKey(User, on_delete=models.CASCADE, related_name="wards")
    patient = models.ForeignKey(User, on_delete=models.CASCADE, related_name="guardians")
    relation = models.CharField(max_length=40, default="parent")
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["guardian", "patient"],
                condition=Q(ended_at=None),
                name="guardianship_once",
            ),
            models.CheckConstraint(
                condition=~Q(guardian=models.F("patient")), name="guardianship_of_another"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.relation} {self.pk}"


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
    """How long before a visit a location reminds. `minutes_before` is wall-clock intent."""

    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="reminder_rules")
    name = models.SlugField(max_length=40)
    minutes_before = models.PositiveIntegerField()
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["location", "name"], name="reminder_rule_name")
        ]

    def __str__(self) -> str:
        return self.name


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

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["patient", "kind"], name="recall_one_a_kind")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class ExternalId(models.Model):
    """What another system calls a row of ours: (source, resource, id), never a name."""

    source = models.CharField(max_length=64)
    resource = models.CharField(max_length=32)
    external_id = models.CharField(max_length=128)
    object_id = models.UUIDField()
    digest = models.CharField(max_length=64, blank=True)
    imported_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "resource", "external_id"], name="external_id_once"
            )
        ]
        indexes = [models.Index(fields=["resource", "object_id"], name="external_id_object")]

    def __str__(self) -> str:
        return f"{self.source} {self.resource} {self.pk}"

"""Patients, guardians and staff, and who may act for whom."""

from datetime import date
from uuid import UUID

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from notifications.crypto import SealedField, new_id
from portal.models.places import Location
from portal.models.zones import validate_zone


class Languages(models.TextChoices):
    EN = "en", "English"
    ES = "es", "Español"


class Departure(models.TextChoices):
    """Why somebody is a patient here no longer. Nothing is sent to them any more."""

    DIED = "died", _("Died")
    LEFT = "left", _("Left the practice")


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

    # Who pays for this patient's care, if not they themselves.
    guarantor = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="pays_for"
    )
    departure = models.CharField(max_length=8, choices=Departure.choices, blank=True, db_default="")
    departed_on = models.DateField(null=True, blank=True)

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
    ended_at = models.DateTimeField(null=True, blank=True)  # may lie ahead: an 18th birthday
    closed_at = models.DateTimeField(null=True, blank=True)  # when its end was acted on

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

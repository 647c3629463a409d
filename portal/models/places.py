"""The practice, where it is, when it is open, and who works there."""

import re
from datetime import time

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, URLValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from notifications.crypto import new_id
from portal.models.zones import validate_state, validate_zone


def validate_open_days(days: str) -> None:
    """Raise ValidationError unless `days` is weekdays by number in order, such as 12345."""
    if not re.fullmatch("1?2?3?4?5?6?7?", days) or not days:
        raise ValidationError(_("Write the days in order: 1 is Monday, 7 is Sunday."))


class Practice(models.Model):
    """The one practice. `public_name` is what strangers may read on a lock screen."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    public_name = models.CharField(max_length=120, blank=True)
    phone = models.CharField(max_length=32, blank=True)
    postal_address = models.CharField(max_length=200, blank=True)
    payment_url = models.URLField(
        blank=True,
        default="",
        db_default="",
        validators=[URLValidator(schemes=["https"])],
        help_text="Where patients pay a bill online, such as your payment service's page.",
    )
    zone = models.CharField(max_length=64, default="America/New_York", validators=[validate_zone])
    l0_only = models.BooleanField(
        default=False, help_text="Say nothing but the neutral sentence outside the portal."
    )
    texts_a_day = models.PositiveSmallIntegerField(
        default=1,
        db_default=1,
        help_text="Automated texts to one number. What cannot wait goes all the same, and counts.",
    )
    texts_a_week = models.PositiveSmallIntegerField(
        default=3, db_default=3, help_text="The same in any seven days."
    )
    text_price = models.DecimalField(  # for what a change of rules would cost
        max_digits=6,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="What one text costs you in US dollars, as your carrier bills it.",
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
    # Some states limit the hours of advertising by text.
    state = models.CharField(
        max_length=2, blank=True, default="", db_default="", validators=[validate_state]
    )
    # When somebody is there to answer and to call, on the wall clock of the zone.
    opens_at = models.TimeField(default=time(8), db_default=time(8))
    closes_at = models.TimeField(default=time(17), db_default=time(17))
    open_days = models.CharField(  # ISO weekdays, Monday is 1
        max_length=7, default="12345", db_default="12345", validators=[validate_open_days]
    )

    def __str__(self) -> str:
        return self.name


class ClosedDay(models.Model):
    """A day on which nobody is there: a holiday, or works. No location: the whole practice."""

    location = models.ForeignKey(
        Location, null=True, blank=True, on_delete=models.CASCADE, related_name="closed_days"
    )
    on = models.DateField()
    name = models.CharField(max_length=80)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["location", "on"], condition=~Q(location=None), name="closed_day_place"
            ),
            models.UniqueConstraint(
                fields=["on"], condition=Q(location=None), name="closed_day_practice"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.on}"


class Provider(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name

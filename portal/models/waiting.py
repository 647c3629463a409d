"""Who would come earlier, and the times that become free."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from notifications.crypto import new_id
from portal.models.people import User
from portal.models.places import Location, Provider
from portal.models.visits import Appointment


class WaitingListEntry(models.Model):
    """A patient who asked to be told of earlier times. No provider: any of the location's."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    patient = models.ForeignKey(User, on_delete=models.CASCADE, related_name="waiting_list_entries")
    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="+")
    provider = models.ForeignKey(
        Provider, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    # The visit they would come earlier for; none: they have nothing booked.
    appointment = models.ForeignKey(
        Appointment, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    minutes = models.PositiveSmallIntegerField(default=30)  # the time they need
    notice_hours = models.PositiveSmallIntegerField(default=2)  # to get here
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "waiting list entries"
        indexes = [
            models.Index(
                fields=["location", "created_at"],
                condition=Q(ended_at=None),
                name="waiting_list_open",
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Opening(models.Model):
    """A time that became free and is offered to the waiting list. The first to accept has it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="openings")
    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="openings")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    answer_by = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)
    taken_at = models.DateTimeField(null=True, blank=True)
    taken_by = models.ForeignKey(
        WaitingListEntry, null=True, blank=True, on_delete=models.SET_NULL, related_name="openings"
    )
    visit = models.ForeignKey(  # what was booked or moved into it
        Appointment, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)  # taken back by the desk

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=models.F("starts_at")), name="opening_has_length"
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def subject(self) -> str:
        """Return the name the offers of this time go by."""
        return f"opening:{self.pk}"

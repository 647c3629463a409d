"""What carriers call us with: receipts, and what patients write."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from notifications.crypto import MasterSealedField, new_id
from notifications.enums import CarrierEventKind, EventOutcome, ReplyMeaning, channel_choices


class CarrierEvent(models.Model):
    """What a carrier called us with, kept as it came. A repeat has the same key: one row."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    channel = models.CharField(max_length=32, choices=channel_choices)
    kind = models.CharField(max_length=8, choices=CarrierEventKind.choices)
    key = models.CharField(max_length=200)
    delivery_id = models.UUIDField(null=True, blank=True)  # as the carrier named it
    content = MasterSealedField()
    received_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=16, choices=EventOutcome.choices, blank=True)

    class Meta:
        db_table = "carrier_events"
        constraints = [
            models.UniqueConstraint(fields=["channel", "kind", "key"], name="carrier_event_once")
        ]
        indexes = [
            models.Index(
                fields=["received_at"], condition=Q(settled_at=None), name="carrier_event_open"
            ),
            models.Index(fields=["delivery_id"], name="carrier_event_delivery"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class InboundText(models.Model):
    """A text from a number, which may be several patients'. Open until somebody has handled it."""

    event = models.OneToOneField(
        CarrierEvent, primary_key=True, on_delete=models.CASCADE, related_name="text"
    )
    number = MasterSealedField()
    number_index = models.CharField(max_length=64)
    text = MasterSealedField()
    answer = MasterSealedField(null=True, blank=True)  # what we wrote back, if anything
    meaning = models.CharField(max_length=8, choices=ReplyMeaning.choices)
    received_at = models.DateTimeField(default=timezone.now)
    asked_back_at = models.DateTimeField(null=True, blank=True)  # which of several was meant
    handled_at = models.DateTimeField(null=True, blank=True)
    handled_by = models.CharField(max_length=80, blank=True)

    class Meta:
        db_table = "inbound_texts"
        indexes = [
            models.Index(fields=["number_index", "-received_at"], name="inbound_text_number"),
            models.Index(
                fields=["received_at"], condition=Q(handled_at=None), name="inbound_text_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.meaning} {self.pk}"

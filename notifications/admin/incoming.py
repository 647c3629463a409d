"""What carriers called with, and what patients wrote to us."""

from django.contrib import admin

from notifications.admin.base import ReadOnly
from notifications.models import CarrierEvent, InboundText


@admin.register(CarrierEvent)
class CarrierEventAdmin(ReadOnly):
    list_display = ("received_at", "channel", "kind", "delivery_id", "outcome", "settled_at")
    list_filter = ("channel", "kind", "outcome", "received_at")
    search_fields = ("=delivery_id", "=key")
    ordering = ("-received_at",)


@admin.register(InboundText)
class InboundTextAdmin(ReadOnly):
    list_display = ("received_at", "meaning", "handled_at", "handled_by")
    list_filter = ("meaning", ("handled_at", admin.EmptyFieldListFilter), "received_at")
    ordering = ("-received_at",)

"""What went out, where it stands and why; what left itself is not shown."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from notifications import contacts
from notifications.admin.base import ByPatient, ReadOnly
from notifications.enums import Reason
from notifications.models import Delivery, DeliveryAttempt
from notifications.providers.outbox import OutboxMessage
from notifications.rendering import next_step, sentence


class ReasonFilter(admin.SimpleListFilter):
    """Filters by a reason's code: its sentence needs the dates of one delivery."""

    title = _("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(code, code.replace("_", " ")) for code in Reason.values if code]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(reason=self.value()) if self.value() else queryset


@admin.register(Delivery)
class DeliveryAdmin(ByPatient, ReadOnly):
    patient_path = "notification__patient"
    list_display = ("due_at", "patient_name", "channel", "to", "status", "why", "what_next")
    list_filter = ("status", "channel", ReasonFilter, "notification__type", "due_at")
    list_select_related = ("notification__patient", "contact")
    ordering = ("-due_at",)
    readonly_fields = ("to", "why", "what_next")

    @admin.display(description=_("to"))
    def to(self, row: Delivery) -> str:
        return contacts.masked(row.contact) if row.contact else ""

    @admin.display(description=_("why"))
    def why(self, row: Delivery) -> str:
        return sentence(reason=row.reason, params=row.reason_params) if row.reason else ""

    @admin.display(description=_("next step"))
    def what_next(self, row: Delivery) -> str:
        return next_step(row.reason) if row.reason else ""


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(ByPatient, ReadOnly):
    patient_path = "delivery__notification__patient"
    list_display = ("started_at", "delivery_id", "number", "result", "code", "latency_ms", "level")
    list_filter = ("result", "delivery__channel", "started_at")
    list_select_related = ("delivery__notification",)
    ordering = ("-started_at",)


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnly):
    list_display = ("created_at", "channel", "delivery_id")
    list_filter = ("channel",)
    search_fields = ("=delivery_id",)

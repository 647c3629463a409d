"""Messages, the log of each inbox, choices and plans."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from notifications.admin.base import ByPatient, ReadOnly
from notifications.history import history
from notifications.models import (
    InboxEvent,
    InboxState,
    PatientNotification,
    PatientNotificationPreference,
    ScheduledNotification,
)


@admin.register(PatientNotification)
class PatientNotificationAdmin(ByPatient, ReadOnly):
    list_display = ("created_at", "patient_name", "type", "priority", "is_read")
    list_filter = ("type", "priority", ("read_at", admin.EmptyFieldListFilter), "created_at")
    list_select_related = ("patient",)
    ordering = ("-created_at",)
    readonly_fields = ("happened",)

    @admin.display(description=_("read"), boolean=True)
    def is_read(self, row: PatientNotification) -> bool:
        return row.read_at is not None

    @admin.display(description=_("what happened"))
    def happened(self, row: PatientNotification) -> SafeString:
        lines = ((entry.at, entry.label, entry.sentence) for entry in history(row))
        return format_html_join("", "<p>{} · {} · {}</p>", lines)


@admin.register(InboxEvent)
class InboxEventAdmin(ByPatient, ReadOnly):
    list_display = ("created_at", "patient_name", "seq", "kind", "notification_id", "unread")
    list_filter = ("kind", "created_at")
    list_select_related = ("patient",)
    ordering = ("-created_at",)


@admin.register(InboxState)
class InboxStateAdmin(ByPatient, ReadOnly):
    list_display = ("patient_name", "last_seq", "unread")
    list_select_related = ("patient",)


@admin.register(PatientNotificationPreference)
class PatientNotificationPreferenceAdmin(ByPatient, ReadOnly):
    list_display = ("patient_name", "type", "channel", "enabled", "changed_at", "changed_by")
    list_filter = ("type", "channel", "enabled")
    list_select_related = ("patient",)


@admin.register(ScheduledNotification)
class ScheduledNotificationAdmin(ByPatient, ReadOnly):
    list_display = ("due_at", "patient_name", "type", "rule", "revision", "status", "reason")
    list_filter = ("status", "type", "rule", "due_at")
    list_select_related = ("patient",)
    ordering = ("-due_at",)

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return [*super().get_search_fields(request), "=subject"]

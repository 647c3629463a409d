"""The audit trail, consents, and the engine's own housekeeping: read by those who may, as it is."""

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from notifications.admin.base import ByPatient, ReadOnly, as_id, is_address, patients_at
from notifications.crypto import PatientKey
from notifications.models import (
    AuditEvent,
    AuditSeal,
    Consent,
    ContactVerification,
    Heartbeat,
    Switch,
)


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly):
    list_display = ("at", "actor", "action", "patient_id", "object_type", "object_id", "details")
    list_filter = ("action", "object_type", "at")
    ordering = ("-at",)
    search_fields = ("=actor",)
    search_help_text = _("An actor, an id, or a phone number or e-mail address typed whole")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Find what somebody did, and what was done to a patient or a row."""
        term = search_term.strip()
        if row_id := as_id(term):
            wanted = Q(patient_id=row_id) | Q(object_id=str(row_id)) | Q(actor=f"user:{row_id}")
            return queryset.filter(wanted), False
        if is_address(term):
            ids = patients_at(term).values_list("pk", flat=True)
            return queryset.filter(patient_id__in=list(ids)), False
        return super().get_search_results(request, queryset, search_term)


@admin.register(AuditSeal)
class AuditSealAdmin(ReadOnly):
    list_display = ("number", "sealed_at", "mac")
    search_fields = ("=number",)
    hidden = ("event_ids",)
    ordering = ("-number",)


@admin.register(Consent)
class ConsentAdmin(ByPatient, ReadOnly):
    patient_path = "contact__patient"
    list_display = ("recorded_at", "patient_name", "contact_id", "purpose", "granted", "source")
    list_filter = ("purpose", "granted", "source", "wording")
    list_select_related = ("contact__patient",)
    ordering = ("-recorded_at",)


@admin.register(ContactVerification)
class ContactVerificationAdmin(ByPatient, ReadOnly):
    patient_path = "contact__patient"
    list_display = ("sent_at", "patient_name", "expires_at", "tries")
    list_select_related = ("contact__patient",)
    hidden = ("code_hash",)


@admin.register(PatientKey)
class PatientKeyAdmin(ReadOnly):
    list_display = ("patient_id", "created_at")
    hidden = ("wrapped",)
    search_fields = ("=patient_id",)


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnly):
    list_display = ("name", "beat_at")


@admin.register(Switch)
class SwitchAdmin(ReadOnly):
    list_display = ("name", "off_at", "off_by", "why", "rests_until")

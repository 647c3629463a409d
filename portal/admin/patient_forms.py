"""Forms patients are asked to fill in: requested and noted as filled in through the services.

A form's name is written once and not shown again: it may tell why somebody comes (H-02).
"""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from notifications.templatetags.notification_text import visit_time
from portal import services
from portal.admin.finding import FoundByPatient
from portal.models import PatientForm

ASKED_FOR = ("patient", "appointment", "name")
SHOWN = ("patient_name", "before", "requested_at", "completed_at")


class RequestForm(forms.ModelForm):
    """A form to ask for, before one of the patient's own visits."""

    class Meta:
        model = PatientForm
        fields = ASKED_FOR

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        visit, patient = cleaned.get("appointment"), cleaned.get("patient")
        if visit and patient and visit.patient_id != patient.pk:
            self.add_error("appointment", _("This visit is somebody else's."))
        return cleaned


@admin.register(PatientForm)
class PatientFormAdmin(FoundByPatient):
    raw_id_fields = ("appointment",)
    autocomplete_fields = ("patient",)
    list_display = SHOWN
    list_filter = (("completed_at", admin.EmptyFieldListFilter), "requested_at")
    list_select_related = ("patient", "appointment__location")
    ordering = ("-requested_at",)
    actions = ("filled_in",)

    def has_change_permission(self, request: HttpRequest, obj: PatientForm | None = None) -> bool:
        """Rows are never edited; the action needs the permission to change."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: PatientForm | None = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: PatientForm | None = None) -> tuple[str, ...]:
        return SHOWN if obj else ASKED_FOR

    def get_readonly_fields(
        self, request: HttpRequest, obj: PatientForm | None = None
    ) -> tuple[str, ...]:
        return SHOWN if obj else ()

    def get_form(self, request: HttpRequest, obj: PatientForm | None = None, **options: Any):
        return super().get_form(request, obj, **options | ({} if obj else {"form": RequestForm}))

    def save_model(
        self, request: HttpRequest, obj: PatientForm, form: forms.ModelForm, change: bool
    ) -> None:
        made = services.request_form(
            patient_id=obj.patient_id,
            appointment_id=obj.appointment_id,
            name=obj.name,
            actor=f"user:{request.user.pk}",
        )
        obj.pk = made.pk

    @admin.display(description=_("patient"))
    def patient_name(self, form: PatientForm) -> str:
        return form.patient.display_name

    @admin.display(description=_("before the visit"))
    def before(self, form: PatientForm) -> str:
        visit = form.appointment
        return visit_time(visit.starts_at, visit.location.zone) if visit else ""

    @admin.action(description=_("Note as filled in"), permissions=["change"])
    def filled_in(self, request: HttpRequest, rows: QuerySet) -> None:
        """Ask for these forms no more."""
        for form in rows:
            done = services.complete_form(form_id=form.pk, actor=f"user:{request.user.pk}")
            self.log_change(request, done, "filled in")
        said = ngettext("%(count)s form filled in.", "%(count)s forms filled in.", len(rows))
        self.message_user(request, said % {"count": len(rows)}, messages.SUCCESS)

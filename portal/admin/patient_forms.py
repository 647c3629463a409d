"""Forms patients are asked to fill in: requested and noted as filled in through the services.

A form's name is written once and not shown again: it may tell why somebody comes. What was
answered is shown on the form's own page, to those with the right to read it, and each look is a
row of the trail (H-02, H-06).
"""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from notifications.templatetags.notification_text import visit_time
from portal import questionnaires, services
from portal.admin.finding import FoundByPatient
from portal.models import PatientForm

ASKED_FOR = ("patient", "appointment", "kind", "name")
SHOWN = ("patient_name", "before", "filled_in_where", "requested_at", "completed_at")
READS_ANSWERS = "portal.read_answers"


class RequestForm(forms.ModelForm):
    """A form to ask for, before one of the patient's own visits."""

    class Meta:
        model = PatientForm
        fields = ASKED_FOR

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        here = [(each.key, each.title) for each in questionnaires.known()]
        choices = [("", _("On paper only")), *here]
        self.fields["kind"] = forms.ChoiceField(
            label=_("How it is filled in"), choices=choices, required=False
        )
        self.fields["name"].required = False
        self.fields["name"].help_text = _("Empty: the name of the online form")

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
        return self._shown(request) if obj else ASKED_FOR

    def get_readonly_fields(
        self, request: HttpRequest, obj: PatientForm | None = None
    ) -> tuple[str, ...]:
        return self._shown(request) if obj else ()

    def _shown(self, request: HttpRequest) -> tuple[str, ...]:
        return (*SHOWN, "answered") if request.user.has_perm(READS_ANSWERS) else SHOWN

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("answers")

    def get_form(self, request: HttpRequest, obj: PatientForm | None = None, **options: Any):
        return super().get_form(request, obj, **options | ({} if obj else {"form": RequestForm}))

    def save_model(
        self, request: HttpRequest, obj: PatientForm, form: forms.ModelForm, change: bool
    ) -> None:
        made = services.request_form(
            patient_id=obj.patient_id,
            appointment_id=obj.appointment_id,
            name=obj.name or "",
            kind=obj.kind,
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

    @admin.display(description=_("how it is filled in"))
    def filled_in_where(self, form: PatientForm) -> str:
        asked = questionnaires.find(form.kind)
        return str(asked.title if asked else form.kind or _("On paper only"))

    @admin.display(description=_("what was answered"))
    def answered(self, form: PatientForm) -> SafeString:
        sections = questionnaires.in_words(form.kind, form.answers or {})
        lines = [line for _title, told in sections for line in told]
        words = ((asked, ", ".join(said) or _("No answer")) for asked, said in lines)
        return format_html_join("", "<p>{}<br><strong>{}</strong></p>", words)

    @admin.action(description=_("Note as filled in"), permissions=["change"])
    def filled_in(self, request: HttpRequest, rows: QuerySet) -> None:
        """Ask for these forms no more."""
        for form in rows:
            done = services.complete_form(form_id=form.pk, actor=f"user:{request.user.pk}")
            self.log_change(request, done, "filled in")
        said = ngettext("%(count)s form filled in.", "%(count)s forms filled in.", len(rows))
        self.message_user(request, said % {"count": len(rows)}, messages.SUCCESS)

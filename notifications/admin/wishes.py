"""How a patient wants to be reached: recorded and ended at the desk, never edited (H-13).

One page a patient. No reason is asked for (45 CFR 164.522(b)(2)(iii)), so there is nowhere to
write one.
"""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from notifications import audit, contacts
from notifications.admin.base import ByPatient, ReadOnly
from notifications.enums import AuditAction, ContactKind
from notifications.models import ConfidentialRequest, PatientSettings
from notifications.types import Refused

ONLY, NEVER = "only", "never"
PAGE = "notifications_confidentialrequest_of"


def said(row: ConfidentialRequest) -> str:
    """Return a request in words, with a masked address."""
    what = contacts.masked(row.contact) if row.contact else row.get_kind_display()
    return (_("Only %(what)s") if row.is_only else _("Never %(what)s")) % {"what": what}


class WishForm(forms.Form):
    """What may be asked for: nothing but, or never, an address or a kind of address."""

    wish = forms.ChoiceField(widget=forms.RadioSelect)

    def __init__(self, *args: Any, patient_id: UUID, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["wish"].label = _("The patient wants")
        self.fields["wish"].choices = _choices(patient_id)

    def asked(self) -> dict[str, Any]:
        """Return the wish as `contacts.record_request` takes it."""
        word, kind, contact_id = self.cleaned_data["wish"].split(":")
        return {
            "is_only": word == ONLY,
            "kind": kind,
            "contact_id": UUID(contact_id) if contact_id else None,
        }


def _choices(patient_id: UUID) -> list[tuple[str, str]]:
    mine = contacts.of_patient(patient_id=patient_id)
    named = [
        (f"{each.kind}:{each.pk}", f"{contacts.masked(each)} ({each.get_kind_display()})")
        for each in mine
    ]
    named += [(f"{kind}:", str(kind.label)) for kind in ContactKind]
    only = [(f"{ONLY}:{name}", _("Only %(what)s") % {"what": label}) for name, label in named]
    never = [(f"{NEVER}:{name}", _("Never %(what)s") % {"what": label}) for name, label in named]
    return only + never


@admin.register(ConfidentialRequest)
class ConfidentialRequestAdmin(ByPatient, ReadOnly):
    audits_itself = True  # contacts does
    list_display = ("recorded_at", "patient_name", "wish", "ended_at")
    list_filter = ("kind", "is_only", ("ended_at", admin.EmptyFieldListFilter))
    list_select_related = ("patient", "contact")
    ordering = ("-recorded_at",)

    @admin.display(description=_("wish"))
    def wish(self, row: ConfidentialRequest) -> str:
        return said(row)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.of_patient)
        return [path("of/<uuid:pk>/", view, name=PAGE), *super().get_urls()]

    def of_patient(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Show what a patient asked for; record another wish, or end one."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        patient = get_object_or_404(get_user_model(), pk=pk)
        form = WishForm(request.POST if "record" in request.POST else None, patient_id=pk)
        if request.method == "POST" and self._done(request, pk, form):
            return redirect(reverse(f"admin:{PAGE}", args=[pk]))
        return self._page(request, patient, form)

    def _done(self, request: HttpRequest, patient_id: UUID, form: WishForm) -> bool:
        """Do what was posted; False where the form says why not."""
        actor = audit.actor_of(request.user)
        if "end" in request.POST:
            self._need(request, "change")
            mine = ConfidentialRequest.objects.filter(patient_id=patient_id)
            row = get_object_or_404(mine, pk=_as_uuid(request.POST["end"]))
            contacts.end_request(request_id=row.pk, actor=actor)
            self.message_user(request, _("The wish is ended."), messages.SUCCESS)
            return True
        self._need(request, "add")
        if not form.is_valid():
            return False
        try:
            contacts.record_request(patient_id=patient_id, actor=actor, **form.asked())
        except Refused as refusal:
            form.add_error("wish", refusal.message)
            return False
        self.message_user(request, _("The wish is recorded. It holds from now on."))
        return True

    def _need(self, request: HttpRequest, action: str) -> None:
        if not self._may(request, action):
            raise PermissionDenied

    def _may(self, request: HttpRequest, action: str) -> bool:
        return request.user.has_perm(f"notifications.{action}_confidentialrequest")

    def _page(self, request: HttpRequest, patient: Any, form: WishForm) -> TemplateResponse:
        audit.record(
            action=AuditAction.VIEWED,
            actor=audit.actor_of(request.user),
            patient_id=patient.pk,
            obj=patient,
            list="wishes",
        )
        asked = contacts.open_requests(patient_ids=[patient.pk]).get(patient.pk, [])
        context = self.admin_site.each_context(request) | {
            "title": _("How the patient wants to be reached"),
            "opts": self.opts,
            "patient": patient,
            "patient_name": patient.get_full_name() or patient,
            "asked": [(row, said(row)) for row in asked],
            "form": form,
            "may_record": self._may(request, "add"),
            "may_end": self._may(request, "change"),
        }
        template = "admin/notifications/confidentialrequest/of_patient.html"
        return TemplateResponse(request, template, context)


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@admin.register(PatientSettings)
class PatientSettingsAdmin(ByPatient, ReadOnly):
    list_display = ("patient_name", "paused_until", "quiet_from", "quiet_until", "digest")
    list_filter = ("digest",)
    list_select_related = ("patient",)

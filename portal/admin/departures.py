"""The page on which the desk notes that a patient died or left, and sees first what that stops."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin.widgets import AdminDateWidget
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from notifications.types import Refused
from portal import services
from portal.models import Departure, User


class DepartureForm(forms.Form):
    departure = forms.ChoiceField(
        label=_("The patient"), choices=Departure.choices, widget=forms.RadioSelect
    )
    on = forms.DateField(
        label=_("On"), required=False, widget=AdminDateWidget, help_text=_("Empty: not known.")
    )


class DeparturePage:
    """Mixed into the admin of people: who may change somebody may note that they are gone."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.departure)
        own = path("<uuid:pk>/departure/", view, name="portal_user_departure")
        return [own, *super().get_urls()]

    def departure(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Ask what happened, and when; of somebody who is gone, whether they are back."""
        patient = get_object_or_404(User, pk=pk)
        if not self.has_change_permission(request, patient):
            raise PermissionDenied
        form = DepartureForm(request.POST or None)
        is_back = "come_back" in request.POST
        if is_back or form.is_valid():
            said = form.cleaned_data if not is_back else None
            if self._noted(request, patient, form, said):
                return redirect(reverse("admin:portal_user_change", args=[patient.pk]))
        return self._ask_departure(request, patient, form)

    def _noted(
        self, request: HttpRequest, patient: User, form: DepartureForm, said: dict | None
    ) -> bool:
        actor = f"user:{request.user.pk}"
        try:
            if said is None:
                changed = services.come_back(patient_id=patient.pk, actor=actor)
            else:
                changed = services.depart(patient_id=patient.pk, **said, actor=actor)
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
            return False
        self.log_change(request, changed, "come_back" if said is None else "depart")
        self.message_user(request, BACK if said is None else GONE, messages.SUCCESS)
        return True

    def _ask_departure(
        self, request: HttpRequest, patient: User, form: DepartureForm
    ) -> TemplateResponse:
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": _("No longer a patient"),
            "opts": self.opts,
            "original": patient,
            "visits": services.upcoming_visits(patient),
            "form": form,
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "admin/portal/user/departure.html", context)


GONE = _("Noted. Nothing is sent to this person any more, and their visits are cancelled.")
BACK = _("This person is a patient again. Book their visits anew; a closed account stays closed.")

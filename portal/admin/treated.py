"""What was done at a visit, written down when it is over: who was treated is asked how they are.

Written once and not shown again: it is clinical (H-02).
"""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from notifications.types import Refused
from portal import services
from portal.models import Appointment


class TreatedForm(forms.Form):
    """Both are read by the patient, and by nobody before they have signed in."""

    treatment = forms.CharField(
        label=_("What was done"), help_text=_("In words the patient knows"), max_length=200
    )
    watch_for = forms.CharField(
        label=_("Call at once for"),
        help_text=_("Such as bleeding that does not stop"),
        max_length=200,
        required=False,
    )


class TreatedPage:
    """Mixed into the admin of visits: a page that completes one and says what was done."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.treated)
        own = path("<uuid:pk>/treated/", view, name="portal_appointment_treated")
        return [own, *super().get_urls()]

    def treated(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Ask what was done at a visit, and complete it."""
        visit = get_object_or_404(Appointment, pk=pk)
        if not self.has_change_permission(request):
            raise PermissionDenied
        form = TreatedForm(request.POST or None)
        if form.is_valid() and self._completed(request, visit, form):
            return redirect(reverse("admin:portal_appointment_change", args=[visit.pk]))
        context = self.admin_site.each_context(request) | {
            "title": _("What was done"),
            "opts": self.opts,
            "original": visit,
            "form": form,
        }
        return TemplateResponse(request, "admin/portal/appointment/treated.html", context)

    def _completed(self, request: HttpRequest, visit: Appointment, form: TreatedForm) -> bool:
        try:
            done = services.complete(
                appointment_id=visit.pk, actor=f"user:{request.user.pk}", **form.cleaned_data
            )
        except Refused as refusal:
            form.add_error(None, refusal.message)
            return False
        self.log_change(request, done, "complete")
        said = _("The visit is completed. The patient is asked later how they are.")
        self.message_user(request, said, messages.SUCCESS)
        return True

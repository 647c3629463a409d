"""A text that yielded to the cap of its number: sent all the same, by who may and says why."""

from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from notifications import audit, contacts, delivery
from notifications.enums import AuditAction
from notifications.models import Delivery
from notifications.types import Refused

RIGHT = "notifications.lift_cap"


class ReasonForm(forms.Form):
    """Why one more text is right."""

    why = forms.CharField(
        label=_("why"),
        max_length=200,
        help_text=_("Nothing about the patient's health: others read this."),
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )


class LiftedByHand(admin.ModelAdmin):
    """Mixed into the admin of deliveries: the page, and who may use it."""

    change_form_template = "admin/notifications/delivery/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<uuid:pk>/send-all-the-same/",
            self.admin_site.admin_view(self.send_all_the_same),
            name="notifications_delivery_lift",
        )
        return [own, *super().get_urls()]

    def send_all_the_same(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Ask why, and send it."""
        if not (request.user.has_perm(RIGHT) and self.has_view_permission(request)):
            raise PermissionDenied
        row = get_object_or_404(Delivery.objects.select_related("notification", "contact"), pk=pk)
        form = ReasonForm(request.POST or None)
        if form.is_valid() and self._sent(request, row, form):
            return redirect(reverse("admin:notifications_delivery_change", args=[row.pk]))
        return self._ask_why(request, row, form)

    def _sent(self, request: HttpRequest, row: Delivery, form: ReasonForm) -> bool:
        actor = audit.actor_of(request.user)
        try:
            delivery.send_all_the_same(delivery_id=row.pk, actor=actor, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(refusal.field or None, refusal.message)
            return False
        self.message_user(request, _("It goes now, if nothing else forbids it."), messages.SUCCESS)
        return True

    def _ask_why(self, request: HttpRequest, row: Delivery, form: ReasonForm) -> TemplateResponse:
        patient_id = row.notification.patient_id
        actor = audit.actor_of(request.user)
        audit.record(action=AuditAction.VIEWED, actor=actor, patient_id=patient_id, obj=row)
        context = self.admin_site.each_context(request) | {
            "title": _("Send all the same"),
            "opts": self.opts,
            "original": row,
            "masked": contacts.masked(row.contact) if row.contact else "",
            "patient_name": self.patient_name(row),
            "form": form,
        }
        return TemplateResponse(request, "admin/notifications/delivery/lift.html", context)

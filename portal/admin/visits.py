"""Visits: booked, moved, confirmed and closed through `portal.services`, never saved here.

The reason and the notes are written when booking and not shown again: they are clinical (H-02).
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminSplitDateTime
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from notifications.templatetags.notification_text import visit_time
from notifications.types import Refused
from portal import services
from portal.admin.finding import FoundByPatient
from portal.admin.treated import TreatedPage
from portal.models import Appointment
from portal.services.entries import check_clock, check_times, refuse_departed

BOOKED_WITH = ("patient", "provider", "location", "starts_at", "ends_at")
BOOKED_WITH += ("reason", "notes", "recall")
SHOWN = ("patient_name", "provider", "location", "starts", "ends", "status", "revision")


class BookingForm(forms.ModelForm):
    """A new visit. Times are typed as the location's wall clock shows them."""

    class Meta:
        model = Appointment
        fields = BOOKED_WITH
        help_texts = {
            "starts_at": _("On the wall clock of the location"),
            "ends_at": _("On the wall clock of the location"),
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not self.errors:
            try:
                self._read(cleaned)
            except Refused as refusal:
                self.add_error(refusal.field.removesuffix("_id"), refusal.message)
        return cleaned

    def _read(self, cleaned: dict[str, Any]) -> None:
        """Put the times on the location's clock. Raises Refused for what the book would refuse."""
        check_clock(cleaned["location"])
        for name in ("starts_at", "ends_at"):
            typed = timezone.make_naive(cleaned[name])
            cleaned[name] = typed.replace(tzinfo=ZoneInfo(cleaned["location"].zone))
        check_times(starts_at=cleaned["starts_at"], ends_at=cleaned["ends_at"])
        refuse_departed(cleaned["patient"], starts_at=cleaned["starts_at"])
        _refuse_twice(cleaned)


class MoveForm(forms.Form):
    """When a visit is to be instead, in the zone that is active: the location's."""

    starts_at = forms.SplitDateTimeField(label=_("starts"), widget=AdminSplitDateTime)
    ends_at = forms.SplitDateTimeField(label=_("ends"), widget=AdminSplitDateTime)


@admin.register(Appointment)
class AppointmentAdmin(TreatedPage, FoundByPatient):
    autocomplete_fields = ("patient", "provider", "location")
    raw_id_fields = ("recall",)
    list_display = ("starts", "patient_name", "provider", "location", "status", "revision")
    list_filter = ("status", "location", "provider", "starts_at")
    list_select_related = ("patient", "provider", "location")
    ordering = ("-starts_at",)
    actions = ("confirm", "complete", "mark_missed", "cancel", "offer_time")
    change_form_template = "admin/portal/appointment/change_form.html"

    def has_change_permission(self, request: HttpRequest, obj: Appointment | None = None) -> bool:
        """Rows are never edited; the actions need the permission to change."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Appointment | None = None) -> bool:
        return False

    def has_offer_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("portal.add_opening")

    def get_fields(self, request: HttpRequest, obj: Appointment | None = None) -> tuple[str, ...]:
        return (*SHOWN, "confirmed_at", "created_at") if obj else BOOKED_WITH

    def get_readonly_fields(
        self, request: HttpRequest, obj: Appointment | None = None
    ) -> tuple[str, ...]:
        return (*SHOWN, "confirmed_at", "created_at") if obj else ()

    @admin.display(description=_("patient"))
    def patient_name(self, visit: Appointment) -> str:
        return visit.patient.display_name

    @admin.display(description=_("starts"), ordering="starts_at")
    def starts(self, visit: Appointment) -> str:
        return visit_time(visit.starts_at, visit.location.zone)

    @admin.display(description=_("ends"), ordering="ends_at")
    def ends(self, visit: Appointment) -> str:
        return visit_time(visit.ends_at, visit.location.zone)

    def get_form(self, request: HttpRequest, obj: Appointment | None = None, **options: Any):
        return super().get_form(request, obj, **options | ({} if obj else {"form": BookingForm}))

    def save_model(
        self, request: HttpRequest, obj: Appointment, form: forms.ModelForm, change: bool
    ) -> None:
        booked = services.book(
            patient_id=obj.patient_id,
            provider_id=obj.provider_id,
            location_id=obj.location_id,
            starts_at=obj.starts_at,
            ends_at=obj.ends_at,
            reason=obj.reason or "",
            notes=obj.notes or "",
            recall_id=obj.recall_id,
            actor=_actor(request),
        )
        obj.pk = booked.pk

    # -- actions ----------------------------------------------------------------------------

    @admin.action(description=_("Confirm visits"), permissions=["change"])
    def confirm(self, request: HttpRequest, visits: QuerySet) -> None:
        self._each(request, visits, services.confirm)

    @admin.action(description=_("Mark visits as completed"), permissions=["change"])
    def complete(self, request: HttpRequest, visits: QuerySet) -> None:
        self._each(request, visits, services.complete)

    @admin.action(description=_("Mark visits as missed"), permissions=["change"])
    def mark_missed(self, request: HttpRequest, visits: QuerySet) -> None:
        self._each(request, visits, services.mark_missed)

    @admin.action(description=_("Cancel visits and tell the patients"), permissions=["change"])
    def cancel(self, request: HttpRequest, visits: QuerySet) -> None:
        self._each(request, visits, services.cancel)

    @admin.action(description=_("Offer the time to the waiting list"), permissions=["offer"])
    def offer_time(self, request: HttpRequest, visits: QuerySet) -> None:
        self._each(request, visits, services.offer_time_of)

    def _each(
        self, request: HttpRequest, visits: QuerySet, change: Callable[..., Appointment]
    ) -> None:
        """Change each visit by itself; say how many, and why not the others."""
        done = 0
        for visit in visits:
            try:
                changed = change(appointment_id=visit.pk, actor=_actor(request))
            except Refused as refusal:
                self.message_user(request, refusal.message, messages.WARNING)
                continue
            self.log_change(request, changed, change.__name__)
            done += 1
        said = ngettext("%(count)s visit changed.", "%(count)s visits changed.", done)
        self.message_user(request, said % {"count": done}, messages.SUCCESS)

    # -- moving one -------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.move)
        return [path("<uuid:pk>/move/", view, name="portal_appointment_move"), *super().get_urls()]

    def move(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Ask for the new time of one visit, and move it."""
        visit = get_object_or_404(Appointment, pk=pk)
        if not self.has_change_permission(request):
            raise PermissionDenied
        with timezone.override(visit.location.zone):
            form = MoveForm(request.POST or None, initial=_times(visit))
            if form.is_valid() and self._moved(request, visit, form):
                return redirect(reverse("admin:portal_appointment_change", args=[visit.pk]))
            return self._ask(request, visit, form).render()

    def _ask(self, request: HttpRequest, visit: Appointment, form: MoveForm) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Move the visit"),
            "zone": visit.location.zone,
            "opts": self.opts,
            "original": visit,
            "form": form,
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "admin/portal/appointment/move.html", context)

    def _moved(self, request: HttpRequest, visit: Appointment, form: MoveForm) -> bool:
        try:
            moved = services.reschedule(
                appointment_id=visit.pk, actor=_actor(request), **form.cleaned_data
            )
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
            return False
        self.log_change(request, moved, "reschedule")
        said = _("The visit was moved and the patient told.")
        self.message_user(request, said, messages.SUCCESS)
        return True


def _refuse_twice(cleaned: dict[str, Any]) -> None:
    """Raise Refused for what is in the book already, such as by a button pressed twice."""
    same = Appointment.objects.filter(
        patient=cleaned["patient"],
        starts_at=cleaned["starts_at"],
        status__in=Appointment.UPCOMING,
    )
    if same.exists():
        message = _("The patient has a visit at this very time already.")
        raise Refused(message, field="starts_at")


def _actor(request: HttpRequest) -> str:
    return f"user:{request.user.pk}"


def _times(visit: Appointment) -> dict[str, Any]:
    return {"starts_at": visit.starts_at, "ends_at": visit.ends_at}

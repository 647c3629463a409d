"""The waiting list, and the times that are offered to it."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from notifications import audit
from notifications.enums import AuditAction
from notifications.templatetags.notification_text import visit_time
from notifications.types import Refused
from portal import services
from portal.admin.through import ThroughServices
from portal.models import Appointment, Opening, WaitingListEntry
from portal.services.entries import check_times
from portal.services.waiting_list import fitting

CLOCK = _("On the wall clock of the location")


@admin.register(WaitingListEntry)
class WaitingListEntryAdmin(ThroughServices):
    autocomplete_fields = ("patient", "location", "provider")
    raw_id_fields = ("appointment",)
    list_display = ("created_at", "patient_name", "location", "provider", "minutes", "ended_at")
    list_filter = (("ended_at", admin.EmptyFieldListFilter), "location", "provider")
    list_select_related = ("patient", "location", "provider")
    ordering = ("created_at",)
    actions = ("leave",)
    entered = ("patient", "location", "provider", "appointment", "minutes", "notice_hours")
    shown = ("patient_name", "location", "provider", "before", "minutes", "notice_hours")
    shown += ("created_at", "ended_at")

    def add_row(self, cleaned: dict[str, Any], *, actor: str) -> WaitingListEntry:
        named = {
            f"{name}_id": cleaned[name] and cleaned[name].pk for name in ("provider", "appointment")
        }
        return services.join_waiting_list(
            patient_id=cleaned["patient"].pk,
            location_id=cleaned["location"].pk,
            minutes=cleaned["minutes"],
            notice_hours=cleaned["notice_hours"],
            actor=actor,
            **named,
        )

    @admin.display(description=_("before the visit"))
    def before(self, row: WaitingListEntry) -> str:
        return _linked(row.appointment)

    @admin.action(description=_("Take off the waiting list"), permissions=["change"])
    def leave(self, request: HttpRequest, rows: QuerySet) -> None:
        def leave(row: WaitingListEntry, *, actor: str) -> None:
            services.leave_waiting_list(entry_id=row.pk, actor=actor)

        self.each(request, rows, leave)


class OpeningEntry(forms.ModelForm):
    """A time that became free, as the location's wall clock shows it."""

    answer_by = forms.SplitDateTimeField(
        label=_("answer by"),
        required=False,
        widget=admin.widgets.AdminSplitDateTime,
        help_text=_("Empty: until an hour before it starts"),
    )

    class Meta:
        help_texts = {"starts_at": CLOCK, "ends_at": CLOCK}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if location := cleaned.get("location"):
            for name in ("starts_at", "ends_at", "answer_by"):
                if cleaned.get(name):
                    typed = timezone.make_naive(cleaned[name])
                    cleaned[name] = typed.replace(tzinfo=ZoneInfo(location.zone))
        if not self.errors:
            try:
                check_times(starts_at=cleaned["starts_at"], ends_at=cleaned["ends_at"])
            except Refused as refusal:
                self.add_error(refusal.field, refusal.message)
        return cleaned


class GivenTo(forms.ModelChoiceField):
    def label_from_instance(self, entry: WaitingListEntry) -> str:
        since = timezone.localdate(entry.created_at)
        return f"{entry.patient.display_name} ({since:%Y-%m-%d})"


class GiveForm(forms.Form):
    """To whom on the list a time is given, such as to the first who called."""

    entry = GivenTo(label=_("patient"), queryset=None)

    def __init__(self, *args: Any, opening: Opening, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ids = [entry.pk for entry in fitting(opening)]
        rows = WaitingListEntry.objects.filter(pk__in=ids).select_related("patient")
        self.fields["entry"].queryset = rows.order_by("created_at")


@admin.register(Opening)
class OpeningAdmin(ThroughServices):
    patient_paths = ("taken_by__patient",)
    autocomplete_fields = ("provider", "location")
    list_display = ("starts", "provider", "location", "answers", "taken_at", "closed_at")
    list_filter = ("location", "provider", "starts_at")
    list_select_related = ("provider", "location", "taken_by")
    ordering = ("-starts_at",)
    actions = ("take_back",)
    entered = ("provider", "location", "starts_at", "ends_at", "answer_by")
    shown = ("starts", "ends", "provider", "location", "answers", "created_at")
    shown += ("taken_at", "patient_name", "booked", "closed_at")
    entry_form = OpeningEntry
    change_form_template = "admin/portal/opening/change_form.html"

    def patient_id_of(self, obj: Opening) -> UUID | None:
        return obj.taken_by.patient_id if obj.taken_by else None

    def add_row(self, cleaned: dict[str, Any], *, actor: str) -> Opening:
        return services.offer_opening(
            provider_id=cleaned["provider"].pk,
            location_id=cleaned["location"].pk,
            starts_at=cleaned["starts_at"],
            ends_at=cleaned["ends_at"],
            answer_by=cleaned["answer_by"],
            actor=actor,
        )

    @admin.display(description=_("starts"), ordering="starts_at")
    def starts(self, row: Opening) -> str:
        return visit_time(row.starts_at, row.location.zone)

    @admin.display(description=_("ends"))
    def ends(self, row: Opening) -> str:
        return visit_time(row.ends_at, row.location.zone)

    @admin.display(description=_("answer by"), ordering="answer_by")
    def answers(self, row: Opening) -> str:
        return visit_time(row.answer_by, row.location.zone)

    @admin.display(description=_("patient"))
    def patient_name(self, row: Opening) -> str:
        return row.taken_by.patient.display_name if row.taken_by else ""

    @admin.display(description=_("Visit"))
    def booked(self, row: Opening) -> str:
        return _linked(row.visit)

    @admin.action(description=_("Take the offer back"), permissions=["change"])
    def take_back(self, request: HttpRequest, rows: QuerySet) -> None:
        def close(row: Opening, *, actor: str) -> None:
            services.close_opening(opening_id=row.pk, actor=actor)

        self.each(request, rows, close)

    # -- giving it to who called --------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.give)
        return [path("<uuid:pk>/give/", view, name="portal_opening_give"), *super().get_urls()]

    def give(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Ask who on the list is to have a time, and book or move them into it."""
        opening = get_object_or_404(Opening, pk=pk)
        if not self.has_change_permission(request):
            raise PermissionDenied
        form = GiveForm(request.POST or None, opening=opening)
        if form.is_valid() and self._given(request, opening, form):
            return redirect(reverse("admin:portal_opening_change", args=[opening.pk]))
        _record_views(request, form.fields["entry"].queryset)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Give this time to a patient"),
            "opts": self.opts,
            "original": opening,
            "form": form,
        }
        return TemplateResponse(request, "admin/portal/opening/give.html", context)

    def _given(self, request: HttpRequest, opening: Opening, form: GiveForm) -> bool:
        actor = audit.actor_of(request.user)
        try:
            services.accept_opening(
                opening_id=opening.pk, entry_id=form.cleaned_data["entry"].pk, actor=actor
            )
        except Refused as refusal:
            form.add_error(None, refusal.message)
            return False
        self.log_change(request, opening, [])
        said = _("The time was given and the patient told.")
        self.message_user(request, said, messages.SUCCESS)
        return True


def _linked(visit: Appointment | None) -> str:
    """Return when a visit is, as a link to it; nothing for none."""
    if visit is None:
        return ""
    url = reverse("admin:portal_appointment_change", args=[visit.pk])
    return format_html('<a href="{}">{}</a>', url, visit_time(visit.starts_at, visit.location.zone))


def _record_views(request: HttpRequest, entries: QuerySet) -> None:
    """Keep in the trail whose names are on the page."""
    audit.record_many(
        action=AuditAction.VIEWED,
        actor=audit.actor_of(request.user),
        rows=[(entry.patient_id, entry) for entry in entries],
        list="waitinglistentry",
    )

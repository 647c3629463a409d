"""Regular visits that come due, and treatment nobody has booked.

What is planned is written once and not shown again: it is clinical (H-02).
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from notifications import clock
from portal import services
from portal.admin.through import ThroughServices
from portal.models import PlannedTreatment, RecallSchedule

IS_OPEN = ("ended_at", admin.EmptyFieldListFilter)


class RecallEntry(forms.ModelForm):
    """A new recall: when it is due may be left to the months after the last visit."""

    due_on = forms.DateField(
        label=_("due on"),
        required=False,
        widget=admin.widgets.AdminDateWidget,
        help_text=_("Empty: so many months after the last visit"),
    )


@admin.register(RecallSchedule)
class RecallScheduleAdmin(ThroughServices):
    autocomplete_fields = ("patient",)
    list_display = ("due_on", "patient_name", "kind", "months", "last_visit_on", "paused_until")
    list_filter = ("kind", "due_on", IS_OPEN)
    list_select_related = ("patient",)
    actions = ("seen_today", "end", "start_again")
    entered = ("patient", "kind", "months", "last_visit_on", "due_on", "max_reminders")
    shown = ("patient_name", "kind", "last_visit_on", "ended_at")
    changed = ("months", "due_on", "paused_until", "max_reminders")
    entry_form = RecallEntry

    def add_row(self, cleaned: dict[str, Any], *, actor: str) -> RecallSchedule:
        return services.start_recall(
            patient_id=cleaned["patient"].pk,
            kind=cleaned["kind"],
            months=cleaned["months"],
            last_visit_on=cleaned["last_visit_on"],
            due_on=cleaned["due_on"],
            max_reminders=cleaned["max_reminders"],
            actor=actor,
        )

    def change_row(self, row: Model, cleaned: dict[str, Any], *, actor: str) -> None:
        own = {"recall_id": row.pk, "actor": actor}
        if "paused_until" in cleaned:
            services.pause_recall(until=cleaned.pop("paused_until"), **own)
        if cleaned:
            services.change_recall(**cleaned, **own)

    @admin.action(description=_("Seen today: the next one comes due"), permissions=["change"])
    def seen_today(self, request: HttpRequest, rows: QuerySet) -> None:
        today = timezone.localdate(clock.now())

        def complete(row: RecallSchedule, *, actor: str) -> None:
            services.complete_recall(recall_id=row.pk, on=today, actor=actor)

        self.each(request, rows, complete)

    @admin.action(description=_("End: ask no more"), permissions=["change"])
    def end(self, request: HttpRequest, rows: QuerySet) -> None:
        def end(row: RecallSchedule, *, actor: str) -> None:
            services.end_recall(recall_id=row.pk, actor=actor)

        self.each(request, rows, end)

    @admin.action(description=_("Start again"), permissions=["change"])
    def start_again(self, request: HttpRequest, rows: QuerySet) -> None:
        def start(row: RecallSchedule, *, actor: str) -> None:
            services.start_recall(
                patient_id=row.patient_id,
                kind=row.kind,
                months=row.months,
                last_visit_on=row.last_visit_on,
                due_on=row.due_on,
                max_reminders=row.max_reminders,
                actor=actor,
            )

        self.each(request, rows, start)


class TreatmentEntry(forms.ModelForm):
    planned_on = forms.DateField(
        label=_("planned on"),
        required=False,
        widget=admin.widgets.AdminDateWidget,
        help_text=_("Empty: today"),
    )


@admin.register(PlannedTreatment)
class PlannedTreatmentAdmin(ThroughServices):
    autocomplete_fields = ("patient", "provider")
    list_display = ("planned_on", "patient_name", "provider", "ended_at")
    list_filter = ("provider", "planned_on", IS_OPEN)
    list_select_related = ("patient", "provider")
    actions = ("end",)
    entered = ("patient", "provider", "summary", "next_step", "planned_on")
    shown = ("patient_name", "provider", "planned_on", "created_at", "ended_at")
    entry_form = TreatmentEntry

    def add_row(self, cleaned: dict[str, Any], *, actor: str) -> PlannedTreatment:
        return services.plan_treatment(
            patient_id=cleaned["patient"].pk,
            provider_id=cleaned["provider"].pk,
            summary=cleaned["summary"],
            next_step=cleaned["next_step"] or "",
            planned_on=cleaned["planned_on"],
            actor=actor,
        )

    @admin.action(description=_("Booked, done or dropped"), permissions=["change"])
    def end(self, request: HttpRequest, rows: QuerySet) -> None:
        def end(row: PlannedTreatment, *, actor: str) -> None:
            services.end_treatment(treatment_id=row.pk, actor=actor)

        self.each(request, rows, end)

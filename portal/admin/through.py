"""Rows that only services write: entered and acted on here, never saved behind their back."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from notifications import audit
from notifications.types import Refused
from portal.admin.finding import FoundByPatient


class ThroughServices(FoundByPatient):
    """Adds rows by a service and never edits or deletes them; actions need the right to change.

    `entered` is what is typed for a new row, `shown` what its page says afterwards, `changed` what
    may be typed anew. What a service refuses is shown as a message, with nothing written.
    """

    audits_itself = True  # the services do
    entered: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    entry_form: type[forms.ModelForm] = forms.ModelForm

    # Methods of each table's own page: (cleaned, *, actor) has a service make a row of what was
    # typed, (row, cleaned, *, actor) has it change one. The second goes with `changed`.
    add_row: Callable[..., Model]
    change_row: Callable[..., None]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        may = super().has_change_permission(request, obj)
        return may and (obj is None or bool(self.changed))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # it is ended, and stays on record

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return (*self.shown, *self.changed) if obj else self.entered

    def get_readonly_fields(
        self, request: HttpRequest, obj: Model | None = None
    ) -> tuple[str, ...]:
        return self.shown if obj else ()

    def get_form(self, request: HttpRequest, obj: Model | None = None, **options: Any):
        chosen = options if obj else options | {"form": self.entry_form}
        return super().get_form(request, obj, **chosen)

    def save_model(
        self, request: HttpRequest, obj: Model, form: forms.ModelForm, change: bool
    ) -> None:
        actor = audit.actor_of(request.user)
        if change:
            anew = {name: form.cleaned_data[name] for name in form.changed_data}
            self.change_row(obj, anew, actor=actor)
        else:
            obj.pk = self.add_row(form.cleaned_data, actor=actor).pk

    def each(self, request: HttpRequest, rows: QuerySet, act: Callable[..., Any]) -> None:
        """Do something with each row by itself; say with how many, and why not the others."""
        done = 0
        for row in rows:
            try:
                act(row, actor=audit.actor_of(request.user))
            except Refused as refusal:
                self.message_user(request, refusal.message, messages.WARNING)
                continue
            self.log_change(request, row, [])
            done += 1
        said = ngettext("%(count)s row changed.", "%(count)s rows changed.", done)
        self.message_user(request, said % {"count": done}, messages.SUCCESS)

    @admin.display(description=_("patient"))
    def patient_name(self, row: Any) -> str:
        return row.patient.display_name

"""What holds for every model in the admin, whoever wrote its class.

Looking at a patient's row is one `viewed` row in the audit trail, a page of a list one for each
patient on it; adding, changing and deleting are rows as well (TRUST H-01, H-06). An action first
shows how many rows it is about to touch. Nothing is counted that need not be.
"""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import ForeignKey, Model, QuerySet
from django.forms import Field
from django.http import HttpRequest, HttpResponse
from django.http import HttpResponseRedirect as Redirect
from django.template.response import TemplateResponse
from django.utils.translation import ngettext

from notifications import audit
from notifications.enums import AuditAction
from notifications.types import Refused

Action = tuple[Callable, str, str]


def label_of(obj: Model) -> str:
    """Return what staff call a row. Never kept: `LogEntry` and messages get `str()`, an id."""
    return str(getattr(obj, "display_name", "") or obj)


class ChosenById(AutocompleteSelect):
    """Django's own, but what is no id at all is shown as no choice, where Django's has a fault."""

    def optgroups(self, name: str, value: list[str], attr: Any = None) -> list:
        ids = [each for each in value if self._is_id(each)]
        return super().optgroups(name, ids, attr)

    def _is_id(self, text: str) -> bool:
        try:
            self.field.target_field.to_python(text)
        except ValidationError:
            return False
        return True


class Guarded:
    """Mixed into every registered ModelAdmin, in front of it.

    A class may say whose row an object is (`patient_id_of`), and that the services it calls write
    their own audit rows (`audits_itself`).
    """

    show_full_result_count = False
    list_per_page = 50
    audits_itself = False

    # -- looking ----------------------------------------------------------------------------

    def patient_id_of(self, obj: Model) -> UUID | None:
        find = getattr(super(), "patient_id_of", None)
        return find(obj) if find else getattr(obj, "patient_id", None)

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        response = super().change_view(request, object_id, *args, **kwargs)
        shown = getattr(response, "context_data", None) or {}
        if shown.get("original") is not None:
            self._record_views(request, [shown["original"]])
        return response

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().changelist_view(request, *args, **kwargs)
        shown = getattr(response, "context_data", None) or {}
        if "cl" in shown:
            self._record_list(request, shown["cl"].result_list)
        return response

    def _record_views(self, request: HttpRequest, objects: Iterable[Model]) -> None:
        rows = [(self.patient_id_of(obj), obj) for obj in objects]
        actor = audit.actor_of(request.user)
        audit.record_many(action=AuditAction.VIEWED, actor=actor, rows=rows)

    def _record_list(self, request: HttpRequest, objects: Iterable[Model]) -> None:
        """One row a patient on the page, however many of their rows are on it."""
        patients = {patient_id for obj in objects if (patient_id := self.patient_id_of(obj))}
        actor, name = audit.actor_of(request.user), self.opts.model_name
        rows = [(patient_id, None) for patient_id in sorted(patients)]
        audit.record_many(action=AuditAction.VIEWED, actor=actor, rows=rows, list=name)

    # -- writing ----------------------------------------------------------------------------

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show what a service refused as a message, with nothing written."""
        try:
            with transaction.atomic():
                return super().changeform_view(request, *args, **kwargs)
        except Refused as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
            return Redirect(request.get_full_path())

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._record_change(request, AuditAction.CREATED, [obj])
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._record_change(request, AuditAction.CHANGED, [obj])
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet) -> Any:
        self._record_change(request, AuditAction.DELETED, queryset)
        return super().log_deletions(request, queryset)

    def _record_change(
        self, request: HttpRequest, action: AuditAction, objects: Iterable[Model]
    ) -> None:
        if not self.audits_itself:
            rows = [(self.patient_id_of(obj), obj) for obj in objects]
            audit.record_many(action=action, actor=audit.actor_of(request.user), rows=rows)

    # -- choosing ---------------------------------------------------------------------------

    def formfield_for_foreignkey(
        self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any
    ) -> Field | None:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", ChosenById(db_field, self.admin_site))
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None:
            field.label_from_instance = label_of
        return field

    # -- acting on many ---------------------------------------------------------------------

    def get_actions(self, request: HttpRequest) -> dict[str, Action]:
        actions = super().get_actions(request)
        return {
            name: action if name == "delete_selected" else (_confirmed(action), *action[1:])
            for name, action in actions.items()
        }


def _confirmed(action: Action) -> Callable:
    """Return an action that first shows how many rows it is about to touch."""
    run, name, description = action

    @wraps(run)
    def ask_first(
        model_admin: Any, request: HttpRequest, queryset: QuerySet
    ) -> HttpResponse | None:
        if "confirmed" in request.POST:
            return run(model_admin, request, queryset)
        if not model_admin.has_view_or_change_permission(request):
            raise PermissionDenied
        return _ask(model_admin, request, queryset, name=name, description=description)

    return ask_first


def _ask(
    model_admin: Any, request: HttpRequest, queryset: QuerySet, *, name: str, description: str
) -> HttpResponse:
    count, opts = queryset.count(), model_admin.opts
    context = {
        **model_admin.admin_site.each_context(request),
        "title": description % {"verbose_name_plural": opts.verbose_name_plural},
        "question": ngettext("%(count)s row is selected.", "%(count)s rows are selected.", count)
        % {"count": count},
        "count": count,
        "opts": opts,
        "name": name,
        "checkbox": ACTION_CHECKBOX_NAME,
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "across": request.POST.get("select_across", "0"),
    }
    return TemplateResponse(request, "admin/confirm_action.html", context)

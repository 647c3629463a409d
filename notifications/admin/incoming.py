"""What carriers called with, and the desk's queue of what patients wrote to us.

What a patient texted is shown on its own page only, and the look is audited for everybody whose
text it may be. Nothing is answered from here: the desk calls.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.db.models import F, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from notifications import audit, contacts, incoming
from notifications.admin.base import ReadOnly, is_address
from notifications.enums import AuditAction, ContactKind
from notifications.models import CarrierEvent, ContactPoint, InboundText

OPEN, HANDLED = "open", "handled"


@admin.register(CarrierEvent)
class CarrierEventAdmin(ReadOnly):
    list_display = ("received_at", "channel", "kind", "delivery_id", "outcome", "settled_at")
    list_filter = ("channel", "kind", "outcome", "received_at")
    search_fields = ("=delivery_id", "=key")
    ordering = ("-received_at",)


class OpenFilter(admin.SimpleListFilter):
    """What still waits for a person, and what does not."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple]:
        return [(OPEN, _("Open")), (HANDLED, _("Handled"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() not in (OPEN, HANDLED):
            return queryset
        return queryset.filter(handled_at__isnull=self.value() == OPEN)


@admin.register(InboundText)
class InboundTextAdmin(ReadOnly):
    audits_itself = True  # the service does
    list_display = ("received_at", "sender", "who", "meaning", "is_open", "handled_at")
    list_filter = (OpenFilter, "meaning", "received_at")
    ordering = (F("handled_at").desc(nulls_first=True), "-received_at")
    search_fields = ("=event__key",)
    search_help_text = _("A name, or a phone number typed whole")
    hidden = ("number_index",)
    readonly_fields = ("sender", "who", "wrote", "answered")
    actions = ("mark_handled",)

    # A row is never edited; the action needs the permission to change.
    def has_change_permission(self, request: HttpRequest, obj: InboundText | None = None) -> bool:
        return obj is None and admin.ModelAdmin.has_change_permission(self, request)

    @admin.display(description=_("from"))
    def sender(self, row: InboundText) -> str:
        phone = ContactPoint(kind=ContactKind.PHONE, value={"address": row.number})
        return contacts.masked(phone)

    @admin.display(description=_("who it may be"))
    def who(self, row: InboundText) -> str:
        return ", ".join(row.names) or str(_("Nobody we know"))

    @admin.display(description=_("what they wrote"))
    def wrote(self, row: InboundText) -> str:
        return row.text

    @admin.display(description=_("what we answered"))
    def answered(self, row: InboundText) -> str:
        return row.answer or ""

    @admin.display(description=_("open"), boolean=True)
    def is_open(self, row: InboundText) -> bool:
        return row.handled_at is None

    # -- who it may be ----------------------------------------------------------------------

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Ask for the patients of a whole page at once."""
        shown = super().get_changelist_instance(request)
        _name(shown.result_list, request)
        return shown

    def get_object(self, request: HttpRequest, *args: Any, **options: Any) -> InboundText | None:
        found = super().get_object(request, *args, **options)
        _name([found] if found else [], request)
        return found

    def changelist_view(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        response = super().changelist_view(request, *args, **options)
        shown = getattr(response, "context_data", None) or {}
        rows = shown["cl"].result_list if "cl" in shown else []
        named = sorted({patient.pk for row in rows for patient in row.named})
        self._audit_look(request, [(pk, None) for pk in named], list=self.opts.model_name)
        return response

    def change_view(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        response = super().change_view(request, *args, **options)
        row = (getattr(response, "context_data", None) or {}).get("original")
        patients = row.patients if row is not None else []
        self._audit_look(request, [(patient.pk, row) for patient in patients])
        return response

    def _audit_look(self, request: HttpRequest, rows: Iterable[tuple], **details: str) -> None:
        actor = audit.actor_of(request.user)
        audit.record_many(action=AuditAction.VIEWED, actor=actor, rows=rows, **details)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        term = search_term.strip()
        if is_address(term):
            return queryset.filter(number_index=contacts.index_of(term)), False
        found, may_repeat = super().get_search_results(request, queryset, term)
        if not term or not _may_see_patients(request):
            return found, may_repeat
        numbers = _numbers_of(term)
        return found | queryset.filter(number_index__in=numbers), may_repeat

    # -- handling ---------------------------------------------------------------------------

    @admin.action(description=_("Mark as handled"), permissions=["change"])
    def mark_handled(self, request: HttpRequest, rows: QuerySet) -> None:
        waiting = list(rows.filter(handled_at=None))
        for row in waiting:
            incoming.mark_handled(text_id=row.pk, actor=audit.actor_of(request.user))
        said = ngettext(
            "%(count)s text marked as handled.", "%(count)s texts marked as handled.", len(waiting)
        )
        self.message_user(request, said % {"count": len(waiting)}, messages.SUCCESS)


def _name(rows: Sequence[InboundText], request: HttpRequest) -> None:
    """Put into each row whose text it may be, and the names staff may see. One query."""
    found: dict[str, list[Model]] = defaultdict(list)
    at_them = ContactPoint.objects.filter(
        kind=ContactKind.PHONE, value_index__in={row.number_index for row in rows}
    ).exclude(status__in=contacts.GONE)
    for address in at_them.select_related("patient").order_by("id"):
        found[address.value_index].append(address.patient)
    may_see = _may_see_patients(request)
    for row in rows:
        row.patients = found[row.number_index]
        row.named = row.patients if may_see else []
        hidden = [str(_("A patient you may not see"))] if row.patients and not may_see else []
        row.names = [str(each.get_full_name() or each) for each in row.named] + hidden


def _may_see_patients(request: HttpRequest) -> bool:
    opts = get_user_model()._meta
    return request.user.has_perm(f"{opts.app_label}.view_{opts.model_name}")


def _numbers_of(name: str) -> QuerySet:
    """Return the indexes of the numbers of patients whose names hold every word of a search."""
    patients = get_user_model().objects.all()
    for word in name.split():
        patients = patients.filter(Q(first_name__icontains=word) | Q(last_name__icontains=word))
    phones = ContactPoint.objects.filter(kind=ContactKind.PHONE, patient__in=patients)
    return phones.exclude(status__in=contacts.GONE).values("value_index")

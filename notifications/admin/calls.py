"""Calls to make: whom, why and until when. The desk calls, and says here that it has.

A row is never edited; numbers are masked here as everywhere. What a patient wrote about it is
shown on its own page only, where the look is audited.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from notifications import audit, calls, clock, contacts, incoming
from notifications.admin.base import ByPatient, ReadOnly
from notifications.enums import ContactKind
from notifications.facts import best_contact
from notifications.models import CallTask, ConfidentialRequest, ContactPoint

OPEN, LATER, SETTLED = "open", "later", "settled"


class StateFilter(admin.SimpleListFilter):
    """What is to be made now, what may have to be made later, and what is settled."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple]:
        return [
            (OPEN, _("To make now")),
            (LATER, _("Later, if nobody answers")),
            (SETTLED, _("Settled")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == OPEN:
            return queryset.filter(pk__in=calls.to_make().order_by().values("pk"))
        if self.value() == LATER:
            return queryset.filter(settled_at=None, due_at__gt=clock.now())
        return queryset.filter(settled_at__isnull=False) if self.value() == SETTLED else queryset


@admin.register(CallTask)
class CallTaskAdmin(ByPatient, ReadOnly):
    audits_itself = True  # the engine does
    list_display = ("patient_name", "why", "phone", "until", "since", "ended")
    list_filter = (StateFilter, "reason", "outcome", "due_at")
    list_select_related = ("patient",)
    readonly_fields = ("phone", "wrote")
    actions = ("mark_called",)

    # A row is never edited; the action needs the permission to change.
    def has_change_permission(self, request: HttpRequest, obj: CallTask | None = None) -> bool:
        return obj is None and admin.ModelAdmin.has_change_permission(self, request)

    def get_ordering(self, request: HttpRequest) -> tuple:
        return calls.pressing_first()

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Ask for the numbers of a whole page at once."""
        shown = super().get_changelist_instance(request)
        numbers = _numbers({row.patient_id for row in shown.result_list})
        for row in shown.result_list:
            row.number = numbers[row.patient_id]
        return shown

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).annotate(has_note=Q(note__isnull=False))

    @admin.display(description=_("why"), ordering="reason")
    def why(self, row: CallTask) -> str:
        """Return the reason; what the patient wrote is on the call's own page, as with texts."""
        why = str(row.get_reason_display())
        return str(_("%(why)s, with a note") % {"why": why}) if row.has_note else why

    @admin.display(description=_("what they wrote"))
    def wrote(self, row: CallTask) -> str:
        return row.note or ""

    @admin.display(description=_("phone"))
    def phone(self, row: CallTask) -> str:
        known = row.number if hasattr(row, "number") else _numbers([row.patient_id])[row.patient_id]
        return str(known)

    @admin.display(description=_("call by"), ordering="call_by")
    def until(self, row: CallTask) -> str:
        said = _moment(row.call_by)
        is_late = said and not row.settled_at and row.call_by <= clock.now()
        late = _("%(time)s, overdue") if row.reason in calls.PROMISED else _("%(time)s, too late")
        return str(late % {"time": said}) if is_late else said

    @admin.display(description=_("on the list since"), ordering="due_at")
    def since(self, row: CallTask) -> str:
        return _moment(row.due_at)

    @admin.display(description=_("how it ended"), ordering="settled_at")
    def ended(self, row: CallTask) -> str:
        return str(row.get_outcome_display())

    @admin.action(description=_("Mark as called"), permissions=["change"])
    def mark_called(self, request: HttpRequest, rows: QuerySet) -> None:
        actor = audit.actor_of(request.user)
        ids = list(rows.order_by("id").values_list("pk", flat=True))
        done = sum(incoming.mark_called(call_id=pk, actor=actor) for pk in ids)
        said = ngettext("%(count)s call marked as made.", "%(count)s calls marked as made.", done)
        self.message_user(request, said % {"count": done}, messages.SUCCESS)


def _moment(at: datetime | None) -> str:
    return date_format(localtime(at), "SHORT_DATETIME_FORMAT") if at else ""


# -- which number may be called ------------------------------------------------------------------


def _numbers(patient_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return each patient's number, masked, or that they asked not to be called. Two queries."""
    phones: dict[UUID, list[ContactPoint]] = defaultdict(list)
    of_them = ContactPoint.objects.filter(kind=ContactKind.PHONE, patient_id__in=patient_ids)
    for row in of_them.exclude(status__in=contacts.GONE):
        phones[row.patient_id].append(row)
    asked = contacts.open_requests(patient_ids=patient_ids)
    return {pk: _number(phones[pk], asked.get(pk, ())) for pk in patient_ids}


def _number(phones: Iterable[ContactPoint], asked: Collection[ConfidentialRequest]) -> str:
    allowed = [
        phone
        for phone in phones
        if not contacts.forbidden(requests=asked, kind=phone.kind, contact=phone)
    ]
    best = best_contact(allowed)
    if best is not None:
        return contacts.masked(best)
    return str(_("Not by phone, as the patient asked")) if asked else ""

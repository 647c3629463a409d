"""What went out, where it stands and why, and the queue of what waits for a person.

What left itself is not shown. A row is never edited: it is tried again or marked as dealt with,
through the engine.
"""

from collections.abc import Callable

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from notifications import audit, contacts, delivery
from notifications.admin.base import ByPatient, ReadOnly
from notifications.admin.lifting import LiftedByHand
from notifications.enums import Reason
from notifications.history import channel_label, code_in_words, words_for
from notifications.models import Delivery, DeliveryAttempt, TextUse
from notifications.providers.outbox import OutboxMessage
from notifications.rendering import next_step, sentence
from notifications.types import Refused

OPEN, HANDLED = "open", "handled"


class ReasonFilter(admin.SimpleListFilter):
    """Filters by a reason's code: its sentence needs the dates of one delivery."""

    title = _("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(code, code.replace("_", " ")) for code in Reason.values if code]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(reason=self.value()) if self.value() else queryset


class ForAPersonFilter(admin.SimpleListFilter):
    """What did not get through lately and waits for somebody, and what was dealt with."""

    title = _("what did not get through")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple]:
        return [(OPEN, _("Open")), (HANDLED, _("Dealt with"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == OPEN:
            return queryset & delivery.for_a_person()
        return queryset.filter(handled_at__isnull=False) if self.value() == HANDLED else queryset


@admin.register(Delivery)
class DeliveryAdmin(LiftedByHand, ByPatient, ReadOnly):
    audits_itself = True  # the engine does
    patient_path = "notification__patient"
    list_display = ("due", "patient_name", "where", "stands", "what_next", "last_code")
    list_filter = (
        *(ForAPersonFilter, "status", "channel"),
        *(ReasonFilter, "notification__type", "due_at"),
    )
    list_select_related = ("notification__patient", "contact")
    ordering = ("-due_at",)
    readonly_fields = ("to", "why", "code_means", "what_next")
    actions = ("try_again", "mark_handled")

    # A row is never edited; the actions need the permission to change.
    def has_change_permission(self, request: HttpRequest, obj: Delivery | None = None) -> bool:
        return obj is None and admin.ModelAdmin.has_change_permission(self, request)

    @admin.display(description=_("due"), ordering="due_at")
    def due(self, row: Delivery) -> str:
        """Return the moment in a form that leaves room for the reason and the next step."""
        return date_format(localtime(row.due_at), "SHORT_DATETIME_FORMAT")

    @admin.display(description=_("where to"), ordering="channel")
    def where(self, row: Delivery) -> str:
        return f"{channel_label(row.channel)} {self.to(row)}".rstrip()

    @admin.display(description=_("how it stands"), ordering="status")
    def stands(self, row: Delivery) -> str:
        return words_for(row)

    @admin.display(description=_("to"))
    def to(self, row: Delivery) -> str:
        return contacts.masked(row.contact) if row.contact else ""

    @admin.display(description=_("why"))
    def why(self, row: Delivery) -> str:
        return sentence(reason=row.reason, params=row.reason_params) if row.reason else ""

    @admin.display(description=_("what the code means"))
    def code_means(self, row: Delivery) -> str:
        return code_in_words(row.last_code)

    @admin.display(description=_("next step"))
    def what_next(self, row: Delivery) -> str:
        """Say what is to be done, until somebody has done it."""
        if row.handled_at is not None:
            day = date_format(localtime(row.handled_at), "M j")
            return str(_("Dealt with on %(date)s") % {"date": day})
        return next_step(row.reason) if row.reason else ""

    # -- actions ----------------------------------------------------------------------------

    @admin.action(description=_("Try again"), permissions=["change"])
    def try_again(self, request: HttpRequest, rows: QuerySet) -> None:
        actor = audit.actor_of(request.user)
        done = self._each(
            request, rows, lambda row: delivery.try_again(delivery_id=row.pk, actor=actor)
        )
        said = ngettext(
            "%(count)s message is tried again.", "%(count)s messages are tried again.", done
        )
        self._say(request, said, done)

    @admin.action(description=_("Dealt with"), permissions=["change"])
    def mark_handled(self, request: HttpRequest, rows: QuerySet) -> None:
        actor = audit.actor_of(request.user)
        done = self._each(
            request, rows, lambda row: delivery.mark_handled(delivery_id=row.pk, actor=actor)
        )
        said = ngettext(
            "%(count)s message is dealt with.", "%(count)s messages are dealt with.", done
        )
        self._say(request, said, done)

    def _each(self, request: HttpRequest, rows: QuerySet, act: Callable[[Delivery], object]) -> int:
        """Act on each row by itself; say why not to the others, each reason once."""
        done, refusals = 0, {}
        for row in rows.order_by("due_at", "id"):
            try:
                act(row)
                done += 1
            except Refused as refusal:
                refusals[refusal.message] = refusals.get(refusal.message, 0) + 1
        for why, count in refusals.items():
            said = _("Not changed (%(count)s): %(why)s") % {"count": count, "why": why}
            self.message_user(request, said, messages.WARNING)
        return done

    def _say(self, request: HttpRequest, said: str, done: int) -> None:
        if done:
            self.message_user(request, said % {"count": done}, messages.SUCCESS)


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(ByPatient, ReadOnly):
    patient_path = "delivery__notification__patient"
    list_display = ("started_at", "delivery_id", "number", "result", "code", "latency_ms", "level")
    list_filter = ("result", "delivery__channel", "started_at")
    list_select_related = ("delivery__notification",)
    ordering = ("-started_at",)


@admin.register(TextUse)
class TextUseAdmin(ByPatient, ReadOnly):
    patient_path = "delivery__notification__patient"
    list_display = ("used_at", "patient_name", "delivery_id")
    list_select_related = ("delivery__notification__patient",)
    hidden = ("number_index",)
    ordering = ("-used_at",)


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnly):
    list_display = ("created_at", "channel", "delivery_id")
    list_filter = ("channel",)
    search_fields = ("=delivery_id",)

"""Addresses: added, vouched for and agreed to through the services, never saved here."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from notifications import audit, consent, contacts
from notifications.admin.agreeing import SaidAtTheDesk
from notifications.admin.base import ByPatient, ReadOnly
from notifications.enums import ContactKind, Purpose
from notifications.models import ContactPoint
from notifications.types import Refused

TYPED_KINDS = [ContactKind.EMAIL, ContactKind.PHONE]  # a device registers itself


class ContactForm(forms.ModelForm):
    """An address as staff type it."""

    kind = forms.ChoiceField(choices=[(kind.value, kind.label) for kind in TYPED_KINDS])
    address = forms.CharField(label=_("e-mail address or phone number"), max_length=254)

    class Meta:
        model = ContactPoint
        fields = ("patient", "kind", "address", "relation", "label")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        try:
            contacts.normalise(kind=cleaned.get("kind", ""), value=cleaned.get("address", ""))
        except Refused as refusal:
            self.add_error("address", refusal.message)
        return cleaned


@admin.register(ContactPoint)
class ContactPointAdmin(SaidAtTheDesk, ByPatient, ReadOnly):
    audits_itself = True  # contacts and consent do
    autocomplete_fields = ("patient",)
    list_display = (
        "address",
        "kind",
        "patient_name",
        "relation",
        "status",
        "is_verified",
        "agreed",
    )
    list_filter = ("kind", "status", ("verified_at", admin.EmptyFieldListFilter))
    list_select_related = ("patient",)
    hidden = ("value_index",)
    ordering = ("-created_at",)
    readonly_fields = ("address", "agreed", "said")
    actions = ("verify_in_person", "stop_using")

    # A row is never edited; the actions need the permission to change.
    def has_change_permission(self, request: HttpRequest, obj: ContactPoint | None = None) -> bool:
        return obj is None and admin.ModelAdmin.has_change_permission(self, request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def get_form(self, request: HttpRequest, obj: ContactPoint | None = None, **options: Any):
        return super().get_form(request, obj, **options | ({} if obj else {"form": ContactForm}))

    def get_fields(self, request: HttpRequest, obj: ContactPoint | None = None) -> list[str]:
        return super().get_fields(request, obj) if obj else list(ContactForm.Meta.fields)

    def get_readonly_fields(self, request: HttpRequest, obj: ContactPoint | None = None):
        return super().get_readonly_fields(request, obj) if obj else ()

    def save_model(
        self, request: HttpRequest, obj: ContactPoint, form: ContactForm, change: bool
    ) -> None:
        kept = contacts.add(
            patient_id=obj.patient_id,
            kind=obj.kind,
            value=form.cleaned_data["address"],
            relation=obj.relation,
            label=obj.label,
            actor=audit.actor_of(request.user),
        )
        obj.pk = kept.pk

    @admin.display(description=_("address"))
    def address(self, row: ContactPoint) -> str:
        return contacts.masked(row)

    @admin.display(description=_("verified"), boolean=True)
    def is_verified(self, row: ContactPoint) -> bool:
        return row.verified_at is not None

    @admin.display(description=_("agreed"), boolean=True)
    def agreed(self, row: ContactPoint) -> bool:
        return row.has_agreed if hasattr(row, "has_agreed") else consent.is_granted(contact=row)

    @admin.display(description=_("what was said"))
    def said(self, row: ContactPoint) -> SafeString:
        """Every yes and no, newest first, with how it is known; times by the reader's clock."""
        lines = (
            (date_format(localtime(each.recorded_at), "DATETIME_FORMAT"),)
            + (_("Yes") if each.granted else _("No"), each.get_purpose_display())
            + (each.wording, each.source)
            for each in row.consents.order_by("-recorded_at", "-id")
        )
        return format_html_join("", "<p>{} · {} · {} · {} · {}</p>", lines)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Ask for the consents of a whole page at once."""
        shown = super().get_changelist_instance(request)
        ids = [row.pk for row in shown.result_list]
        agreed = consent.granted_among(contact_ids=ids, purpose=Purpose.TREATMENT)
        for row in shown.result_list:
            row.has_agreed = row.pk in agreed
        return shown

    # -- actions ----------------------------------------------------------------------------

    @admin.action(description=_("Verified in person"), permissions=["change"])
    def verify_in_person(self, request: HttpRequest, rows: QuerySet) -> None:
        actor = audit.actor_of(request.user)
        self._each(
            request, rows, lambda row: contacts.mark_verified(contact_id=row.pk, actor=actor)
        )

    @admin.action(description=_("Stop using"), permissions=["change"])
    def stop_using(self, request: HttpRequest, rows: QuerySet) -> None:
        actor = audit.actor_of(request.user)
        self._each(
            request,
            rows,
            lambda row: contacts.remove(patient_id=row.patient_id, contact_id=row.pk, actor=actor),
        )

    def _each(
        self, request: HttpRequest, rows: QuerySet, act: Callable[[ContactPoint], Any]
    ) -> None:
        """Act on each row by itself; say how many it was done to, and why not to the others."""
        done = 0
        for row in rows:
            try:
                act(row)
                done += 1
            except Refused as refusal:
                self.message_user(request, refusal.message, messages.WARNING)
            except ContactPoint.DoesNotExist:
                self.message_user(request, _("It is no longer in use."), messages.WARNING)
        said = ngettext("%(count)s address changed.", "%(count)s addresses changed.", done)
        self.message_user(request, said % {"count": done}, messages.SUCCESS)

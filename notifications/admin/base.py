"""What the engine's admin classes share: read-only, no sealed columns, search by patient."""

from contextlib import suppress
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Field, Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from notifications import contacts
from notifications.crypto import SealedField
from notifications.enums import ContactKind
from notifications.types import Refused


class ReadOnly(admin.ModelAdmin):
    """Rows are looked at and nothing else; sealed columns and `hidden` ones are not shown."""

    hidden: ClassVar[tuple[str, ...]] = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        own = [field.name for field in self.opts.concrete_fields if self._may_show(field)]
        return [*own, *self.readonly_fields]

    def _may_show(self, field: Field) -> bool:
        return not isinstance(field, SealedField) and field.name not in self.hidden


class ByPatient(admin.ModelAdmin):
    """Found by the patient's name, by an id, or by a phone or e-mail typed whole."""

    patient_path = "patient"
    search_help_text = _("A name, an id, or a phone number or e-mail address typed whole")

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return [f"{self.patient_path}__first_name", f"{self.patient_path}__last_name"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        term = search_term.strip()
        if row_id := as_id(term):
            wanted = Q(pk=row_id) | Q(**{f"{self.patient_path}__pk": row_id})
            return queryset.filter(wanted), False
        if is_address(term):
            patients = patients_at(term)
            return queryset.filter(**{f"{self.patient_path}__in": patients}), False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description=_("patient"))
    def patient_name(self, obj: Model) -> str:
        found: Any = obj
        for step in self.patient_path.split("__"):
            found = getattr(found, step)
        return str(found.get_full_name() or found)

    def patient_id_of(self, obj: Model) -> UUID | None:
        *path, last = self.patient_path.split("__")
        found: Any = obj
        for step in path:
            found = getattr(found, step)
        return getattr(found, f"{last}_id")


def as_id(text: str) -> UUID | None:
    """Return the id a text is, or None."""
    try:
        return UUID(text)
    except ValueError:
        return None


def is_address(text: str) -> bool:
    """Return whether a text can only be meant as an e-mail address or a phone number."""
    return "@" in text or sum(character.isdigit() for character in text) >= 7


def patients_at(address: str) -> QuerySet:
    """Return the patients who sign in with, or are reached at, exactly this address."""
    users = get_user_model()
    kind = ContactKind.EMAIL if "@" in address else ContactKind.PHONE
    wanted = Q(**{f"{users.USERNAME_FIELD}__iexact": address})
    with suppress(Refused):  # half an address: it can still be a sign-in name typed whole
        wanted |= Q(pk__in=contacts.find(kind=kind, value=address).values("patient_id"))
    return users.objects.filter(wanted)

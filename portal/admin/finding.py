"""Finding a patient's rows: by name, by id, or by a phone number or e-mail typed whole."""

from contextlib import suppress
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from notifications import contacts
from notifications.enums import ContactKind
from notifications.types import Refused
from portal.models import User


class FoundByPatient(admin.ModelAdmin):
    """Rows of patients. `patient_paths` lead to whoever a row may be looked for by."""

    patient_paths: tuple[str, ...] = ("patient",)
    search_help_text = _("A name, an id, or a phone number or e-mail address typed whole")

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        names = ("first_name", "last_name")
        return [f"{path}__{name}" for path in self.patient_paths for name in names]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        people = people_meant(search_term.strip())
        if people is None:
            return super().get_search_results(request, queryset, search_term)
        wanted = Q()
        for path in self.patient_paths:
            wanted |= Q(**{f"{path}__in": people})
        return queryset.filter(wanted), False


def people_meant(term: str) -> QuerySet | None:
    """Return whom an id or a whole address means; None for what can only be a name."""
    with suppress(ValueError):
        return User.objects.filter(pk=UUID(term))
    kind = ContactKind.EMAIL if "@" in term else ContactKind.PHONE
    with suppress(Refused):  # what is no whole address can be a name
        reached = contacts.find(kind=kind, value=term).values("patient_id")
        return User.objects.filter(Q(pk__in=reached) | Q(username__iexact=term))
    return None

"""The practice, its locations with their hours, and its providers."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Field, URLField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from portal.admin.replanning import Replanning
from portal.models import Location, Practice, Provider


class LocationForm(forms.ModelForm):
    """Opening hours are one stretch of the day, on the location's own clock."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        opens, closes = cleaned.get("opens_at"), cleaned.get("closes_at")
        if opens and closes and opens >= closes:
            self.add_error("closes_at", _("A place closes after it opens."))
        return cleaned


@admin.register(Practice)
class PracticeAdmin(admin.ModelAdmin):
    list_display = ("name", "public_name", "phone", "zone", "l0_only")
    search_fields = ("name",)

    def formfield_for_dbfield(
        self, db_field: Field, request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        """Take an address without a scheme for an encrypted one: no other is allowed."""
        if isinstance(db_field, URLField):
            kwargs["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **kwargs)


@admin.register(Location)
class LocationAdmin(Replanning):
    form = LocationForm
    autocomplete_fields = ("practice",)
    list_display = ("name", "phone", "zone", "state")
    search_fields = ("name",)


@admin.register(Provider)
class ProviderAdmin(Replanning):
    list_display = ("name", "is_active")
    list_filter = ("is_active",)
    search_fields = ("name",)

"""The practice, its locations and providers, and when it reminds."""

from django.contrib import admin

from portal.models import Location, Practice, Provider, ReminderRule


@admin.register(Practice)
class PracticeAdmin(admin.ModelAdmin):
    list_display = ("name", "public_name", "phone", "zone", "l0_only")
    search_fields = ("name",)


@admin.register(Location)
class LocationAdmin(admin.ModelAdmin):
    autocomplete_fields = ("practice",)
    list_display = ("name", "phone", "zone", "state")
    search_fields = ("name",)


@admin.register(Provider)
class ProviderAdmin(admin.ModelAdmin):
    list_display = ("name", "is_active")
    list_filter = ("is_active",)
    search_fields = ("name",)


@admin.register(ReminderRule)
class ReminderRuleAdmin(admin.ModelAdmin):
    autocomplete_fields = ("location",)
    list_display = ("name", "location", "minutes_before", "is_active")
    list_filter = ("location", "is_active")
    list_select_related = ("location",)
    search_fields = ("name",)

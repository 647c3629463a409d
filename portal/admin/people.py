"""Patients, guardians and staff. Nobody is deleted: an account is switched off."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group, Permission
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from notifications import clock
from portal import services
from portal.admin.coming import ComingPage
from portal.admin.departures import DeparturePage
from portal.admin.finding import FoundByPatient, people_meant
from portal.admin.timeline import TimelinePage
from portal.models import ExternalId, Guardianship, User

RIGHTS = ("is_staff", "is_superuser", "groups")
GONE = ("departure", "departed_on")
WHEN = ("started_at", "ended_at", "closed_at")


class Person(forms.ModelForm):
    """The date of birth is sealed as text: staff type and read a date."""

    date_of_birth = forms.DateField(label=_("date of birth"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.date_of_birth:
            self.initial["date_of_birth"] = self.instance.born_on

    def clean_date_of_birth(self) -> str | None:
        born = self.cleaned_data["date_of_birth"]
        if born is not None and born > timezone.localdate(clock.now()):
            raise forms.ValidationError(_("Choose today, or a day that has passed."))
        return born.isoformat() if born else None

    def clean_username(self) -> str:
        """Sign-in e-mails are the same in whatever case, so that nobody has two."""
        typed = self.cleaned_data["username"].strip()
        others = User.objects.exclude(pk=self.instance.pk).filter(username__iexact=typed)
        if others.exists():
            raise forms.ValidationError(_("Somebody signs in with this e-mail already."))
        return typed


class PersonChange(Person, UserChangeForm):
    class Meta(UserChangeForm.Meta):
        model = User
        fields = ("username", "password", "first_name", "last_name", "date_of_birth", *RIGHTS)


class PersonCreation(Person, AdminUserCreationForm):
    class Meta(AdminUserCreationForm.Meta):
        model = User
        fields = ("username", "first_name", "last_name", "date_of_birth")


@admin.register(User)
class PortalUserAdmin(TimelinePage, ComingPage, DeparturePage, UserAdmin):
    form, add_form = PersonChange, PersonCreation
    list_display = ("display_name", "username", "home_location", "is_active", "is_staff")
    list_filter = ("is_active", "is_staff", "departure", "home_location", "language")
    list_select_related = ("home_location",)
    ordering = ("last_name", "first_name")
    search_fields = ("first_name", "last_name", "=username")
    search_help_text = _("A name, an id, or a phone number or e-mail address typed whole")
    autocomplete_fields = ("home_location", "groups")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined", *GONE)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "date_of_birth")}),
        (_("Messages"), {"fields": ("language", "zone", "home_location")}),
        (_("No longer a patient"), {"fields": GONE}),
        (_("Account"), {"fields": ("is_active", *RIGHTS, "last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "fields": ("username", "usable_password", "password1", "password2")
                + ("first_name", "last_name", "date_of_birth", "language", "home_location"),
            },
        ),
    )

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> list:
        """Who may not change the account sees nothing of its password, not even how it is kept."""
        groups = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return groups
        return [
            (name, shown | {"fields": [each for each in shown["fields"] if each != "password"]})
            for name, shown in groups
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple:
        """Only who has every right may give any."""
        rights = () if request.user.is_superuser else RIGHTS
        return (*super().get_readonly_fields(request, obj), *rights)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody changes the account of somebody with more rights than they have."""
        is_above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return super().has_change_permission(request, obj) and not is_above

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        people = people_meant(search_term.strip())
        if people is None:
            return super().get_search_results(request, queryset, search_term)
        return queryset.filter(pk__in=people), False

    def save_model(
        self, request: HttpRequest, obj: User, form: forms.ModelForm, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        if change and "date_of_birth" in form.changed_data:
            services.date_guardianships(patient_ids=[obj.pk])

    def patient_id_of(self, obj: User) -> UUID:
        return obj.pk


class Rights(GroupAdmin):
    filter_horizontal = ()
    autocomplete_fields = ("permissions",)


admin.site.unregister(Group)
admin.site.register(Group, Rights)


@admin.register(Permission)
class PermissionAdmin(admin.ModelAdmin):
    """Only to be chosen from: what may be done is decided in code."""

    list_display = ("name", "content_type", "codename")
    list_select_related = ("content_type",)
    search_fields = ("name", "codename")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Guardianship)
class GuardianshipAdmin(FoundByPatient):
    patient_paths = ("patient", "guardian")
    autocomplete_fields = ("guardian", "patient")
    list_display = ("patient_name", "relation", "guardian_name", "started_at", "ended_at")
    list_filter = ("relation", ("ended_at", admin.EmptyFieldListFilter))
    list_select_related = ("patient", "guardian")
    actions = ("end",)
    fields = ("guardian", "patient", "relation")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # it is ended, and stays on record

    def get_fields(self, request: HttpRequest, obj: Guardianship | None = None) -> tuple[str, ...]:
        return self.fields if obj is None else (*self.fields, *WHEN)

    def get_readonly_fields(
        self, request: HttpRequest, obj: Guardianship | None = None
    ) -> tuple[str, ...]:
        """Of a tie only the relation is ever put right; who is somebody else is another tie."""
        if obj is None:
            return ()
        settled = () if obj.closed_at is None else ("relation",)
        return ("guardian", "patient", *settled, *WHEN)

    def save_model(
        self, request: HttpRequest, obj: Guardianship, form: forms.ModelForm, change: bool
    ) -> None:
        if obj.closed_at is None:
            begun = services.begin_guardianship(
                guardian_id=obj.guardian_id,
                patient_id=obj.patient_id,
                relation=obj.relation,
                actor=f"user:{request.user.pk}",
            )
            obj.pk = begun.pk

    @admin.action(description=_("End now"), permissions=["change"])
    def end(self, request: HttpRequest, ties: QuerySet) -> None:
        """End who acts for whom: their access, and what is sent to them."""
        for tie in ties:
            services.end_guardianship(guardianship_id=tie.pk, actor=f"user:{request.user.pk}")
            self.log_change(request, tie, "end")
        said = ngettext("%(count)s guardian ended.", "%(count)s guardians ended.", len(ties))
        self.message_user(request, said % {"count": len(ties)}, messages.SUCCESS)

    @admin.display(description=_("patient"))
    def patient_name(self, row: Guardianship) -> str:
        return row.patient.display_name

    @admin.display(description=_("guardian"))
    def guardian_name(self, row: Guardianship) -> str:
        return row.guardian.display_name


@admin.register(ExternalId)
class ExternalIdAdmin(admin.ModelAdmin):
    list_display = ("source", "resource", "external_id", "object_id", "imported_at")
    list_filter = ("source", "resource")
    search_fields = ("=external_id", "=object_id")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

"""What visits' messages depend on: saved and removed through the services, which re-plan."""

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import ngettext

from portal import services
from portal.services.visit_calendar import Replanned


class Replanning(admin.ModelAdmin):
    """Mixed into the admin of such settings: says for how many visits something changed."""

    def save_model(self, request: HttpRequest, obj: Model, form: ModelForm, change: bool) -> None:
        self._say(request, services.keep(obj, actor=f"user:{request.user.pk}"))

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        self._say(request, services.remove(obj, actor=f"user:{request.user.pk}"))

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        for obj in queryset:
            self.delete_model(request, obj)

    def _say(self, request: HttpRequest, done: Replanned) -> None:
        if done.changed:
            said = ngettext(
                "%(count)s visit was planned anew.",
                "%(count)s visits were planned anew.",
                done.changed,
            )
            self.message_user(request, said % {"count": done.changed}, messages.INFO)

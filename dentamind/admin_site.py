"""The staff's admin: Django's own, under the practice's name, with the house's rules around it.

Every admin class that registers here is wrapped by `Guarded`, so no model can be shown without its
views being audited, and no action runs before its count was confirmed. The tables of the queue, of
sessions and of the lock-out are refused: a schedule row is a shell, a session row is a person.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from dentamind.admin_guard import Guarded, label_of
from notifications import audit

CLOSED_APPS = {"django_q", "axes", "sessions"}


class Suggestions(AutocompleteJsonView):
    """Says who a row is where `str()`, which is kept in logs, says only its id."""

    def serialize_result(self, obj: Model, to_field_name: str) -> dict[str, str]:
        return {"id": str(getattr(obj, to_field_name)), "text": label_of(obj)}


class DentaMindAdminSite(AdminSite):
    site_header = "DentaMind"
    site_title = "DentaMind"
    index_title = _("Practice")
    site_url = "/"
    enable_nav_sidebar = True

    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: type[ModelAdmin] | None = None,
        **options: Any,
    ) -> None:
        """Register models, guarded; those of closed apps are left out."""
        is_one = isinstance(model_or_iterable, type)
        models = [model_or_iterable] if is_one else list(model_or_iterable)
        wanted = admin_class or ModelAdmin
        guarded = type(wanted.__name__, (Guarded, wanted), {"__module__": wanted.__module__})
        open_models = [model for model in models if model._meta.app_label not in CLOSED_APPS]
        super().register(open_models, guarded, **options)

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        return Suggestions.as_view(admin_site=self)(request)

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Send whoever is not signed in to the one sign-in page; refuse those who are no staff."""
        if request.user.is_authenticated and not self.has_permission(request):
            audit.record_denied(actor=audit.actor_of(request.user), route="admin")
            raise PermissionDenied
        following = request.GET.get("next") or reverse("admin:index", current_app=self.name)
        return redirect_to_login(following)

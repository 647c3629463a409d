"""What keeps messages from leaving, and the one thing that is switched here: a paused channel.

A hold of everything is not ended here: before messages go again, what may have gone already is
asked after, which is a command's work.
"""

from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from notifications import audit, delivery, switches
from notifications.admin.base import ReadOnly
from notifications.history import channel_label, code_in_words
from notifications.models import Switch

RIGHT = "notifications.change_switch"


@admin.register(Switch)
class SwitchAdmin(ReadOnly):
    list_display = ("of_what", "state", "off_at", "by_whom", "because", "rests_until")
    readonly_fields = ("of_what", "state", "because")
    ordering = ("name",)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Show the way out to those who may take it."""
        return self.list_display + (("what_next",) if request.user.has_perm(RIGHT) else ())

    def patient_id_of(self, obj: Switch) -> UUID | None:
        return None

    @admin.display(description=_("of what"), ordering="name")
    def of_what(self, row: Switch) -> str:
        return str(_("All messages")) if row.name == Switch.EVERYTHING else channel_label(row.name)

    @admin.display(description=_("state"))
    def state(self, row: Switch) -> str:
        if row.off_at is not None:
            return str(_("Held") if row.name == Switch.EVERYTHING else _("Paused"))
        rests = switches.is_left_alone(row)
        return str(_("The provider is left alone") if rests else _("In use"))

    @admin.display(description=_("by whom"))
    def by_whom(self, row: Switch) -> str:
        return audit.names_of([row.off_by]).get(row.off_by, "")

    @admin.display(description=_("why"))
    def because(self, row: Switch) -> str:
        means = code_in_words(row.why)
        return f"{row.why} ({means})" if means else row.why

    @admin.display(description=_("next step"))
    def what_next(self, row: Switch) -> str:
        if row.off_at is None:
            return ""
        if row.name == Switch.EVERYTHING:
            return format_html("<code>{}</code>", "manage.py release")
        url = reverse("admin:notifications_switch_resume", args=[row.name])
        return format_html('<a href="{}">{}</a>', url, _("Resume"))

    # -- a paused channel -------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.resume)
        own = path("<str:name>/resume/", view, name="notifications_switch_resume")
        return [own, *super().get_urls()]

    def resume(self, request: HttpRequest, name: str) -> HttpResponse:
        """Ask whether a paused channel may send again, and let it when that is confirmed."""
        if not request.user.has_perm(RIGHT):
            raise PermissionDenied
        if name == Switch.EVERYTHING:
            raise Http404("a hold is released by a command")
        switch = get_object_or_404(Switch, name=name)
        if request.method == "POST":
            return self._resumed(request, switch)
        context = self.admin_site.each_context(request) | {
            "title": _("Resume: %(channel)s") % {"channel": channel_label(name)},
            "opts": self.opts,
            "switch": switch,
            "means": code_in_words(switch.why),
        }
        return TemplateResponse(request, "admin/notifications/switch/resume.html", context)

    @transaction.atomic
    def _resumed(self, request: HttpRequest, switch: Switch) -> HttpResponse:
        if switches.resume(channel=switch.name, actor=audit.actor_of(request.user)):
            delivery.wake_after_commit()
            self.message_user(request, _("It is resumed: what waited goes now."), messages.SUCCESS)
        else:
            self.message_user(request, _("It was not paused any more."), messages.INFO)
        return redirect(reverse("admin:notifications_switch_changelist"))

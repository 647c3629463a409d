"""A patient's timeline for staff: what was sent and why, what the patient did, what comes next.

Each kind of entry is shown to those who may see its table and to nobody else. No bodies (H-02);
each look is a row in the audit trail (H-06).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from notifications import audit
from notifications.enums import AuditAction, TimelineKind
from notifications.services import patient_notification_service
from notifications.types import Refused
from portal.models import Appointment, User

PAGE = 20
NEEDED = (
    "portal.view_user",
    "notifications.view_patientnotification",
    "notifications.view_delivery",
)
PERMISSIONS = {
    TimelineKind.MESSAGE: "notifications.view_delivery",
    TimelineKind.TEXT: "notifications.view_inboundtext",
    TimelineKind.CONSENT: "notifications.view_consent",
    TimelineKind.ADDRESS: "notifications.view_contactpoint",
    TimelineKind.SETTING: "notifications.view_patientnotificationpreference",
    TimelineKind.VISIT: "portal.view_appointment",
    TimelineKind.CALL: "notifications.view_calltask",
}
PLANS = "notifications.view_schedulednotification"
TABLES = {
    TimelineKind.MESSAGE: "notifications_patientnotification",
    TimelineKind.TEXT: "notifications_inboundtext",
    TimelineKind.VISIT: "portal_appointment",
    TimelineKind.CALL: "notifications_calltask",
}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An entry with what only the clinic knows: who did it, and the visit it is about."""

    entry: Any
    who: str
    visit: Appointment | None = None
    link: str = ""

    @property
    def day(self) -> date:
        return timezone.localdate(self.entry.at)


class TimelinePage:
    """Mixed into the admin of people: the page, and who may see what of it."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.timeline)
        own = path("<uuid:pk>/timeline/", view, name="portal_user_timeline")
        return [own, *super().get_urls()]

    def timeline(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Show a page of a patient's timeline."""
        if not may_see_timeline(request.user):
            raise PermissionDenied
        patient = get_object_or_404(User, pk=pk)
        allowed = [kind for kind, right in PERMISSIONS.items() if request.user.has_perm(right)]
        wanted, before = request.GET.get("kind", ""), request.GET.get("before", "")
        kinds = [kind for kind in allowed if kind == wanted] or allowed
        try:
            told = patient_notification_service.timeline(
                patient_id=patient.pk, kinds=kinds, before=before, limit=PAGE
            )
        except Refused as refusal:
            self.message_user(request, refusal.message, messages.WARNING)
            return redirect(reverse("admin:portal_user_timeline", args=[patient.pk]))
        record_view(request, patient, page="timeline")
        context = self.admin_site.each_context(request) | {
            "title": _("Timeline"),
            "opts": self.opts,
            "patient": patient,
            "told": told,
            "shown": _shown(told.entries, patient=patient),
            "may_see_coming": _may_see_plans(request),
            "may_see_plans": _may_see_plans(request) and not before,
            "is_first": not before,
            "allowed": allowed,
            "only": kinds[0] if len(kinds) == 1 else "",
        }
        return TemplateResponse(request, "admin/portal/user/timeline.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        may_see = may_see_timeline(request.user)
        more = {"may_see_timeline": may_see, "may_see_coming": may_see and _may_see_plans(request)}
        more |= extra_context or {}
        return super().change_view(request, object_id, form_url, more)


def may_see_timeline(user: User) -> bool:
    return user.has_perms(NEEDED)


def _may_see_plans(request: HttpRequest) -> bool:
    return request.user.has_perm(PLANS)


def record_view(request: HttpRequest, patient: User, *, page: str) -> None:
    """Note that somebody looked at a page about a patient."""
    audit.record(
        action=AuditAction.VIEWED,
        actor=audit.actor_of(request.user),
        patient_id=patient.pk,
        obj=patient,
        list=page,
    )


# -- what only the clinic knows ------------------------------------------------------------------


def _shown(entries: Sequence[Any], *, patient: User) -> list[Shown]:
    """Add names, visits and links to entries, in two queries."""
    names = _names({entry.actor for entry in entries}, patient=patient)
    visits = _visits([entry for entry in entries if entry.kind == TimelineKind.VISIT], patient)
    return [
        Shown(
            entry=entry,
            who=_who(entry.actor, names),
            visit=visits.get(entry.object_id),
            link=_link(entry),
        )
        for entry in entries
    ]


def _names(actors: Iterable[str], *, patient: User) -> dict[str, str]:
    """Return what to call people who did something, by actor."""
    ids = {actor.removeprefix("user:") for actor in actors if actor.startswith("user:")}
    people = User.objects.filter(pk__in=ids).defer("date_of_birth")
    known = {f"user:{person.pk}": person.display_name for person in people}
    return known | {f"user:{patient.pk}": _("the patient")}


def _visits(entries: Iterable[Any], patient: User) -> dict[str, Appointment]:
    ids = {entry.object_id for entry in entries}
    own = Appointment.objects.filter(patient=patient, pk__in=ids).select_related("location")
    return {str(visit.pk): visit for visit in own.defer("reason", "notes")}


def _who(actor: str, names: dict[str, str]) -> str:
    """Return by whom or what something was done: a name, "the patient", a text, a program."""
    kind, _colon, name = actor.partition(":")
    job = name.partition(":")[0]  # what follows is the id of its reason, such as of a text
    if job == "reply":
        return _("text")
    if kind == "system":
        return _("the system (%(job)s)") % {"job": job}
    return names.get(actor, "")


def _link(entry: Any) -> str:
    """Return where the row itself can be looked at."""
    table = TABLES.get(entry.kind)
    return reverse(f"admin:{table}_change", args=[entry.object_id]) if table else ""

"""What is coming to a patient in the next two weeks, for staff: by the functions that send.

For whoever may see the timeline and what is planned. No bodies (H-02); each look is a row in the
audit trail (H-06).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _

from notifications.enums import TimelineKind
from notifications.scheduler import Foreseen
from portal.access import zone_of
from portal.admin.timeline import PERMISSIONS, PLANS, may_see_timeline, record_view
from portal.models import Appointment, User
from portal.services import forecast

DAYS = 14


@dataclass(frozen=True, kw_only=True)
class Coming:
    """One message, or a plan that comes to none, with how it stands on each channel."""

    at: datetime
    label: str
    rule: str
    lines: Sequence[Foreseen]
    visit: Appointment | None

    @property
    def day(self) -> date:
        return timezone.localdate(self.at)


class ComingPage:
    """Mixed into the admin of people: the page, and who may see it."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.coming)
        own = path("<uuid:pk>/coming/", view, name="portal_user_coming")
        return [own, *super().get_urls()]

    def coming(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Show what comes in the next two weeks, on the wall clock of the patient."""
        if not may_see_coming(request.user):
            raise PermissionDenied
        patient = get_object_or_404(User.objects.select_related("home_location"), pk=pk)
        seen = forecast(patient_id=patient.pk, days=DAYS)
        record_view(request, patient, page="coming")
        if not request.user.has_perm(PERMISSIONS[TimelineKind.CALL]):
            seen = [each for each in seen if not each.is_call]
        may_see_visits = request.user.has_perm(PERMISSIONS[TimelineKind.VISIT])
        visits = _visits(seen) if may_see_visits else {}
        zone = zone_of(patient)
        context = self.admin_site.each_context(request) | {
            "title": _("What is coming"),
            "opts": self.opts,
            "patient": patient,
            "coming": _by_message(seen, visits),
            "calls": [each for each in seen if each.is_call],
            "days": DAYS,
            "zone": zone,
        }
        with timezone.override(zone):
            page = TemplateResponse(request, "admin/portal/user/coming.html", context)
            return page.render()


def may_see_coming(user: User) -> bool:
    return may_see_timeline(user) and user.has_perm(PLANS)


def _by_message(seen: Iterable[Foreseen], visits: dict[str, Appointment]) -> list[Coming]:
    return [
        Coming(at=at, label=label, rule=rule, lines=list(lines), visit=visits.get(subject))
        for (at, label, rule, subject), lines in groupby(seen, key=_message_of)
    ]


def _message_of(each: Foreseen) -> tuple[datetime, str, str, str]:
    return each.at, each.label, each.rule, each.subject


def _visits(seen: Iterable[Foreseen]) -> dict[str, Appointment]:
    """Return the visits that are spoken of, by subject, in one query."""
    about = [each.subject.partition(":") for each in seen]
    ids = {name for kind, _colon, name in about if kind == "appointment"}
    rows = Appointment.objects.filter(pk__in=ids).select_related("location", "provider")
    return {visit.subject: visit for visit in rows.defer("reason", "notes", "treatment")}

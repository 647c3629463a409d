"""The home page and the visits."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from notifications import audit, clock
from notifications.services import patient_notification_service as service
from portal.models import Appointment
from portal.services import confirm
from portal.views.lists import Shown
from portal.views.paperwork import open_paperwork
from portal.views.patient import back, patient_page
from portal.views.rows import rows_of

HOME_VISITS, HOME_MESSAGES, PAST_VISITS = 2, 5, 20


@dataclass(frozen=True)
class Visit:
    """A visit as its place's calendar and clock show it."""

    appointment: Appointment

    @property
    def on(self) -> date:
        zone = ZoneInfo(self.appointment.location.zone)
        return self.appointment.starts_at.astimezone(zone).date()

    @property
    def can_confirm(self) -> bool:
        is_open = self.appointment.status == Appointment.Status.BOOKED
        return is_open and self.appointment.starts_at > clock.now()


@require_GET
@patient_page
def home(request: HttpRequest) -> HttpResponse:
    """Show what is next: visits to confirm, messages to read."""
    page = service.inbox(patient_id=request.patient.pk, unread_only=True, limit=HOME_MESSAGES)
    context = {
        "to_do": open_paperwork(request),
        "visits": [Visit(each) for each in _coming(request)[:HOME_VISITS]],
        "rows": rows_of(page.items),
        "shown": Shown(),
        "unread": page.unread,
        "prefix": "h",
    }
    return render(request, "portal/home.html", context)


@require_GET
@patient_page
def visits(request: HttpRequest) -> HttpResponse:
    """Show the coming visits, and the last ones."""
    past = _visits(request).exclude(pk__in=_coming(request).values("pk")).order_by("-starts_at")
    context = {
        "coming": [Visit(each) for each in _coming(request)],
        "past": [Visit(each) for each in past[:PAST_VISITS]],
    }
    return render(request, "portal/visits.html", context)


@require_POST
@patient_page
def confirm_visit(request: HttpRequest, visit_id: UUID) -> HttpResponse:
    """Take the patient's word that they are coming."""
    visit = _visits(request).get(pk=visit_id)
    confirm(appointment_id=visit.pk, actor=audit.actor_of(request.user))
    messages.success(request, _("Your visit is confirmed. See you then."))
    return back(request, reverse("visits"))


def _visits(request: HttpRequest) -> QuerySet[Appointment]:
    mine = Appointment.objects.filter(patient=request.patient)
    return mine.select_related("provider", "location")


def _coming(request: HttpRequest) -> QuerySet[Appointment]:
    open_visits = _visits(request).filter(status__in=Appointment.UPCOMING)
    return open_visits.filter(ends_at__gt=clock.now()).order_by("starts_at")

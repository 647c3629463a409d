"""The visits: which are coming, which were, and what a patient can say about one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Self
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from notifications import audit, clock
from notifications.templatetags.notification_text import visit_day, wall_time, zone_name
from portal.forms import MoveForm
from portal.models import Appointment, User
from portal.services import Wish, ask_to_move, confirm, take_back, wishes_about
from portal.services.calendar_files import calendar_file_of
from portal.templatetags.portal import address
from portal.views.messages.centre import counts
from portal.views.messages.lists import Shown
from portal.views.patient import back, is_fragment, patient_page

PAST = 20
# What an answer draws anew.
PARTS = {"card": "portal/visits/_visit.html", "move": "portal/visits/_move.html"}


@dataclass(frozen=True)
class Visit:
    """A visit as its place's calendar and clock show it; `wish`: it is asked to be moved."""

    appointment: Appointment
    wish: Wish | None = None

    @property
    def on(self) -> date:
        zone = ZoneInfo(self.appointment.location.zone)
        return self.appointment.starts_at.astimezone(zone).date()

    @property
    def when(self) -> str:
        """Return "Tue, Nov 24 at 9:30 AM EST", with the year if it is not this one."""
        starts_at, zone = self.appointment.starts_at, self.appointment.location.zone
        year = "" if self.on.year == clock.now().year else f", {self.on.year}"
        time = f"{wall_time(starts_at, zone)} {zone_name(starts_at, zone)}"
        return _("%(day)s at %(time)s") % {"day": visit_day(starts_at, zone) + year, "time": time}

    @property
    def is_ahead(self) -> bool:
        return self.appointment.is_upcoming and self.appointment.starts_at > clock.now()

    @property
    def is_over(self) -> bool:
        return not self.appointment.is_upcoming or self.appointment.ends_at <= clock.now()

    @property
    def can_confirm(self) -> bool:
        is_open = self.appointment.status == Appointment.Status.BOOKED
        return is_open and self.is_ahead and self.wish is None

    @property
    def can_move(self) -> bool:
        return self.is_ahead and self.wish is None

    @classmethod
    def all(cls, appointments: Iterable[Appointment]) -> list[Self]:
        """Return visits with what is asked about them. One query more than they cost."""
        found = list(appointments)
        wishes = wishes_about(each for each in found if each.is_upcoming)
        return [cls(each, wishes.get(each.pk)) for each in found]


def visits_of(patient: User) -> QuerySet[Appointment]:
    return Appointment.objects.filter(patient=patient).select_related("provider", "location")


def coming_to(patient: User) -> QuerySet[Appointment]:
    """Return the visits that are not over, the next first."""
    open_visits = visits_of(patient).filter(status__in=Appointment.UPCOMING)
    return open_visits.filter(ends_at__gt=clock.now()).order_by("starts_at", "pk")


@require_GET
@patient_page
def visits(request: HttpRequest) -> HttpResponse:
    """Show the coming visits and the last ones, or those before one of them."""
    before = request.GET.get("before", "")
    past = list(_past_of(request.patient, before=before)[: PAST + 1])
    context = {
        "is_first": not before,
        "coming": Visit.all(coming_to(request.patient)) if not before else [],
        "past": [Visit(each) for each in past[:PAST]],
        "older": past[PAST - 1].pk if len(past) > PAST else None,
    }
    return render(request, "portal/visits/visits.html", context)


@require_POST
@patient_page
def confirm_visit(request: HttpRequest, visit_id: UUID) -> HttpResponse:
    """Take the patient's word that they are coming."""
    visit = visits_of(request.patient).get(pk=visit_id)
    confirm(appointment_id=visit.pk, actor=audit.actor_of(request.user))
    return _answered(request, visit_id, said=_("Your visit is confirmed. See you then."))


@require_http_methods(["GET", "POST"])
@patient_page
def move(request: HttpRequest, visit_id: UUID) -> HttpResponse:
    """Show how to ask for another time, and take the wish."""
    visit = visits_of(request.patient).get(pk=visit_id)
    is_asked = request.method == "POST"
    form = MoveForm(request.POST if is_asked else None)
    if not is_asked or not form.is_valid():
        return _move_page(request, visit, form)
    ask_to_move(
        visit_id=visit.pk,
        patient_id=request.patient.pk,
        note=form.cleaned_data["note"],
        actor=audit.actor_of(request.user),
    )
    return _answered(request, visit_id, said=_("We will call you."))


@require_POST
@patient_page
def stay(request: HttpRequest, visit_id: UUID) -> HttpResponse:
    """Take back that a visit is asked to be moved."""
    visit = visits_of(request.patient).get(pk=visit_id)
    actor = audit.actor_of(request.user)
    take_back(visit_id=visit.pk, patient_id=request.patient.pk, actor=actor)
    return _answered(request, visit_id, said=_("Your visit stays as it is."))


@require_GET
@patient_page
def calendar(request: HttpRequest, visit_id: UUID) -> HttpResponse:
    """Hand out a visit as a file for the patient's own calendar."""
    visit = visits_of(request.patient).get(pk=visit_id)
    headers = {"Content-Disposition": 'attachment; filename="visit.ics"'}
    file = calendar_file_of(visit)
    return HttpResponse(file, content_type="text/calendar; charset=utf-8", headers=headers)


def _past_of(patient: User, *, before: str) -> QuerySet[Appointment]:
    """Return what is over or off, the latest first; only what lies before one of them, by its id.

    Raises Appointment.DoesNotExist where that one is not theirs.
    """
    is_coming = Q(status__in=Appointment.UPCOMING, ends_at__gt=clock.now())
    rows = visits_of(patient).exclude(is_coming).order_by("-starts_at", "-pk")
    if before:
        last = visits_of(patient).get(pk=_id_in(before))
        is_older = Q(starts_at__lt=last.starts_at) | Q(starts_at=last.starts_at, pk__lt=last.pk)
        rows = rows.filter(is_older)
    return rows


def _id_in(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Appointment.DoesNotExist from None


def _move_page(request: HttpRequest, appointment: Appointment, form: MoveForm) -> HttpResponse:
    visit = Visit.all([appointment])[0]
    template = PARTS["move"] if is_fragment(request) else "portal/visits/visit_move.html"
    context = {"visit": visit, "form": form, "focus": is_fragment(request)}
    return render(request, template, context, status=422 if form.errors else 200)


def _answered(request: HttpRequest, visit_id: UUID, *, said: str) -> HttpResponse:
    """Draw anew what a change was made in, or lead back; the page for a wish says so itself."""
    part = request.POST.get("part", "")
    if not is_fragment(request) or part not in PARTS:
        if part != "move":
            messages.success(request, said)
        return back(request, address("visits", user=request.user, patient=request.patient))
    visit = Visit.all([visits_of(request.patient).get(pk=visit_id)])[0]
    shown = Shown()
    context = {"visit": visit, "said": said, "shown": shown, "part": PARTS[part], "focus": True}
    context |= {"form": MoveForm()} | counts(request, shown)
    return render(request, "portal/visits/_visit_changed.html", context)

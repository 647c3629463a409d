""" "What will I get?": a sample of each kind of message, and what is really coming."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from notifications.enums import PatientNotificationType
from notifications.types import Refused
from portal.views.patient import patient_page
from portal.views.preview.coming import DAYS, coming_to, next_of
from portal.views.preview.samples import kinds_of_messages, samples_of

FIRST = "appointment_reminder"


@require_GET
@patient_page
def preview(request: HttpRequest) -> HttpResponse:
    """Show what a type would be on each channel now, and what comes in two weeks."""
    chosen = request.GET.get("type", FIRST)
    if chosen not in PatientNotificationType:
        raise Refused(_("There is no such kind of message."), field="type")
    coming = coming_to(request.patient)
    context = {
        "kinds": kinds_of_messages(),
        "type_key": chosen,
        "samples": samples_of(patient=request.patient, type_key=chosen),
        "coming": coming,
        "next": next_of(coming),
        "days": DAYS,
        "zone": str(timezone.get_current_timezone()),
    }
    return render(request, "portal/preview/preview.html", context)

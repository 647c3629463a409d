"""Everything a patient was sent: how it went on each channel, why, and where to change that."""

from operator import attrgetter

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from notifications.services import patient_notification_service as service
from portal.views.messages.days import by_day
from portal.views.patient import patient_page
from portal.views.settings.matrix import in_order


@require_GET
@patient_page
def sent(request: HttpRequest) -> HttpResponse:
    """Show a page of what was sent, on one channel (`channel`) or on any; `before` is a cursor."""
    channel, before = request.GET.get("channel", ""), request.GET.get("before", "")
    page = service.sent(patient_id=request.patient.pk, channel=channel, before=before)
    context = {
        "days": by_day(page.messages, moment=attrgetter("at")),
        "page": page,
        "before": before,
        "channels": in_order(),
        "channel": channel,
    }
    return render(request, "portal/messages/sent.html", context)

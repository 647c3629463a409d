"""The home page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from notifications.services import patient_notification_service as service
from portal.views.messages.lists import Shown
from portal.views.messages.rows import rows_of
from portal.views.paperwork.to_do import open_paperwork
from portal.views.patient import patient_page
from portal.views.visits import Visit, coming_to

HOME_VISITS, HOME_MESSAGES = 2, 5


@require_GET
@patient_page
def home(request: HttpRequest) -> HttpResponse:
    """Show what is next: visits to confirm, messages to read."""
    page = service.inbox(patient_id=request.patient.pk, unread_only=True, limit=HOME_MESSAGES)
    context = {
        "visits": Visit.all(coming_to(request.patient)[:HOME_VISITS]),
        "to_do": open_paperwork(request),
        "rows": rows_of(page.items),
        "shown": Shown(),
        "unread": page.unread,
        "prefix": "h",
    }
    return render(request, "portal/home.html", context)

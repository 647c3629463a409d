"""`/dev/outbox/`: what would have left, as the patient would have got it.

Shown only in development, to staff who signed in, on this machine: anything else is a 404, as if
the page did not exist.
"""

from collections.abc import Callable
from functools import wraps
from ipaddress import ip_address
from uuid import UUID

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_replace, csp_update
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET

from notifications.enums import PatientNotificationChannel
from notifications.providers.outbox import OutboxMessage

SHOWN = 100


def development_only(view: Callable) -> Callable:
    """Let staff on this machine in while DEBUG is on; 404 for everyone else."""

    @wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        is_local = ip_address(request.META.get("REMOTE_ADDR", "0.0.0.0")).is_loopback
        if not (settings.DEBUG and is_local and request.user.is_staff):
            raise Http404("no such page")
        return view(request, *args, **kwargs)

    return never_cache(require_GET(login_required(guarded)))


@development_only
@csp_update({"frame-src": [SELF]})
def outbox(request: HttpRequest) -> HttpResponse:
    """List the newest messages, of one channel if asked."""
    channel = request.GET.get("channel", "")
    rows = OutboxMessage.objects.all()
    if channel in PatientNotificationChannel:
        rows = rows.filter(channel=channel)
    channels = [cls for cls in PatientNotificationChannel.classes() if cls.contact_kind]
    context = {"messages_sent": rows[:SHOWN], "channels": channels, "chosen": channel}
    return render(request, "dev/outbox.html", context)


@development_only
@xframe_options_sameorigin
@csp_replace({"style-src": [UNSAFE_INLINE], "frame-ancestors": [SELF]})
def outbox_html(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """Show an e-mail's HTML part alone; scripts and remote content stay blocked."""
    message = get_object_or_404(OutboxMessage, pk=message_id)
    return HttpResponse(message.content["html"])


urlpatterns = [
    path("", outbox, name="outbox"),
    path("<uuid:message_id>/html/", outbox_html, name="outbox-html"),
]

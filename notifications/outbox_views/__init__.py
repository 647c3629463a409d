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
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_POST

from notifications import contacts
from notifications.enums import ContactKind, PatientNotificationChannel
from notifications.outbox_views.shown import anchor_of, shown
from notifications.providers import outbox_carrier
from notifications.providers.outbox import OutboxMessage
from notifications.types import Refused

LONGEST = 1600  # characters of a text; Twilio takes no more
QUICK = ("1", "2", "STOP", "START", "HELP")


def development_only(view: Callable) -> Callable:
    """Let staff on this machine in while DEBUG is on; 404 for everyone else."""

    @wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if not (settings.DEBUG and _is_local(request)):
            raise Http404("no such page")
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not request.user.is_staff:
            raise Http404("no such page")
        return view(request, *args, **kwargs)

    return never_cache(guarded)


def _is_local(request: HttpRequest) -> bool:
    return ip_address(request.META.get("REMOTE_ADDR") or "0.0.0.0").is_loopback


@require_GET
@development_only
@csp_update({"frame-src": [SELF]})
def outbox(request: HttpRequest) -> HttpResponse:
    """Show what left, newest first, of one channel if asked."""
    chosen = request.GET.get("channel", "")
    channels = [cls for cls in PatientNotificationChannel.classes() if cls.contact_kind]
    context = {
        "items": shown(channel=chosen),
        "channels": channels,
        "chosen": chosen,
        "why_no_replies": outbox_carrier.why_not(),
        "quick": QUICK,
        "longest": LONGEST,
    }
    return render(request, "dev/outbox.html", context)


@require_GET
@development_only
@xframe_options_sameorigin
@csp_replace({"style-src": [UNSAFE_INLINE], "frame-ancestors": [SELF]})
def outbox_html(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """Show an e-mail's HTML part alone; scripts and remote content stay blocked."""
    message = get_object_or_404(OutboxMessage, pk=message_id)
    return HttpResponse(message.content.get("html", ""))


@require_POST
@development_only
def reply(request: HttpRequest) -> HttpResponse:
    """Play the patient: send a text from a number, signed and posted as the carrier would."""
    text = (request.POST.get("quick") or request.POST.get("text", "")).strip()[:LONGEST]
    number = request.POST.get("number", "")
    try:
        number = contacts.normalise(kind=ContactKind.PHONE, value=number)
        said = _write(number=number, text=text)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("outbox")
    messages.success(request, said)
    return redirect(f"{reverse('outbox')}?channel=sms#{anchor_of(number)}")


def _write(*, number: str, text: str) -> str:
    """Send a text from a patient; return what the page says of it. Raises Refused."""
    if problem := outbox_carrier.why_not() or ("" if text else "A text needs words."):
        raise Refused(problem)
    try:
        answer = outbox_carrier.send_reply(number=number, text=text, post=outbox_carrier.post_here)
    except outbox_carrier.NotTaken as status:
        raise Refused(f"The site did not take this text: it answered {status}.") from None
    except OSError as fault:  # requests' own are OSErrors too
        raise Refused(f"The site could not be reached: {type(fault).__name__}.") from None
    return "Sent. The practice answered." if answer else "Sent. The practice said nothing back."


urlpatterns = [
    path("", outbox, name="outbox"),
    path("reply/", reply, name="outbox-reply"),
    path("<uuid:message_id>/html/", outbox_html, name="outbox-html"),
]

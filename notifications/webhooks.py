"""Where carriers call: receipts of what we sent, and what patients write back.

A call is verified before anything of it is believed or kept; who it is from is for the channel to
say. The answer is the same whether we know the message or not, so that nobody can ask by calling.
"""

import logging
from collections.abc import Callable
from functools import wraps
from uuid import UUID

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from notifications import audit, incoming
from notifications.channels.base import Channel
from notifications.enums import PatientNotificationChannel
from notifications.types import ChannelError, NotSupported

logger = logging.getLogger(__name__)

LARGEST = 1024 * 1024  # bytes; Anymail's largest batches are a few hundred kB
View = Callable[..., HttpResponse]


def carriers_only(view: View) -> View:
    """Hand a call to a view with its channel; refuse what is too large, forged or not for us.

    No CSRF token: carriers have no session here. What stands in its place is the signature.
    """

    @wraps(view)
    def guarded(request: HttpRequest, channel: str, **ids: UUID) -> HttpResponse:
        if _is_too_large(request):
            return HttpResponse(status=413)
        try:
            return view(request, _channel(channel), **ids)
        except NotSupported:
            raise Http404("no carrier of this channel calls here") from None
        except PermissionDenied:
            audit.record_denied(actor=audit.CARRIERS, route=f"webhooks/{channel}")
            logger.warning("a call for %s was not signed by its carrier", channel)
            return HttpResponse(status=403)
        except ChannelError as fault:  # whose call it is cannot be told now: it must come again
            logger.error("a call for %s could not be verified: %s", channel, fault.code)
            return HttpResponse(status=503)
        except (BadRequest, SuspiciousOperation):  # too many fields, or no UTF-8
            return HttpResponse(status=400)

    return csrf_exempt(never_cache(require_POST(guarded)))


def _is_too_large(request: HttpRequest) -> bool:
    announced = request.META.get("CONTENT_LENGTH") or "0"
    return not announced.isdecimal() or int(announced) > LARGEST or len(request.body) > LARGEST


def _channel(key: str) -> Channel:
    if key not in PatientNotificationChannel:
        raise NotSupported
    return PatientNotificationChannel.known(key)()


@carriers_only
def receipts(
    request: HttpRequest, channel: Channel, delivery_id: UUID | None = None
) -> HttpResponse:
    """Take what a carrier says of one delivery, or of any number of them."""
    heard = channel.receipts(request=request, delivery_id=delivery_id)
    incoming.take_receipts(channel=channel.key, receipts=heard)
    return HttpResponse(content_type="text/plain")


@carriers_only
def replies(request: HttpRequest, channel: Channel) -> HttpResponse:
    """Take what patients wrote, and answer through the carrier."""
    heard = channel.replies(request=request)
    answers = [incoming.take_reply(channel=channel.key, reply=reply) for reply in heard]
    return channel.reply_response(answer="\n".join(filter(None, answers)))


urlpatterns = [
    path("<slug:channel>/", receipts, name="webhook-receipts"),
    path("<slug:channel>/replies/", replies, name="webhook-replies"),
    path("<slug:channel>/<uuid:delivery_id>/", receipts, name="webhook-receipt"),
]

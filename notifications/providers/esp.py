"""What e-mail services call us with, through Anymail's own webhook classes.

https://anymail.dev/en/stable/sending/tracking/ has the one vocabulary of events. A service is
supported where its calls are verified, by a signature or by the WEBHOOK_SECRET, where our
delivery id comes back with each event, and where open and click tracking is off unless asked for:
refused with each message or, at Amazon SES, never asked for by a configuration set.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from anymail.exceptions import AnymailError, AnymailWebhookValidationFailure
from anymail.signals import AnymailTrackingEvent, EventType, RejectReason
from anymail.webhooks.base import AnymailBaseWebhookView
from anymail.webhooks.mailgun import MailgunTrackingWebhookView
from anymail.webhooks.mailjet import MailjetTrackingWebhookView
from anymail.webhooks.postmark import PostmarkTrackingWebhookView
from anymail.webhooks.sparkpost import SparkPostTrackingWebhookView
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest

from notifications.enums import ContactEffect, DeliveryStatus
from notifications.providers import mail, ses, twin
from notifications.types import Receipt

BACKENDS = "anymail.backends."


@dataclass(frozen=True, kw_only=True)
class Service:
    """How Anymail hears a service; `key`: the setting of ANYMAIL its calls are signed with."""

    view: type[AnymailBaseWebhookView]
    key: str = ""


SES = "amazon_ses"
SERVICES: dict[str, Service] = {
    SES: Service(view=ses.Events),
    "mailgun": Service(view=MailgunTrackingWebhookView, key="MAILGUN_WEBHOOK_SIGNING_KEY"),
    "mailjet": Service(view=MailjetTrackingWebhookView),
    "postmark": Service(view=PostmarkTrackingWebhookView),
    "sparkpost": Service(view=SparkPostTrackingWebhookView),
}
STATUSES: dict[str, DeliveryStatus] = {
    EventType.QUEUED: DeliveryStatus.ACCEPTED,
    EventType.SENT: DeliveryStatus.ACCEPTED,
    EventType.DEFERRED: DeliveryStatus.ACCEPTED,  # the service has it and goes on trying
    EventType.DELIVERED: DeliveryStatus.DELIVERED,
    EventType.BOUNCED: DeliveryStatus.FAILED,
    EventType.REJECTED: DeliveryStatus.FAILED,
    EventType.FAILED: DeliveryStatus.FAILED,
}
# Nobody may watch whether patients read: these are told to whoever runs the site, and dropped.
WATCHING = frozenset({EventType.OPENED, EventType.CLICKED})
NOT_READ = (
    *(AnymailError, ImproperlyConfigured, LookupError, ValueError, TypeError, AttributeError),
    *(RecursionError, OverflowError),  # JSON of a thousand brackets; a time no clock knows
)
SERVER_SAID = re.compile(r"\s*(?:smtp;)?\s*([45]\d\d\b)?[ -]*([45]\.\d{1,3}\.\d{1,3}\b)?")


class Unreadable(ValueError):
    """A verified call that cannot be read. The text is a code: the call may name an address."""


def service() -> str:
    """Return the supported service that carries our mail, such as `mailgun`; empty for none."""
    name = named()
    if not name and mail.is_twin():
        return "mailgun"  # whose protocol the outbox's stand-in speaks
    return name if name in SERVICES else ""


def named() -> str:
    """Return the service EMAIL_BACKEND names, supported or not; empty where it is not Anymail's."""
    backend = settings.EMAIL_BACKEND
    return backend.removeprefix(BACKENDS).split(".")[0] if backend.startswith(BACKENDS) else ""


def events_in(*, request: HttpRequest) -> list[AnymailTrackingEvent]:
    """Return what the service tells us, verified.

    Raises PermissionDenied for a call that is not the service's, Unreadable for one that makes no
    sense, ChannelError where nobody can tell now whether it is the service that calls.
    """
    try:
        view = _view()
        view.run_validators(request)
    except (*NOT_READ, AnymailWebhookValidationFailure):
        raise PermissionDenied from None
    try:
        return view.parse_events(request)
    except NOT_READ as fault:
        raise Unreadable(type(fault).__name__) from None


def _view() -> AnymailBaseWebhookView:
    """Return Anymail's view for the service. Raises PermissionDenied where nothing verifies."""
    name = service()
    chosen = SERVICES[name]
    if name == SES:
        # No secret beside: SNS keeps one back until it has been answered with a 401.
        return chosen.view(webhook_secret="")
    if mail.is_twin():
        return chosen.view(webhook_signing_key=twin.key("email"), webhook_secret="")
    if not (chosen.key or settings.ANYMAIL.get("WEBHOOK_SECRET")):
        raise PermissionDenied  # Anymail itself would believe anybody
    return chosen.view()


def receipts(events: Iterable[AnymailTrackingEvent]) -> list[Receipt]:
    """Return events as receipts; those of watching left out. Raises Unreadable."""
    try:
        return [_receipt(event) for event in events if event.event_type not in WATCHING]
    except NOT_READ as fault:
        raise Unreadable(type(fault).__name__) from None


def _receipt(event: AnymailTrackingEvent) -> Receipt:
    status = STATUSES.get(event.event_type)
    return Receipt(
        delivery_id=_delivery_id(event.metadata or {}),
        provider_id=str(event.message_id or ""),
        event_key=_key(event),
        status=status,
        code=_code(event) if status == DeliveryStatus.FAILED else event.event_type,
        contact=_effect(event),
        raw=_kept(event.esp_event),
    )


def _kept(raw: dict[str, Any]) -> dict[str, Any]:
    """Return an event as it came. Raises ValueError for half a character: no column keeps that."""
    json.dumps(raw, ensure_ascii=False).encode()
    return raw


def _delivery_id(metadata: dict[str, Any]) -> UUID | None:
    try:
        return UUID(str(metadata.get("delivery_id", "")))
    except ValueError:
        return None


def _key(event: AnymailTrackingEvent) -> str:
    """Return what is the same when an event comes again.

    Mailgun signs its token and not the event: a token that was overheard must not work twice,
    whatever is put beside it.
    """
    if event.event_id and service() == "mailgun":
        return event.event_id
    told = (event.event_id, event.message_id, event.recipient, event.timestamp)
    return f"{event.event_type}:{sha256(repr(told).encode()).hexdigest()}"


def _said(event: AnymailTrackingEvent) -> tuple[str, str]:
    """Return the receiving server's code and enhanced code (RFC 5321, 3463), as far as told."""
    code, more = SERVER_SAID.match(event.mta_response or "").groups(default="")
    return code, more


def _code(event: AnymailTrackingEvent) -> str:
    code, more = _said(event)
    return code or more or event.reject_reason or event.event_type


def _effect(event: AnymailTrackingEvent) -> ContactEffect:
    """Return what an event says of the address: a hard bounce needs another one."""
    if event.event_type == EventType.COMPLAINED or event.reject_reason == RejectReason.SPAM:
        return ContactEffect.COMPLAINED
    if STATUSES.get(event.event_type) != DeliveryStatus.FAILED:
        return ContactEffect.NONE
    if event.reject_reason == RejectReason.TIMED_OUT:  # whatever number the last try ended with
        return ContactEffect.NONE
    code, more = _said(event)
    if code or more:
        return mail.refusal(int(code or f"{more[0]}50"), more).contact
    is_dead = event.reject_reason in (RejectReason.BOUNCED, RejectReason.INVALID)
    return ContactEffect.NEEDS_UPDATE if is_dead else ContactEffect.NONE

"""Amazon SES: its events, which come through Amazon SNS, and its refusals.

Anymail reads the events. What it lacks is here: SNS's signature is verified, a subscription is
confirmed without boto3, which only sending needs, and what is not for good is not taken for it.
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
"""

import logging
from importlib.util import find_spec
from typing import Any

from anymail.exceptions import AnymailAPIError, AnymailWebhookValidationFailure
from anymail.signals import AnymailTrackingEvent, EventType, RejectReason
from anymail.webhooks.amazon_ses import AmazonSESBaseWebhookView, AmazonSESTrackingWebhookView
from django.http import HttpRequest

from notifications.enums import ErrorKind
from notifications.providers import sns
from notifications.types import AnswerLost, ChannelError

try:
    from botocore.exceptions import BotoCoreError
except ImportError:  # only sending needs it, and a check says so

    class BotoCoreError(Exception):
        """Stands in for the library's own error where it is not installed: never raised."""


logger = logging.getLogger(__name__)

# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html: what no other address
# would change. What is not named here goes by its HTTP status.
OUR_ACCOUNT = {
    *("AccountSuspendedException", "SendingPausedException", "MailFromDomainNotVerifiedException"),
    *("NotFoundException", "AccessDeniedException", "UnrecognizedClientException"),
    *("InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredTokenException"),
}
WAIT = {"TooManyRequestsException", "LimitExceededException", "Throttling", "ThrottlingException"}
# botocore's own, by name since it may not be installed: nothing was handed over.
NO_SETUP = {"NoRegionError", "NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"}
NOT_REACHED = {"EndpointConnectionError", "ConnectTimeoutError"}


def has_library() -> bool:
    """Return whether boto3, which sends, is installed."""
    return find_spec("boto3") is not None


class Events(AmazonSESTrackingWebhookView):
    """Anymail's reader of SES' events, which believes nobody but SNS."""

    warn_if_no_basic_auth = False  # the signature stands in its place

    def __init__(self, **options: Any) -> None:
        # Past Anymail's own beginning for SES: it makes ready a client of boto3.
        super(AmazonSESBaseWebhookView, self).__init__(**options)

    def validate_request(self, request: HttpRequest) -> None:
        """Let SNS' own messages about our topics pass; Anymail runs its own tests beside."""
        if not sns.is_genuine(self._parse_sns_message(request)):
            raise AnymailWebhookValidationFailure("not signed by SNS, or not for a topic of ours")

    def parse_events(self, request: HttpRequest) -> list[AnymailTrackingEvent]:
        if self._parse_sns_message(request)["Type"] == sns.UNSUBSCRIBED:
            logger.error("SNS ended our subscription: no receipts of e-mail come any more")
        return super().parse_events(request)

    def auto_confirm_sns_subscription(self, sns_message: dict[str, Any]) -> None:
        """Accept a subscription of a topic that is ours: the call has been verified by now."""
        sns.confirm(sns_message)
        logger.info("SNS was told that its receipts are welcome")

    def esp_to_anymail_events(
        self, ses_event: dict[str, Any], sns_message: dict[str, Any]
    ) -> list[AnymailTrackingEvent]:
        events = super().esp_to_anymail_events(ses_event, sns_message)
        for event in events:
            _mend(event)
        return events


def _mend(event: AnymailTrackingEvent) -> None:
    """Say what SES means where Anymail has one word for two things."""
    said = event.esp_event
    bounce, complaint = said.get("bounce") or {}, said.get("complaint") or {}
    if said.get("eventType") == "DeliveryDelay":
        event.event_type = EventType.DEFERRED
    if event.event_type == EventType.BOUNCED and bounce.get("bounceType") != "Permanent":
        # SES gave up after hours, often with "550 4.4.7 expired": the address may be fine.
        event.reject_reason = RejectReason.TIMED_OUT
    if complaint.get("complaintSubType") == "OnAccountSuppressionList":
        event.event_type = EventType.REJECTED  # an earlier complaint: this mail was not sent


def refusal(error: AnymailAPIError) -> ChannelError | None:
    """Judge what SES, or the library that speaks to it, said to a mail; None for another's no."""
    cause = type(error.__cause__).__name__
    if cause in NO_SETUP:
        return ChannelError(code=cause, kind=ErrorKind.CONFIGURATION)
    if cause in NOT_REACHED:
        return ChannelError(code=cause, kind=ErrorKind.TRANSIENT)
    if not isinstance(error.response, dict):
        return None
    return _by_name(error.response)


def _by_name(answer: dict[str, Any]) -> ChannelError:
    code = str(answer.get("Error", {}).get("Code", ""))
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0
    if code in WAIT or status == 429:
        return ChannelError(code=code, kind=ErrorKind.THROTTLED)
    if code in OUR_ACCOUNT or status in (401, 403):
        return ChannelError(code=code, kind=ErrorKind.CONFIGURATION)
    if 400 <= status < 500:
        return ChannelError(code=code, kind=ErrorKind.PERMANENT)
    return AnswerLost(code=code or "no_answer")

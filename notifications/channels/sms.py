"""Text messages: one segment, to a verified number with recorded consent."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from notifications import providers
from notifications.channels.base import Channel
from notifications.enums import ContactKind, Level, PatientNotificationChannel
from notifications.segments import segments, to_gsm7
from notifications.types import Envelope, NotSupported, Receipt, Reply, SendResult


@PatientNotificationChannel.register
class Sms(Channel):
    key = "sms"
    label = _("Text")
    icon = "message-square"
    contact_kind = ContactKind.PHONE
    ceiling = Level.L1
    parts = ("sms.txt",)
    carries_codes = True

    def is_configured(self) -> bool:
        name = settings.NOTIFICATIONS_SMS_PROVIDER
        return bool(name) and not providers.missing(name)

    def is_rehearsal(self) -> bool:
        return providers.is_outbox(settings.NOTIFICATIONS_SMS_PROVIDER)

    def prepare(self, content: Mapping[str, str]) -> dict[str, str]:
        return {part: to_gsm7(text) for part, text in content.items()}

    def fits(self, content: Mapping[str, str]) -> bool:
        return all(segments(text) == 1 for text in content.values())

    def send(self, *, envelope: Envelope, content: Mapping[str, str]) -> SendResult:
        return self._carrier().send(envelope=envelope, content=content)

    def account(self) -> str:
        name = settings.NOTIFICATIONS_SMS_PROVIDER
        return providers.account_of(name) if name else ""

    def reports(self) -> bool:
        return True

    def look_up(
        self, *, envelope: Envelope, content: Mapping[str, str], since: datetime, provider_id: str
    ) -> list[Receipt]:
        return self._carrier().look_up(
            envelope=envelope, content=content, since=since, provider_id=provider_id
        )

    def receipts(self, *, request: HttpRequest, delivery_id: UUID | None = None) -> list[Receipt]:
        return self._carrier().receipts(request=request, delivery_id=delivery_id)

    def replies(self, *, request: HttpRequest) -> list[Reply]:
        return self._carrier().replies(request=request)

    def replies_since(self, *, since: datetime) -> list[Reply]:
        return self._carrier().replies_since(since=since)

    def reply_response(self, *, answer: str) -> HttpResponse:
        return self._carrier().reply_response(answer=to_gsm7(answer))

    def _carrier(self) -> providers.TextProvider:
        """Return who carries texts. Raises NotSupported where they are switched off."""
        name = settings.NOTIFICATIONS_SMS_PROVIDER
        if not name:
            raise NotSupported
        return providers.load(name)(channel=self.key)

"""What a channel is: how a message reaches a patient, apart from who carries it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse

from notifications.enums import ContactKind, Level, PatientNotificationChannel
from notifications.types import Envelope, NotSupported, Receipt, Reply, SendResult


class Channel(ABC):
    """One way to reach a patient. Stateless; constants say what it needs and may say."""

    key: ClassVar[str]
    label: ClassVar[str]
    icon: ClassVar[str] = "bell"
    contact_kind: ClassVar[ContactKind | None] = None
    ceiling: ClassVar[Level] = Level.L0
    parts: ClassVar[tuple[str, ...]] = ()
    calendar_part: ClassVar[str] = ""  # under this name an entry for the calendar comes with it
    # True: a second copy replaces the first or does little harm, so a lost answer may be tried
    # again once after ten minutes. False: never again without proof, as for texts.
    may_repeat: ClassVar[bool] = False
    # True: the codes that verify an address of this kind go this way. One channel for a kind.
    carries_codes: ClassVar[bool] = False

    def is_configured(self) -> bool:
        """Return whether there is a carrier behind this channel."""
        return True

    def is_rehearsal(self) -> bool:
        """Return whether what is sent stays on this machine: an outbox instead of a carrier."""
        return False

    def has_agreement(self) -> bool:
        """Return whether more than L0 may go through its carrier (45 CFR 164.504(e)).

        The practice names the channels whose carriers signed; an outbox needs no signature.
        """
        return self.is_rehearsal() or self.key in settings.NOTIFICATIONS_AGREEMENTS.split(",")

    @abstractmethod
    def send(self, *, envelope: Envelope, content: Mapping[str, str]) -> SendResult:
        """Hand a message to the carrier, without touching the database.

        Takes at most 15 s. Raises ChannelError when refused, AnswerLost when nobody can tell.
        """

    def prepare(self, content: Mapping[str, str]) -> dict[str, str]:
        """Return the words as the carrier takes them, such as with simpler letters. Pure."""
        return dict(content)

    def fits(self, content: Mapping[str, str]) -> bool:
        """Return whether prepared words can go as they are. If not, the neutral sentence goes."""
        return True

    def accept_address(self, value: Mapping[str, str]) -> dict[str, str]:
        """Return an address as it is kept. Raises Refused for one nothing must be sent to. Pure."""
        return dict(value)

    def receipts(self, *, request: HttpRequest, delivery_id: UUID | None = None) -> list[Receipt]:
        """Verify a carrier's call, then return what it tells us of our messages.

        `delivery_id` is the one in the address it called. Raises PermissionDenied when it is not
        the carrier that calls.
        """
        raise NotSupported

    def replies(self, *, request: HttpRequest) -> list[Reply]:
        """Verify a carrier's call, then return what patients wrote. Raises PermissionDenied."""
        raise NotSupported

    def reply_response(self, *, answer: str) -> HttpResponse:
        """Return what a carrier wants to hear after a reply: our answer to the patient, if any."""
        return HttpResponse(status=204)

    def replies_since(self, *, since: datetime) -> list[Reply]:
        """Ask the carrier what patients wrote since a moment (aware); oldest first.

        Raises NotSupported where it cannot be asked, ChannelError when it gives no answer.
        """
        raise NotSupported

    def reports(self) -> bool:
        """Return whether its carrier tells, unasked, what became of each message."""
        return False

    def account(self) -> str:
        """Return whose books `look_up` reads: what another account took, this one knows not."""
        return ""

    def look_up(
        self, *, envelope: Envelope, content: Mapping[str, str], since: datetime, provider_id: str
    ) -> list[Receipt]:
        """Ask the carrier what it has of a message handed over at `since` (aware) or later.

        With the carrier's own id, that message; without, whatever may be it, so more than one
        where the same words went to the same address. One without a status is there and cannot be
        told: its words are not kept, are others (code OTHER_WORDS), or its status is new to us.
        An empty list: the carrier has nothing.
        Raises NotSupported where it cannot be asked, ChannelError when it gives no answer.
        """
        raise NotSupported

    @classmethod
    def check_definition(cls) -> None:
        """Raise ImproperlyConfigured when a constant is missing."""
        missing = [name for name in ("key", "label") if not getattr(cls, name, None)]
        if missing:
            raise ImproperlyConfigured(f"channel {cls.__name__} lacks {', '.join(missing)}")
        if cls.contact_kind is not None and not cls.parts:
            raise ImproperlyConfigured(f"channel {cls.__name__} names no template parts")


def channel_of(kind: ContactKind) -> Channel:
    """Return the channel that carries the codes of addresses of a kind. Raises LookupError."""
    for cls in PatientNotificationChannel.classes():
        if cls.contact_kind == kind and cls.carries_codes:
            return cls()
    raise LookupError(f"no channel carries codes to {kind}")

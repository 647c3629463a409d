"""What crosses the engine's other seams: profiles, envelopes, results, receipts, errors."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from notifications.enums import (
    ContactEffect,
    DeliveryStatus,
    ErrorKind,
    Level,
    PatientNotificationPriority,
)


@dataclass(frozen=True, kw_only=True)
class PatientProfile:
    """What the engine asks the portal about a patient: how to address and time a message."""

    zone: str = "UTC"
    state: str = ""  # where they live, by two letters: some limit the hours of advertising
    language: str = "en"
    practice_name: str = ""  # L1: the real name
    public_name: str = ""  # L0: a neutral one if the practice likes
    phone: str = ""
    postal_address: str = ""
    l0_only: bool = False  # the practice caps everything outside the portal
    is_departed: bool = False  # died, or left the practice: nothing is sent any more
    pages: str = ""  # where this patient's pages begin: another's, for whom they act, has a prefix


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """What a channel needs besides the text: whom it is for and how long it is worth sending."""

    delivery_id: UUID
    to: Mapping[str, str]  # {"address": ...}, for a device also its keys
    level: Level
    expires_at: datetime | None = None
    callback_url: str = ""
    language: str = "en"
    priority: PatientNotificationPriority = PatientNotificationPriority.MEDIUM
    unsubscribe_url: str = ""
    sender: str = ""  # the practice's public name


@dataclass(frozen=True, kw_only=True)
class SendResult:
    """A carrier took the message; `provider_id` is its name for it, if it gave one."""

    provider_id: str = ""
    status: DeliveryStatus = DeliveryStatus.ACCEPTED


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What a carrier's code means, a row of its error table: for the delivery, address, channel.

    PERMANENT ends the delivery. TRANSIENT tries again, `max_tries` times at most and no sooner
    than `retry_after`; when they are used up, `at_last` is what it says of the address. THROTTLED
    tries again without counting the try and lets the channel rest. CONFIGURATION pauses it.
    """

    kind: ErrorKind
    contact: ContactEffect = ContactEffect.NONE
    at_last: ContactEffect = ContactEffect.NONE
    retry_after: timedelta | None = None  # None: as the backoff has it
    max_tries: int | None = None  # None: as often as any

    def dump(self) -> dict[str, Any]:
        """Return it as JSON-ready values; `load` reads them back."""
        wait = self.retry_after
        return dataclasses.asdict(self) | {"retry_after": wait and wait.total_seconds()}

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Self:
        wait = data["retry_after"]
        return cls(
            kind=ErrorKind(data["kind"]),
            contact=ContactEffect(data["contact"]),
            at_last=ContactEffect(data["at_last"]),
            retry_after=None if wait is None else timedelta(seconds=wait),
            max_tries=data["max_tries"],
        )


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What a carrier told us later; `event_key` makes a repeat recognisable.

    `status` None: nothing that moves a delivery, such as a complaint. `meaning` None: of a
    failure, that it is final. `raw` is what the carrier said, as it said it.
    """

    delivery_id: UUID | None  # None: the carrier did not say of which of ours it speaks
    provider_id: str
    event_key: str
    status: DeliveryStatus | None
    code: str = ""
    contact: ContactEffect = ContactEffect.NONE
    meaning: Meaning | None = None
    raw: Mapping[str, Any] = dataclasses.field(default_factory=dict)


OTHER_WORDS = "other_words"  # the code of what a look-up found and did not recognise


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A text a patient sent us. `is_answered`: the carrier has answered it already (STOP, HELP).

    `written_at` (aware): when it came to the carrier, of one that was asked for afterwards.
    """

    event_key: str
    sender: str  # E.164
    text: str
    is_answered: bool = False
    is_stop: bool = False  # the carrier took it for an opt-out, whatever its words
    written_at: datetime | None = None  # None: it has just come
    raw: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class ChannelError(Exception):
    """The one error at the seam: the carrier said no. The text holds the code only."""

    def __init__(self, *, code: str, kind: ErrorKind, **more: Any) -> None:
        super().__init__(code)
        self.code = code
        self.meaning = Meaning(kind=kind, **more)

    @classmethod
    def of(cls, code: str, meaning: Meaning, **more: Any) -> Self:
        """Return the error of a code as a table has it; `more` is what the answer adds to it."""
        known = {each.name: getattr(meaning, each.name) for each in dataclasses.fields(meaning)}
        return cls(code=code, **known | more)

    @property
    def kind(self) -> ErrorKind:
        return self.meaning.kind

    @property
    def contact(self) -> ContactEffect:
        return self.meaning.contact

    @property
    def retry_after(self) -> timedelta | None:
        return self.meaning.retry_after

    @property
    def max_tries(self) -> int | None:
        return self.meaning.max_tries


class AnswerLost(ChannelError):
    """The call went out and no answer came back: whether it was sent cannot be known here."""

    def __init__(self, *, code: str) -> None:
        super().__init__(code=code, kind=ErrorKind.TRANSIENT)


class NotSupported(LookupError):
    """A carrier makes no calls of this kind, or cannot be asked what it has."""


class Refused(ValueError):
    """What was asked cannot be done. `field` names the culprit; the text is for the person."""

    def __init__(self, message: str, *, field: str = "") -> None:
        self.message = str(message)  # in the language of whoever asked, not of whoever looks later
        super().__init__(self.message)
        self.field = field

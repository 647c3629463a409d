"""One thing that is coming, or why it is not."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from notifications import rendering
from notifications.enums import (
    DeliveryStatus,
    PatientNotificationChannel,
    PatientNotificationType,
    Reason,
)
from notifications.history.words import channel_label
from notifications.types import Rung

CALL_DUE = "due"
GOES = (DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED)


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """A message on one channel, a call to make, or a plan that comes to nothing. Times are aware.

    `channel` is a channel's key, `call`, or empty for a plan no message is made of. `status` is
    what the delivery, the call ("due") or the plan will be. `held`: what it waits for before that,
    and until when each. `params` are the moments its reason names. What it says in words is in the
    active language and zone.
    """

    at: datetime
    patient_id: UUID
    type: str
    channel: str
    status: str
    reason: Reason = Reason.NONE
    subject: str = ""
    rule: str = ""
    priority: str = ""
    level: int = 0
    held: tuple[tuple[Reason, datetime], ...] = ()
    params: dict[str, str] = field(default_factory=dict)

    @property
    def is_call(self) -> bool:
        return self.channel == Rung.CALL

    @property
    def goes(self) -> bool:
        """Return whether the patient gets it."""
        return self.status in GOES

    @property
    def label(self) -> str:
        return str(PatientNotificationType.get(self.type).label)

    @property
    def channel_label(self) -> str:
        """Return the channel in words; empty for a plan no message is made of."""
        return (
            str(_("Phone call")) if self.is_call else self.channel and channel_label(self.channel)
        )

    @property
    def says(self) -> str:
        """Return how it stands: it goes, a call is to be made, or why nothing goes."""
        if self.is_call:
            return str(_("A call to make"))
        if self.reason and not self.goes:
            return rendering.sentence(reason=self.reason, params=self.params)
        return str(_("Goes")) if self.is_outside else str(_("Shown in the portal"))

    @property
    def next_step(self) -> str:
        """Return what staff can do about what does not go."""
        return "" if self.goes else rendering.next_step(self.reason)

    @property
    def waits(self) -> list[str]:
        """Return what it is held for before, in order, a sentence each that names until when."""
        return [
            rendering.sentence(
                reason=reason, params={"date": at.isoformat(), "time": at.isoformat()}
            )
            for reason, at in self.held
        ]

    @property
    def to_patient(self) -> str:
        """Return why nothing goes, as the patient reads it; empty where it goes or we call."""
        if self.goes or self.is_call:
            return ""
        return rendering.sentence_to_patient(reason=self.reason, params=self.params)

    @property
    def waits_to_patient(self) -> list[str]:
        """Return what `waits` says, as the patient reads it."""
        return [
            rendering.sentence_to_patient(
                reason=reason, params={"date": at.isoformat(), "time": at.isoformat()}
            )
            for reason, at in self.held
        ]

    @property
    def is_outside(self) -> bool:
        """Return whether it is on a channel that leaves the portal."""
        if not self.channel or self.is_call:
            return False
        return PatientNotificationChannel.get(self.channel).contact_kind is not None

"""What goes into a decision, and what comes out."""

from dataclasses import dataclass, field
from datetime import datetime

from notifications.enums import Action, ContactStatus, Digest, Level, Reason
from notifications.hours import TimeFacts


@dataclass(frozen=True, kw_only=True)
class Facts(TimeFacts):
    """All that is known about one delivery at one moment. Times are aware."""

    # the channel
    ceiling: Level = Level.L0
    is_configured: bool = True
    has_agreement: bool = True
    # the message
    made_at: datetime | None = None
    is_on_by_default: bool = True
    is_locked: bool = False
    expires_at: datetime | None = None
    is_followed: bool = False  # by a later rung of its ladder, or by a call
    is_readable: bool = True
    is_irrelevant: bool = False
    gone_because: Reason = Reason.CANCELLED  # if it is irrelevant
    is_answered: bool = False
    together: str = ""  # what it may be one text with, to the same number
    l0_only: bool = False
    # the patient
    is_departed: bool = False
    # the patient's choices
    choice: bool | None = None
    choice_at: datetime | None = None
    paused_until: datetime | None = None
    digest: Digest = Digest.NONE
    # the address
    has_contact: bool = True
    contact_status: ContactStatus = ContactStatus.ACTIVE
    contact_status_at: datetime | None = None
    is_confidential: bool = False
    is_verified: bool = True
    has_consent: bool = True
    # what its address was told lately; `same_as` names what is the same message for several
    is_capped: bool = False
    texts_used: tuple[datetime, ...] = ()
    texts_a_day: int = 1
    texts_a_week: int = 3
    same_as: str = ""
    told_up_to: Level | None = None  # how much of the same its address was told; None: nothing
    # a later step: an earlier one failed, so the type's default says nothing any more
    is_escalated: bool = False
    # the switches
    held_since: datetime | None = None
    channel_paused_since: datetime | None = None
    channel_rests_until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do, why, when (for HOLD) and how much may be said (for SEND)."""

    action: Action
    reason: Reason = Reason.NONE
    at: datetime | None = None
    level: Level = Level.L0
    params: dict[str, str] = field(default_factory=dict)


def allowed_level(facts: Facts) -> Level:
    """Return how much may be said: the channel's ceiling, or L0 where anything is missing."""
    trusted = facts.is_verified and facts.has_consent and facts.has_agreement
    return facts.ceiling if trusted and not facts.l0_only else Level.L0

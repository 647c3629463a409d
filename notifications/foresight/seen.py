"""One thing that is coming, or why it is not."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from notifications.enums import Reason


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """A message on one channel, a call to make, or a plan that comes to nothing. Times are aware.

    `channel` is a channel's key, `call`, or empty for a plan no message is made of. `status` is
    what the delivery, the call ("due") or the plan will be. `held`: what it waits for before that,
    and until when each.
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

"""What crosses the engine's seams: payloads going in, envelopes, results and errors going out."""

from notifications.types.ladder import Steps as LadderSteps
from notifications.types.ladder import climbs, is_followed, ladder, length_of
from notifications.types.payload import (
    REFUSED_FIELDS,
    NotificationPayload,
    Rung,
    logistics,
    payload_of,
    phi,
    public,
)
from notifications.types.seam import (
    OTHER_WORDS,
    AnswerLost,
    ChannelError,
    Envelope,
    Meaning,
    NotSupported,
    PatientProfile,
    Receipt,
    Refused,
    Reply,
    SendResult,
)

__all__ = [
    "AnswerLost",
    "ChannelError",
    "Envelope",
    "LadderSteps",
    "Meaning",
    "OTHER_WORDS",
    "NotSupported",
    "NotificationPayload",
    "PatientProfile",
    "REFUSED_FIELDS",
    "Receipt",
    "Refused",
    "Reply",
    "Rung",
    "SendResult",
    "climbs",
    "is_followed",
    "ladder",
    "length_of",
    "logistics",
    "payload_of",
    "phi",
    "public",
]

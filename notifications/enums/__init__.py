"""The words of the field: closed sets as choices, open sets as registries."""

from notifications.enums.reasons import (
    NEXT_STEPS,
    Reason,
)
from notifications.enums.records import (
    AuditAction,
    CarrierEventKind,
    EventOutcome,
    InboxEventKind,
    ReplyMeaning,
    TimelineKind,
)
from notifications.enums.sending import (
    NEEDS_A_PERSON,
    OPEN_STATUSES,
    TRANSITIONS,
    Action,
    AttemptResult,
    ContactEffect,
    DeliveryStatus,
    ErrorKind,
    PlanStatus,
)
from notifications.enums.words import (
    Category,
    ContactKind,
    ContactStatus,
    Level,
    PatientNotificationChannel,
    PatientNotificationPriority,
    PatientNotificationType,
    Purpose,
    Shape,
    channel_choices,
    type_choices,
)

__all__ = [
    "Action",
    "AttemptResult",
    "AuditAction",
    "CarrierEventKind",
    "Category",
    "ContactEffect",
    "ContactKind",
    "ContactStatus",
    "DeliveryStatus",
    "ErrorKind",
    "EventOutcome",
    "InboxEventKind",
    "Level",
    "NEEDS_A_PERSON",
    "NEXT_STEPS",
    "OPEN_STATUSES",
    "PatientNotificationChannel",
    "PatientNotificationPriority",
    "PatientNotificationType",
    "PlanStatus",
    "Purpose",
    "Reason",
    "ReplyMeaning",
    "Shape",
    "TRANSITIONS",
    "TimelineKind",
    "channel_choices",
    "type_choices",
]

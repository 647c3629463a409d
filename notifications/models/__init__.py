"""The tables the truth is in. Rows are born in `creation`, `scheduler`, `contacts` and
`incoming`; a delivery's status is then moved by `delivery` alone.
"""

from notifications.crypto import PatientKey
from notifications.models.calls import CallTask
from notifications.models.choices import (
    ConfidentialRequest,
    Consent,
    ContactPoint,
    ContactVerification,
    PatientNotificationPreference,
    PatientSettings,
)
from notifications.models.inbox import COUNTED, LIVE, InboxEvent, InboxState, PatientNotification
from notifications.models.incoming import CarrierEvent, InboundText
from notifications.models.owned import OwnedByPatient
from notifications.models.sending import (
    Delivery,
    DeliveryAttempt,
    ScheduledNotification,
    TextUse,
)
from notifications.models.trail import AuditEvent, AuditSeal, Heartbeat, Switch

__all__ = [
    "AuditEvent",
    "AuditSeal",
    "COUNTED",
    "CallTask",
    "CarrierEvent",
    "ConfidentialRequest",
    "Consent",
    "ContactPoint",
    "ContactVerification",
    "Delivery",
    "DeliveryAttempt",
    "Heartbeat",
    "InboundText",
    "InboxEvent",
    "InboxState",
    "LIVE",
    "OwnedByPatient",
    "PatientKey",
    "PatientNotification",
    "PatientNotificationPreference",
    "PatientSettings",
    "ScheduledNotification",
    "Switch",
    "TextUse",
]

"""The tables the truth is in. Rows are born in `creation`, `scheduler`, `contacts` and
`incoming`; a delivery's status is then moved by `delivery` alone.
"""

from notifications.crypto import PatientKey
from notifications.models.choices import (
    Consent,
    ContactPoint,
    ContactVerification,
    PatientNotificationPreference,
)
from notifications.models.inbox import COUNTED, LIVE, InboxEvent, InboxState, PatientNotification
from notifications.models.incoming import CarrierEvent, InboundText
from notifications.models.owned import OwnedByPatient
from notifications.models.sending import Delivery, DeliveryAttempt, ScheduledNotification
from notifications.models.trail import AuditEvent, AuditSeal, Heartbeat, Switch

__all__ = [
    "AuditEvent",
    "AuditSeal",
    "COUNTED",
    "CarrierEvent",
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
    "ScheduledNotification",
    "Switch",
]

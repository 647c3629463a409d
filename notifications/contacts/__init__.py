"""Addresses: adding, verifying by code, and what becomes of them.

A new address takes the place of the old one only when it is verified. Nothing but its own code
is sent to an unverified number.
"""

from notifications.contacts.addresses import (
    add,
    find,
    masked,
    normalise,
    of_patient,
    remove,
    set_status,
)
from notifications.contacts.verification import mark_verified, send_code, verify

__all__ = [
    "add",
    "find",
    "mark_verified",
    "masked",
    "normalise",
    "of_patient",
    "remove",
    "send_code",
    "set_status",
    "verify",
]

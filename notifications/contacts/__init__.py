"""Addresses: adding, verifying by code, and what becomes of them.

A new address takes the place of the old one only when it is verified. Nothing but its own code
is sent to an unverified number.
"""

from notifications.contacts.addresses import (
    GONE,
    add,
    ever_of_patient,
    find,
    has_stopped,
    masked,
    normalise,
    of_patient,
    remove,
    set_status,
)
from notifications.contacts.agreeing import answer, purposes_for
from notifications.contacts.confidential import (
    allowed_among,
    end_request,
    forbidden,
    is_forbidden,
    open_requests,
    record_request,
)
from notifications.contacts.opt_out import addresses_at, hold, index_of, opt_in, opt_out
from notifications.contacts.places import place_of
from notifications.contacts.trying import send_test
from notifications.contacts.verification import asked_for, mark_verified, send_code, verify

__all__ = [
    "asked_for",
    "allowed_among",
    "place_of",
    "record_request",
    "open_requests",
    "is_forbidden",
    "forbidden",
    "end_request",
    "GONE",
    "add",
    "addresses_at",
    "answer",
    "ever_of_patient",
    "find",
    "has_stopped",
    "hold",
    "index_of",
    "mark_verified",
    "masked",
    "normalise",
    "of_patient",
    "opt_in",
    "opt_out",
    "purposes_for",
    "remove",
    "send_code",
    "send_test",
    "set_status",
    "verify",
]

"""Reads the tables for policy: a fixed number of queries for any number of deliveries.

This is the only way a decision gets its inputs. Deliveries may be unsaved, so that previews and
forecasts ask the same question as the sender.
"""

from notifications.facts.gathered import facts_for
from notifications.facts.messages import consent_purpose, payload_in
from notifications.facts.people import (
    GONE,
    People,
    addresses_in_use,
    best_contact,
    profiles_for,
)

__all__ = [
    "GONE",
    "People",
    "addresses_in_use",
    "best_contact",
    "consent_purpose",
    "facts_for",
    "payload_in",
    "profiles_for",
]

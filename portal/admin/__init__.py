"""The clinic for staff: people, places, visits and rules. Visits change through the services."""

from portal.admin import (
    billing,
    patient_forms,
    people,
    places,
    recalls,
    rules,
    visits,
    waiting,
)

__all__ = [
    "billing",
    "patient_forms",
    "people",
    "places",
    "recalls",
    "rules",
    "visits",
    "waiting",
]

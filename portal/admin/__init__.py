"""The clinic for staff: people, places, visits and rules. Visits change through the services."""

from portal.admin import billing, people, places, recalls, visits, waiting

__all__ = ["billing", "people", "places", "recalls", "visits", "waiting"]

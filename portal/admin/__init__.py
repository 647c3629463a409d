"""The clinic for staff: people, places, visits and rules. Visits change through the services."""

from portal.admin import people, places, visits

__all__ = ["people", "places", "visits"]

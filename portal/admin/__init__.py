"""The clinic for staff: people, places, visits and rules. Visits change through the services."""

from portal.admin import patient_forms, people, places, rules, visits

__all__ = ["patient_forms", "people", "places", "rules", "visits"]

"""A visit's calendar: what is sent about it and when, by the rules of its location.

`plans_of` is the pure core; `replan` brings the plans of some visits in line with it.
"""

from portal.services.visit_calendar.facts import VisitFacts
from portal.services.visit_calendar.hours import Hours
from portal.services.visit_calendar.known import Known, known_about
from portal.services.visit_calendar.replanning import (
    Manner,
    Replanned,
    plans_if,
    replan,
    replan_all,
)
from portal.services.visit_calendar.visit_plans import VisitPlan, plans_of, to_plan

__all__ = [
    "Hours",
    "Known",
    "Manner",
    "Replanned",
    "VisitFacts",
    "VisitPlan",
    "known_about",
    "plans_if",
    "plans_of",
    "replan",
    "replan_all",
    "to_plan",
]

"""A visit's calendar: what is sent about it and when, by the rules of its location.

`plans_of` is the pure core; `replan` brings the plans of some visits in line with it.
"""

from portal.services.planning.facts import VisitFacts
from portal.services.planning.hours import Hours
from portal.services.planning.replanning import Manner, Replanned, replan, replan_all
from portal.services.planning.visit_plans import VisitPlan, plans_of, to_plan

__all__ = [
    "Hours",
    "Manner",
    "Replanned",
    "VisitFacts",
    "VisitPlan",
    "plans_of",
    "replan",
    "replan_all",
    "to_plan",
]

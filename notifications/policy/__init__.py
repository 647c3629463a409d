"""The one place that decides: send now, hold until, or skip, and why.

Pure: facts in, decision out; no tables, no clock, no settings. The same function sends, explains
("why did she not get it?"), previews and foretells. Gates are asked in order; the first that
objects wins.
"""

from notifications.enums import Action, Level
from notifications.policy.facts import Decision, Facts
from notifications.policy.gates import GATES

__all__ = ["GATES", "Decision", "Facts", "allowed_level", "decide", "explain"]


def decide(facts: Facts) -> Decision:
    """Return the decision of the first gate that objects, else SEND with the level allowed."""
    objections = (gate(facts) for gate in GATES)
    first = next((decision for decision in objections if decision), None)
    return first or Decision(action=Action.SEND, level=allowed_level(facts))


def explain(facts: Facts) -> list[tuple[str, Decision | None]]:
    """Return every gate by name with its objection, in the order they are asked."""
    return [(gate.__name__, gate(facts)) for gate in GATES]


def allowed_level(facts: Facts) -> Level:
    """Return how much may be said: the channel's ceiling, or L0 where anything is missing."""
    trusted = facts.is_verified and facts.has_consent and facts.has_agreement
    return facts.ceiling if trusted and not facts.l0_only else Level.L0

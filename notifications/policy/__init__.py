"""The one place that decides: send now, hold until, or skip, and why.

Pure: facts in, decision out; no tables, no clock, no settings. The same function sends, explains
("why did she not get it?"), previews and foretells. Gates are asked in order; the first that
objects wins.
"""

from notifications.enums import Action
from notifications.policy.facts import Decision, Facts, allowed_level
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

"""What a batch has begun so far, on top of what the tables say: decided in order, in memory.

A claim starts an empty one for each batch and writes what it sends; a forecast keeps one through
all its days, and writes nothing.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime

from notifications.enums import ContactKind, Level
from notifications.models import Delivery
from notifications.policy import Facts, allowed_level
from notifications.told import Said


@dataclass(frozen=True, kw_only=True)
class Tally:
    """The texts of each number, and what was said where, since the tables were read."""

    texts: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    said: dict[Said, Level] = field(default_factory=dict)  # up to which level

    def added_to(self, facts: Facts, *, row: Delivery) -> Facts:
        """Return the facts of a delivery (its `contact` as `facts_for` set it), this included."""
        if row.contact is None:
            return facts
        told = (facts.told_up_to, self.said.get(_said(row, facts)))
        return replace(
            facts,
            texts_used=(*facts.texts_used, *self.texts.get(row.contact.value_index, ())),
            told_up_to=max((level for level in told if level is not None), default=None),
        )

    def note(self, row: Delivery, facts: Facts, *, is_part: bool = False) -> None:
        """Count a delivery that is sent at `facts.now`; as part of another it is no other text."""
        if row.contact is None:
            return
        if facts.contact_kind == ContactKind.PHONE and not is_part:
            self.texts[row.contact.value_index].append(facts.now)
        if facts.same_as:
            before = self.said.get(_said(row, facts), Level.L0)
            self.said[_said(row, facts)] = max(before, allowed_level(facts))


def _said(row: Delivery, facts: Facts) -> Said:
    return row.channel, facts.same_as, row.contact.value_index

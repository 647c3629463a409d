"""Several messages that go as one: which of them leads, and what becomes of the others. Pure.

A summary by e-mail and the texts of a household are both made of this. Words are written
afterwards, with the whole group in sight.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from notifications.delivery.words import Words
from notifications.enums import Action, Reason
from notifications.models import Delivery
from notifications.policy import Decision, Facts


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was decided about a row and on what grounds, and the words where it is to be sent.

    Of messages that go as one, the lead is sent and names the others in `merged`; theirs is a
    skip that names the lead in `into`.
    """

    row: Delivery
    decision: Decision
    facts: Facts | None = None
    words: Words | None = None
    is_readdressed: bool = False
    merged: tuple[Delivery, ...] = ()
    into: Delivery | None = None

    @property
    def is_sent(self) -> bool:
        return self.decision.action == Action.SEND


Key = Callable[[Verdict], Hashable | None]

MERGED = Decision(action=Action.SKIP, reason=Reason.MERGED)


def newest(verdict: Verdict) -> tuple[datetime, UUID]:
    """Order verdicts by when their messages were made."""
    return verdict.row.notification.created_at, verdict.row.pk


def merge(
    verdicts: Sequence[Verdict],
    *,
    key: Key,
    lead: Callable[[Verdict], object] = newest,
) -> list[Verdict]:
    """Return the verdicts, in order, where those to be sent with the same key are one.

    `key` answers None for what goes by itself. Of a group the greatest by `lead` is sent, with
    the others in `merged`, newest first, at the lowest level that any of them allows; the others
    are skipped as MERGED, `into` it. A lead of an earlier merging, and what was merged, stay.
    """
    groups: dict[Hashable, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        name = key(verdict) if verdict.is_sent and not verdict.merged else None
        if name is not None:
            groups[name].append(verdict)
    changed: dict[UUID, Verdict] = {}
    for group in groups.values():
        if len(group) > 1:
            changed |= _as_one(group, leader=max(group, key=lead))
    return [changed.get(verdict.row.pk, verdict) for verdict in verdicts]


def _as_one(group: Sequence[Verdict], *, leader: Verdict) -> dict[UUID, Verdict]:
    others = sorted((each for each in group if each is not leader), key=newest, reverse=True)
    level = min(each.decision.level for each in group)
    whole = replace(
        leader,
        decision=replace(leader.decision, level=level),
        merged=tuple(each.row for each in others),
    )
    parts = {each.row.pk: replace(each, decision=MERGED, into=leader.row) for each in others}
    return parts | {leader.row.pk: whole}


def first_of(verdicts: Sequence[Verdict], *, limit: int) -> list[Verdict]:
    """Return the verdicts up to the `limit`th that is sent, with all that is merged into those.

    The rows after stay as they are. `limit` is one or more.
    """
    sent = [place for place, verdict in enumerate(verdicts) if verdict.is_sent]
    if len(sent) < limit:
        return list(verdicts)
    end = sent[limit - 1]
    leads = {verdicts[place].row.pk for place in sent[:limit]}
    return [
        verdict
        for place, verdict in enumerate(verdicts)
        if (verdict.into.pk in leads if verdict.into else place <= end)
    ]

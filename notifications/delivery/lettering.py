"""Which texts of a household are one, and what the visits in it are called: A, B, C. Pure."""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from notifications.delivery.merging import Verdict
from notifications.enums import ContactKind
from notifications.facts import payload_in
from notifications.models import Delivery
from notifications.rendering import LETTERS

LETTER = "letter"  # where a delivery keeps what a household's text calls its visit


def household_key(verdict: Verdict) -> Hashable | None:
    """Return what tells the texts that are one: the number, and what may go together."""
    facts, row = verdict.facts, verdict.row
    is_text = facts is not None and facts.contact_kind == ContactKind.PHONE
    if not is_text or not facts.together or row.contact is None:
        return None
    return "household", row.channel, row.contact.value_index, facts.together


def earliest(verdict: Verdict) -> tuple[float, int]:
    """Order verdicts so that the one of the earliest visit is the greatest: it leads."""
    at, pk = _order(verdict.row)
    return -at.timestamp(), -pk.int


def lettered(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return the verdicts, where what is merged into a text has its letter, in order of time.

    Of more visits than there are letters no text can speak: it is the neutral one.
    """
    letters: dict[UUID, str] = {}
    for lead in filter(_leads_household, verdicts):
        rows = sorted(lead.merged, key=_order)
        letters |= dict(zip((row.pk for row in rows), LETTERS[1:], strict=False))
    return [_with_letter(each, letters) for each in verdicts]


def _leads_household(verdict: Verdict) -> bool:
    is_text = verdict.facts is not None and verdict.facts.contact_kind == ContactKind.PHONE
    return is_text and bool(verdict.merged)


def _with_letter(verdict: Verdict, letters: dict[UUID, str]) -> Verdict:
    if _leads_household(verdict):
        return replace(verdict, merged=tuple(sorted(verdict.merged, key=_order)))
    if verdict.row.pk not in letters:
        return verdict
    named = replace(verdict.decision, params={LETTER: letters[verdict.row.pk]})
    return replace(verdict, decision=named)


def _order(row: Delivery) -> tuple[datetime, UUID]:
    payload = payload_in(row.notification)
    at = payload.happens_at() if payload is not None else None
    return at or row.notification.created_at, row.pk

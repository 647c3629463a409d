"""What is to become of each delivery of a batch: decided in order, and written where it is sent.

Changes no row. `claim` writes what is decided here.
"""

import logging
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from django.db import Error

from notifications import clock
from notifications.delivery.lettering import earliest, household_key, lettered
from notifications.delivery.merging import Verdict, first_of, merge
from notifications.delivery.tally import Tally
from notifications.delivery.words import compose
from notifications.enums import Action, ContactKind, PatientNotificationPriority, Reason
from notifications.facts import People, facts_for
from notifications.households import common_profile
from notifications.models import Delivery
from notifications.policy import Decision, Facts, decide
from notifications.switches import Switches
from notifications.types import PatientProfile

__all__ = ["Verdict", "decide_all", "judge"]

logger = logging.getLogger(__name__)

UNWRITABLE = Decision(action=Action.SKIP, reason=Reason.UNWRITABLE)


def judge(
    due: Sequence[Delivery],
    *,
    limit: int,
    people: People,
    switched: Switches,
) -> list[Verdict]:
    """Decide row by row until `limit` are to be sent, and write those; the rows after stay.

    Of a group whose words cannot be written the lead is skipped, and the others are left for the
    next look.
    """
    decided = decide_all(due, people=people, switched=switched, tally=Tally())
    verdicts = [
        _worded(each, _profile(each, people.profiles)) for each in first_of(decided, limit=limit)
    ]
    leads = {each.row.pk for each in verdicts if each.words is not None}
    return [each for each in verdicts if each.into is None or each.into.pk in leads]


def decide_all(
    due: Sequence[Delivery], *, people: People, switched: Switches, tally: Tally
) -> list[Verdict]:
    """Decide on each delivery as of the clock's time, in order; what goes as one counts as one.

    `tally` counts what is sent, also for whoever is decided on after these. No words are written,
    so that a forecast may ask.
    """
    addressed_to = [row.contact_id for row in due]
    known = facts_for(deliveries=due, now=clock.now(), people=people, switched=switched)
    decided = _decided(zip(due, known, addressed_to, strict=True), tally=tally)
    merged = merge(decided, key=summary_key)
    return lettered(merge(merged, key=household_key, lead=earliest))


def _decided(rows: Iterable[tuple[Delivery, Facts, UUID | None]], *, tally: Tally) -> list[Verdict]:
    """Decide in order; what is sent is counted before the next is decided on, a group once.

    What is looked at ahead of its time comes last, and only goes along with what is due.
    """
    verdicts: list[Verdict] = []
    begun: set[Hashable] = set()
    for each in sorted(rows, key=_is_ahead):
        row, facts, contact_id = each
        verdict = _verdict(row, facts, contact_id)
        group = summary_key(verdict) or household_key(verdict)
        if verdict.is_sent and _is_ahead(each) and group not in begun:
            continue
        if verdict.is_sent:
            facts = tally.added_to(facts, row=row)
            verdict = _verdict(row, facts, contact_id)
        if verdict.is_sent:
            tally.note(row, facts, is_part=group in begun)
            begun |= {group} - {None}
        verdicts.append(verdict)
    return [_along(verdict, begun) for verdict in verdicts]


def _is_ahead(each: tuple[Delivery, Facts, UUID | None]) -> bool:
    row, facts, _contact_id = each
    return row.due_at > facts.now


def _along(verdict: Verdict, begun: set[Hashable]) -> Verdict:
    """Let what yielded go along with a text of its household that is sent: it is the same text."""
    has_yielded = verdict.decision.reason == Reason.RATE_LIMITED
    if not has_yielded or household_key(verdict) not in begun:
        return verdict
    facts = replace(verdict.facts, is_capped=False)
    return replace(verdict, decision=decide(facts), facts=facts)


def summary_key(verdict: Verdict) -> Hashable | None:
    """Return what tells the e-mails that are one summary: the patient and the address."""
    facts = verdict.facts
    is_mail = facts is not None and facts.contact_kind == ContactKind.EMAIL
    if not (is_mail and facts.digest and facts.priority == PatientNotificationPriority.LOW):
        return None
    return "summary", verdict.row.notification.patient_id, verdict.row.contact_id


def _profile(verdict: Verdict, profiles: Mapping[UUID, PatientProfile]) -> PatientProfile:
    """Return how to address whom it goes to: of a household's text, all of them."""
    patients = [row.notification.patient_id for row in (verdict.row, *verdict.merged)]
    return common_profile([profiles[patient_id] for patient_id in patients])


def _verdict(row: Delivery, facts: Facts, contact_id: UUID | None) -> Verdict:
    try:
        decision = decide(facts)
    except Exception as fault:  # whatever breaks in one must not keep the others waiting
        return _unwritable(row, fault)
    is_readdressed = row.contact_id != contact_id
    return Verdict(row=row, decision=decision, facts=facts, is_readdressed=is_readdressed)


def _worded(verdict: Verdict, profile: PatientProfile) -> Verdict:
    """Write what is to be sent, with all that is merged into it."""
    if not verdict.is_sent:
        return verdict
    row, level = verdict.row, verdict.decision.level
    try:
        words = compose(row, level=level, profile=profile, merged=verdict.merged)
    except Error:
        raise
    except Exception as fault:  # whatever breaks in one must not keep the others waiting
        return _unwritable(row, fault)
    return replace(verdict, words=words)


def _unwritable(row: Delivery, fault: Exception) -> Verdict:
    logger.error("delivery %s cannot be written: %s", row.pk, type(fault).__name__)
    return Verdict(row=row, decision=UNWRITABLE)

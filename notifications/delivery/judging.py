"""What is to become of each delivery of a batch: decided in order, and written where it is sent.

Changes no row. `claim` writes what is decided here.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import Error

from notifications import clock
from notifications.delivery.tally import Tally
from notifications.delivery.words import Words, compose
from notifications.enums import Action, Reason
from notifications.facts import facts_for
from notifications.models import Delivery
from notifications.policy import Decision, Facts, decide
from notifications.switches import Switches
from notifications.types import PatientProfile

logger = logging.getLogger(__name__)

UNWRITABLE = Decision(action=Action.SKIP, reason=Reason.UNWRITABLE)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was decided about a row, and the words where it is to be sent."""

    row: Delivery
    decision: Decision
    words: Words | None = None
    is_readdressed: bool = False


def judge(
    due: Sequence[Delivery],
    *,
    limit: int,
    profiles: dict[UUID, PatientProfile],
    switched: Switches,
    tally: Tally | None = None,
) -> list[Verdict]:
    """Decide row by row until `limit` are to be sent; the rows after stay as they are.

    `tally` counts what is sent, also for whoever is judged after this batch.
    """
    addressed_to = [row.contact_id for row in due]
    known = facts_for(deliveries=due, now=clock.now(), profiles=profiles, switched=switched)
    tally = tally or Tally()
    verdicts: list[Verdict] = []
    for row, facts, contact_id in zip(due, known, addressed_to, strict=True):
        facts = tally.added_to(facts, row=row)
        verdicts.append(_verdict(row, facts, profiles[row.notification.patient_id], contact_id))
        if verdicts[-1].words is not None:
            tally.note(row, facts)
            limit -= 1
        if not limit:
            break
    return verdicts


def _verdict(
    row: Delivery, facts: Facts, profile: PatientProfile, contact_id: UUID | None
) -> Verdict:
    is_readdressed = row.contact_id != contact_id
    try:
        decision = decide(facts)
        is_sent = decision.action == Action.SEND
        words = compose(row, level=decision.level, profile=profile) if is_sent else None
    except Error:
        raise
    except Exception as fault:  # whatever breaks in one text must not keep the others waiting
        logger.error("delivery %s cannot be written: %s", row.pk, type(fault).__name__)
        return Verdict(row=row, decision=UNWRITABLE)
    return Verdict(row=row, decision=decision, words=words, is_readdressed=is_readdressed)
